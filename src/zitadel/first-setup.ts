/**
 * Owns what ZITADEL takes from its configuration at the first setup alone: the names of the first organisation and administrator (setup
 * step `03_default_instance`, which runs once; ZITADEL v4.13). Those of then go on standing in the values of the release, and are what
 * people are told. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../engine/fault.ts';
import { find, put } from '../stack/values.ts';
import { organizationDomain } from './identity.ts';

type Values = Readonly<Record<string, unknown>>;

const CONFIGURATION = ['zitadel', 'configmapConfig'];
const ORGANIZATION = [...CONFIGURATION, 'FirstInstance', 'Org'];
const DOMAIN = [...CONFIGURATION, 'ExternalDomain'];
const NAME = [...ORGANIZATION, 'Name'];
const HUMAN = [...ORGANIZATION, 'Human'];
const USER = [...HUMAN, 'UserName'];
const EMAIL = [...HUMAN, 'Email', 'Address'];

const SETTINGS: readonly { readonly setting: string; readonly path: readonly string[] }[] = [
  { setting: 'zitadel.organization', path: NAME },
  { setting: 'zitadel.admin.userName', path: USER },
  { setting: 'zitadel.admin.firstName', path: [...HUMAN, 'FirstName'] },
  { setting: 'zitadel.admin.lastName', path: [...HUMAN, 'LastName'] },
  { setting: 'zitadel.admin.email', path: EMAIL },
  { setting: 'zitadel.admin.changePassword', path: [...HUMAN, 'PasswordChangeRequired'] },
];

const at = (values: Values, path: readonly string[]): unknown => find(values, path)?.value;
const textAt = (values: Values, path: readonly string[]): string => String(at(values, path) ?? '');

/**
 * `<user>@<organisation>.<domain>`; a user name that is an address already stays as it is (ZITADEL v4.13, observed). Undefined where
 * the values make no administrator.
 */
export function loginNameIn(values: Values): string | undefined {
  const user = textAt(values, USER);
  if (user === '') return undefined;
  return user.includes('@') ? user : `${user}@${organizationDomain(textAt(values, NAME), textAt(values, DOMAIN))}`;
}

/** The wanted values with the names of the first setup. */
export function keepFirst(before: Values, wanted: Values): Values {
  const kept = structuredClone(wanted) as Record<string, unknown>;
  for (const { path } of SETTINGS) {
    const first = at(before, path);
    if (first !== undefined) put(kept, path, first);
  }
  // The organisation keeps its domain when the host name changes, and the login name with it.
  const login = loginNameIn(before);
  if (login !== undefined && textAt(before, DOMAIN) !== textAt(wanted, DOMAIN)) put(kept, USER, login);
  return kept;
}

/**
 * What the stack file says and ZITADEL, once set up, does not take from it; and what another host name brings.
 * @param contact the stack's: an administrator's address that is the same follows it, and is no wish of its own
 */
export function firstSetupWarnings(before: Values, wanted: Values, contact: string): Fault[] {
  const [from, to] = [textAt(before, DOMAIN), textAt(wanted, DOMAIN)];
  const wishes = SETTINGS.filter(({ path }) => path !== EMAIL || textAt(wanted, EMAIL) !== contact);
  return [...(from === '' || from === to ? [] : [moved(from, to)]), ...wishes.flatMap((one) => ineffective(one, before, wanted))];
}

/** Whether what is served goes on under the same name, and with the same certificate's Secret. */
export function sameSite(before: Values, wanted: Values): boolean {
  return [DOMAIN, ['ingress', 'tls'], ['login', 'ingress', 'tls']].every((path) => isDeepStrictEqual(at(before, path), at(wanted, path)));
}

function ineffective({ setting, path }: (typeof SETTINGS)[number], before: Values, wanted: Values): Fault[] {
  const [first, next] = [at(before, path), at(wanted, path)];
  // The whole login name stands there once the host name has changed.
  const same = first === next || (path === USER && String(first).startsWith(`${String(next)}@`));
  if (first === undefined || next === undefined || same) return [];
  return [
    new Fault(`${setting} is "${String(next)}" and ZITADEL was set up with "${String(first)}": it reads that at its first setup only`, {
      hint: `Change it in ZITADEL's console; in the stack file "${String(first)}" ends this warning.`,
    }),
  ];
}

/** `setup`, which runs at each upgrade, adds the domain to the instance and to the console's redirect addresses (ZITADEL v4, step `config_change`). */
function moved(from: string, to: string): Fault {
  return new Fault(`domain is ${to} and ZITADEL is served under ${from}: its issuer becomes https://${to}, and ${from} is not served any more`, {
    hint:
      `Give each application the new issuer, and identity providers the new redirect address; passkeys and security keys hold for ${from} alone. ` +
      `Login names keep their ending. An A record of ${from} in another zone than that of ${to} stays: delete it there.`,
  });
}
