/**
 * Owns the inputs of `action.yml`: reads them once, turns them into typed values, gathers every problem. Nothing after
 * it reads `INPUT_*`. What the stack file says is `stack/`'s, the rules for secrets are `stack/secrets.ts`'s business.
 */
import { Fault, Faults } from '../engine/fault.ts';
import { DIGEST_FORM } from '../report/plan-digest.ts';
import { Secret } from '../secret.ts';

export const commands = ['deploy', 'plan', 'drift', 'destroy', 'check'] as const;
export type Command = (typeof commands)[number];

/** How to sign in; the shape that `otc/` takes. */
export type CredentialInputs =
  | { readonly kind: 'access-key'; readonly accessKey: string; readonly secretKey: Secret; readonly securityToken?: Secret | undefined }
  | { readonly kind: 'password'; readonly username: string; readonly password: Secret; readonly domainName: string }
  | { readonly kind: 'oidc'; readonly identityProvider: string; readonly audience: string };

export interface UserInput {
  readonly username: string;
  readonly password: Secret;
  readonly domainName: string;
}

const targets = ['deploy', 'destroy'] as const;

export interface ToolInput {
  readonly version: string;
  readonly checksum?: string | undefined;
  readonly mirror?: string | undefined;
}

export interface Inputs {
  readonly command: Command;
  readonly config: string;
  /** Absent for a `check` of the stack file alone. */
  readonly credentials?: CredentialInputs | undefined;
  readonly project?: string | undefined;
  readonly identityEndpoint?: string | undefined;
  readonly secrets: {
    readonly stackSecret?: Secret | undefined;
    readonly masterkey?: Secret | undefined;
    readonly databaseRootPassword?: Secret | undefined;
    readonly databaseUserPassword?: Secret | undefined;
    readonly adminPassword?: Secret | undefined;
    readonly bastionKeySeed?: Secret | undefined;
  };
  /** Permanent key of the DNS01 solver; absent: the key in use, where that is permanent. */
  readonly acme?: { readonly accessKey: string; readonly secretKey: Secret } | undefined;
  /** User with whom external-dns signs in; absent: the one of this run, where that is a user with a password. */
  readonly externalDns?: UserInput | undefined;
  readonly planDigest?: string | undefined;
  /** The command that `plan` shows beforehand. */
  readonly target: (typeof targets)[number];
  /** Name of the stack, typed again, to allow `destroy`. */
  readonly confirmDestroy?: string | undefined;
  /** For a registry or repository of charts that is not open to all. */
  readonly chartAccount?: { readonly host: string; readonly username: string; readonly password: Secret } | undefined;
  readonly helm: ToolInput;
  readonly kubectl: ToolInput;
  /** Tells this run its public address as plain text. */
  readonly addressEndpoint: string;
  readonly githubToken?: Secret | undefined;
  readonly comment: boolean;
  readonly driftIssue: boolean;
  /** `plan` and `drift` fail where they find something. */
  readonly failOnChanges: boolean;
}

/** Defaults, the same as in `action.yml` (compared by a test); they serve where the runner gives none. */
export const inputDefaults: Readonly<Record<string, string>> = {
  command: 'deploy',
  config: 'zitadel.yaml',
  'identity-audience': 'zitadel-on-otc',
  target: 'deploy',
  'chart-registry': 'docker.io',
  'helm-version': '4.1.4',
  'kubectl-version': '1.34.5',
  'address-endpoint': 'https://api.ipify.org',
  comment: 'false',
  'drift-issue': 'false',
  'fail-on-changes': 'false',
};

/** Inputs that travel in HTTP headers or are keys, which are visible ASCII (RFC 9110, 5.5). */
const TOKENS = ['access-key', 'secret-key', 'security-token', 'acme-access-key', 'acme-secret-key', 'github-token'];
/** Inputs of one line. */
const LINES = [
  ...['config', 'project', 'username', 'password', 'domain-name', 'identity-provider', 'identity-audience', 'confirm-destroy'],
  ...['external-dns-username', 'external-dns-password', 'external-dns-domain-name'],
];

/** Of a digest that is none: without it a deploy would do what nobody approved, so it is no advice to leave it out. */
const NO_DIGEST =
  'The job that planned gave none: its plan failed, or the runner left the output out because it contains the value of a secret, and said ' +
  'so in that job. Plan again; give a secret whose value is an ordinary word another one.';

/** What in a value cannot be right, never the value itself. */
function foreignIn(value: string, token: boolean): string | undefined {
  if (/[\r\n\u2028\u2029]/.test(value)) return 'a line break';
  if (/\p{Cc}/u.test(value)) return 'a control character';
  if (!token) return undefined;
  if (/\s/.test(value)) return 'white space';
  return /[^\x21-\x7e]/.test(value) ? 'a character outside ASCII' : undefined;
}

type Text = (name: string) => string | undefined;

function textIn(env: Readonly<Record<string, string | undefined>>): Text {
  return (name) => env[`INPUT_${name.toUpperCase()}`]?.trim() || inputDefaults[name];
}

/** The command alone, for the report of a run whose other inputs cannot be used; undefined where it is none itself. */
export function commandIn(env: Readonly<Record<string, string | undefined>>): Command | undefined {
  const given = textIn(env)('command');
  return commands.find((command) => command === given);
}

/**
 * Reads the inputs; surrounding white space is cut, an empty string counts as absent.
 * @param hintOf what is right for the secret of an input, where a service or this action has a rule for it
 * @throws Faults with all problems; no message contains a secret
 */
export function readInputs(
  env: Readonly<Record<string, string | undefined>>,
  hintOf: (input: string) => string | undefined = () => undefined,
): Inputs {
  const faults: Fault[] = [];
  const refuse = (message: string, hint: string): undefined => {
    faults.push(new Fault(message, { hint }));
    return undefined;
  };
  const text = textIn(env);
  refuseForeignCharacters(text, refuse);
  const { matching, secret, boolean, choice, tool } = formsOf(text, refuse, hintOf);
  const command = choice('command', commands);
  const inputs = {
    command,
    config: text('config') ?? '',
    credentials: readCredentials(text, secret, refuse, command),
    project: text('project'),
    identityEndpoint: matching('identity-endpoint', /^https:\/\/[^\s?#]+$/, 'an https:// URL'),
    secrets: {
      stackSecret: secret('stack-secret'),
      masterkey: secret('masterkey'),
      databaseRootPassword: secret('database-password'),
      databaseUserPassword: secret('database-user-password'),
      adminPassword: secret('admin-password'),
      bastionKeySeed: secret('bastion-key'),
    },
    acme: readAcme(text, secret, refuse),
    externalDns: readExternalDns(text, secret, refuse),
    target: choice('target', targets),
    planDigest: matching('plan-digest', DIGEST_FORM, 'a digest as the output plan-digest gives it', NO_DIGEST),
    confirmDestroy: text('confirm-destroy'),
    chartAccount: readChartAccount(
      matching('chart-registry', /^[a-zA-Z0-9.-]+(:\d+)?$/, 'a host such as registry.example.com') ?? '',
      text('chart-registry-username'),
      secret('chart-registry-password'),
      refuse,
    ),
    helm: tool('helm'),
    kubectl: tool('kubectl'),
    addressEndpoint: matching('address-endpoint', /^https:\/\/[^\s?#]+$/, 'an https:// URL') ?? '',
    githubToken: secret('github-token'),
    comment: boolean('comment'),
    driftIssue: boolean('drift-issue'),
    failOnChanges: boolean('fail-on-changes'),
  };
  if (faults.length > 0) throw new Faults(faults);
  return inputs;
}

/** Tokens and lines that were copied with something that does not belong to them. */
function refuseForeignCharacters(text: Text, refuse: Refuse): void {
  for (const name of [...TOKENS, ...LINES]) {
    const foreign = foreignIn(text(name) ?? '', TOKENS.includes(name));
    if (foreign !== undefined)
      refuse(
        `input ${name} contains ${foreign}`,
        'Store it anew, on one line and without what was copied along; white space around it does no harm.',
      );
  }
}

/** Inputs by the form that they must have; what has another is refused. */
function formsOf(text: Text, refuse: Refuse, hintOf: (input: string) => string | undefined) {
  const matching = (name: string, pattern: RegExp, right: string, hint = `Give ${right}, or leave it out.`): string | undefined => {
    const value = text(name);
    return value === undefined || pattern.test(value) ? value : refuse(`input ${name}: "${value}" is not ${right}`, hint);
  };
  const secret = (name: string): Secret | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (value.length < 8)
      return refuse(`input ${name} has ${value.length} characters; fewer than 8 cannot be kept out of logs`, hintOf(name) ?? 'Give a longer one.');
    return new Secret(value, name);
  };
  const boolean = (name: string): boolean => {
    const value = text(name) ?? 'false';
    if (!['true', 'false'].includes(value)) refuse(`input ${name}: "${value}" is neither true nor false`, 'Write true or false.');
    return value === 'true';
  };
  const choice = <const T extends readonly string[]>(name: string, options: T): T[number] => {
    const value = text(name);
    if (value !== undefined && options.includes(value)) return value;
    refuse(`input ${name}: "${value ?? ''}" is not possible`, `Right would be ${options.join(', ')}.`);
    return options[0] ?? '';
  };
  const tool = (name: 'helm' | 'kubectl'): ToolInput => ({
    version: matching(`${name}-version`, /^v?\d+\.\d+\.\d+$/, 'a version such as 4.1.4')?.replace(/^v/, '') ?? inputDefaults[`${name}-version`] ?? '',
    checksum: matching(`${name}-checksum`, /^(sha256:)?[0-9a-fA-F]{64}$/, 'a sha256 of 64 hexadecimal digits')
      ?.replace(/^sha256:/, '')
      .toLowerCase(),
    mirror: matching(`${name}-mirror`, /^https:\/\/[^\s?#]+$/, 'an https:// URL')?.replace(/\/+$/, ''),
  });
  return { matching, secret, boolean, choice, tool };
}

type SecretOf = (name: string) => Secret | undefined;
type Refuse = (message: string, hint: string) => undefined;

/** Exactly one way to sign in, complete; none at all serves a `check`, which then reads the stack file alone. */
function readCredentials(text: Text, secret: SecretOf, refuse: Refuse, command: Command): CredentialInputs | undefined {
  const ways = {
    'access-key': ['access-key', 'secret-key'],
    username: ['username', 'password', 'domain-name'],
    'identity-provider': ['identity-provider'],
  } as const;
  const chosen = (Object.keys(ways) as (keyof typeof ways)[]).filter((way) =>
    ways[way].some((name) => name !== 'domain-name' && text(name) !== undefined),
  );
  if (chosen.length === 0 && command === 'check') return undefined;
  if (chosen.length !== 1) {
    const what = chosen.length === 0 ? 'no credentials are given' : `credentials are given in ${chosen.length} ways`;
    return refuse(
      what,
      'Give either access-key and secret-key, or username, password and domain-name, or identity-provider. An empty secret often means that the secret is not set, or that the run comes from a fork.',
    );
  }
  const way = chosen[0] as keyof typeof ways;
  const missing = ways[way].filter((name) => text(name) === undefined);
  if (missing.length > 0)
    return refuse(`input ${missing.join(', ')} is missing`, `It belongs to ${ways[way].filter((name) => !missing.includes(name)).join(', ')}.`);
  if (way !== 'access-key' && text('security-token') !== undefined)
    refuse('input security-token goes with access-key and secret-key only', 'Remove it.');
  if (way === 'access-key') {
    const secretKey = secret('secret-key');
    return secretKey === undefined
      ? undefined
      : { kind: 'access-key', accessKey: text('access-key') ?? '', secretKey, securityToken: secret('security-token') };
  }
  if (way === 'username') {
    const password = secret('password');
    return password === undefined
      ? undefined
      : { kind: 'password', username: text('username') ?? '', password, domainName: text('domain-name') ?? '' };
  }
  return { kind: 'oidc', identityProvider: text('identity-provider') ?? '', audience: text('identity-audience') ?? '' };
}

function readAcme(text: Text, secret: SecretOf, refuse: Refuse): Inputs['acme'] {
  const accessKey = text('acme-access-key');
  if ((accessKey === undefined) !== (text('acme-secret-key') === undefined)) {
    return refuse('inputs acme-access-key and acme-secret-key go together', 'Give both, or neither.');
  }
  const secretKey = secret('acme-secret-key');
  return accessKey === undefined || secretKey === undefined ? undefined : { accessKey, secretKey };
}

/** The domain name may be that of this run's own user. */
function readExternalDns(text: Text, secret: SecretOf, refuse: Refuse): UserInput | undefined {
  const username = text('external-dns-username');
  const domainName = text('external-dns-domain-name') ?? text('domain-name');
  const given = text('external-dns-password');
  if ((username === undefined) !== (given === undefined)) {
    return refuse('inputs external-dns-username and external-dns-password go together', 'Give both, or neither.');
  }
  const password = secret('external-dns-password');
  if (username === undefined || password === undefined) return undefined;
  if (domainName === undefined) return refuse('input external-dns-domain-name is missing', 'It belongs to external-dns-username.');
  return { username, password, domainName };
}

function readChartAccount(host: string, username: string | undefined, password: Secret | undefined, refuse: Refuse): Inputs['chartAccount'] {
  if (username !== undefined && password !== undefined) return { host, username, password };
  if (username === undefined && password === undefined) return undefined;
  return refuse('inputs chart-registry-username and chart-registry-password go together', 'Give both, or neither.');
}
