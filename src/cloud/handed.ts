/**
 * Owns the proof of credentials that pods are given: the DNS01 solver's access key, external-dns's user. It comes before anything is made,
 * and before working ones are overwritten: a solver with a wrong key shows when the certificate should be renewed, and a controller tries
 * a wrong password until IAM locks the user. Which credentials these are is `run/ready.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import type { AccessKey } from '../otc/auth.ts';
import { listZones } from '../otc/dns.ts';
import { dnsRegion } from '../otc/endpoints.ts';
import { isTrouble } from '../otc/errors.ts';
import { signIn } from '../otc/sign-in.ts';
import type { Credentials } from '../otc/target.ts';
import type { CloudContext, ExternalDnsUser } from './context.ts';

export const handedNames = { solver: "the DNS01 solver's key", externalDns: "external-dns's user" } as const;
export type Pod = keyof typeof handedNames;

type Context = Pick<CloudContext, 'otc' | 'stack' | 'handed'>;

/** By what was given: a refused key or password is not tried a second time, since that would lock it. */
const proofs = new WeakMap<object, Promise<void>>();

/**
 * One sign-in and one read of zones, as the pod will do it. The key is signed into the project that the solver works in without naming it.
 * @throws Fault that says what is wrong with it; ServiceFault where nothing was answered
 */
export function prove(context: Context, pod: Pod): Promise<void> {
  const given = context.handed?.[pod];
  if (given === undefined) return Promise.resolve();
  const proof = proofs.get(given) ?? ask(context, given);
  proofs.set(given, proof);
  return proof;
}

async function ask({ otc, stack }: Context, given: AccessKey | ExternalDnsUser): Promise<void> {
  const { project, zone } = stack.dns;
  const { credentials, who, hint } = tellingOf(given, project);
  const refused = (why: string, cause?: unknown): Fault => new Fault(`${who}: ${why}`, { hint, cause, forbids: true });
  const mine = await otc.dnsHome();
  let home: typeof mine;
  let seen: readonly unknown[];
  try {
    home = await signIn(credentials, { region: dnsRegion(stack.region), project }, otc.ports);
    seen = await listZones(home, `${zone}.`);
  } catch (error) {
    if (error instanceof Fault && !isTrouble(error))
      throw refused(`${error.status === 403 ? `it lacks the role DNS Administrator in project ${project}: ` : ''}${error.message}`, error);
    proofs.delete(given);
    throw error;
  }
  if (home.projectId !== mine.projectId)
    throw refused(`it belongs to another tenant: its project ${project} is ${home.projectId}, not ${mine.projectId}`);
  if (seen.length === 0 && (await listZones(mine, `${zone}.`)).length > 0) throw refused(`it sees no public zone ${zone} in project ${project}`);
}

function tellingOf(given: AccessKey | ExternalDnsUser, project: string): { credentials: Credentials; who: string; hint: string } {
  const role = `the role DNS Administrator in project ${project}`;
  if ('accessKey' in given)
    return {
      credentials: { kind: 'access-key', ...given },
      who: 'the DNS01 solver cannot work with acme-access-key and acme-secret-key',
      hint: `Give a permanent, enabled access key with the secret key that belongs to it; its user's group needs ${role}. It is not tried again, since wrong signatures lock a key for five minutes.`,
    };
  return {
    credentials: { kind: 'password', ...given },
    who: `external-dns cannot work as the user ${given.username}`,
    hint: `Check external-dns-username, external-dns-password and external-dns-domain-name. The user needs programmatic access, and its group ${role}.`,
  };
}
