/**
 * Owns what every cloud resource is given, and the few rules all of them share: identity by name, finding what exists,
 * and creating without making a thing twice. How the service is asked stands in `otc/`.
 */
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { AccessKey } from '../otc/auth.ts';
import type { Otc } from '../otc/client.ts';
import { ServiceFault } from '../otc/errors.ts';
import type { Secret } from '../secret.ts';
import type { NameOf } from '../stack/names.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';
import type { Existing, Stack } from '../stack/stack.ts';
import type { Door } from './runner-door.ts';
import type { BastionAccess, KubeconfigSeen } from './way-in.ts';

/** The IAM user with whom external-dns signs in. */
export interface ExternalDnsUser {
  readonly username: string;
  readonly password: Secret;
  readonly domainName: string;
}

/** Credentials for pods that this run has not signed in with itself; those are proven. */
export interface Handed {
  readonly solver?: AccessKey | undefined;
  readonly externalDns?: ExternalDnsUser | undefined;
}

export interface CloudContext {
  readonly otc: Otc;
  readonly stack: Stack;
  readonly names: NameOf;
  /** Absent secrets are not compared; where one is needed to create something, that is a fault naming the input. */
  readonly secrets: DerivedSecrets;
  /** Ids of what taking the lock made (the VPC), so that the report calls it created. */
  readonly madeByLock: Set<string>;
  /** Ids of clusters that this run takes away: until then ZITADEL wrote. */
  readonly clustersTaken?: Set<string>;
  /** What a first deploy needs besides and was not given, in whole sentences; said before anything is made. */
  readonly missingInputs?: readonly string[] | undefined;
  /** True for `check`, which says so, and proves what is given, also where nothing is to be made: what the pods have already stands in the cluster. */
  readonly checks?: boolean;
  /** True for `plan`, `drift` and `check`. */
  readonly looksOnly?: boolean;
  /** Begins the way to a bastion while credentials are still asked for. */
  readonly approach?: ((bastion: BastionAccess, server: string) => Promise<void>) | undefined;
  /** Asks whether the API server answers under these credentials. @throws Fault that says why not */
  readonly reach?: ((kubeconfig: KubeconfigSeen, run: Run) => Promise<void>) | undefined;
  /** What pods will be given, to be proved before a first deploy makes anything. */
  readonly handed?: Handed | undefined;
  /** This run's own way in, where `cluster.allow` says `runner`. */
  readonly door?: Door | undefined;
}

/** For people who meet the resource in the console; never relied on, except where it says so. */
export function description(context: Pick<CloudContext, 'stack'>): string {
  return `Managed by zitadel-on-otc, stack ${context.stack.name}`;
}

/** The only one, or undefined. @throws Fault that lists the ids where there are several, since nothing then tells which is ours */
export function theOne<T>(found: readonly T[], what: string, idOf: (one: T) => string): T | undefined {
  if (found.length > 1) {
    throw new Fault(`there are ${found.length} of ${what}: ${found.map(idOf).join(', ')}`, {
      resource: what,
      finding: 'name',
      obscures: true,
      hint: 'Delete or rename those that do not belong to the stack; its own is known by its name alone.',
    });
  }
  return found[0];
}

/** What the stack file names under `existing`. @throws Fault where it is not there, or its name fits several */
export function theExisting<T>(found: readonly T[], existing: Existing, what: string, read: { id: (one: T) => string; name: (one: T) => string }): T {
  const matching = found.filter((one) => (existing.id === undefined ? read.name(one) === existing.name : read.id(one) === existing.id));
  const one = theOne(matching, `${what} named ${existing.name ?? existing.id}`, read.id);
  if (one !== undefined) return one;
  const others = found.map((other) => `${read.name(other)} (${read.id(other)})`).slice(0, 20);
  throw new Fault(`the existing ${what} ${existing.id ?? existing.name} was not found`, {
    resource: existing.id ?? existing.name ?? what,
    hint: others.length === 0 ? 'There is none in this project.' : `In this project there are: ${others.join(', ')}.`,
  });
}

/** How long a name must have stayed absent before a creation with an unclear end is repeated. */
const ABSENT_SECONDS = 20;
const LOOK_EVERY_SECONDS = 4;

export interface Creation<T> {
  readonly what: string;
  readonly create: () => Promise<T>;
  /** Asks the service (not the cache) for what `create` makes. */
  readonly look: () => Promise<T | undefined>;
  /** Codes that mean "already there". */
  readonly exists?: readonly string[];
}

/**
 * Creates something once. "Already there" leads to a look and takes what is found; an unclear end is repeated only after
 * the name stayed absent for a while.
 */
export async function createOnce<T>(creation: Creation<T>, run: Run): Promise<T> {
  const { what, create, look, exists = [] } = creation;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await create();
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (error.code !== undefined && exists.includes(error.code)) {
        const found = await appears(look, run);
        if (found !== undefined) return found;
        throw error;
      }
      if (!error.unclear || attempt >= 3) throw error;
      run.say(`it is unclear whether ${what} was made (${error.message}); looking before trying again`);
      const found = await appears(look, run);
      if (found !== undefined) return found;
    }
  }
}

/** What `look` finds within a while; undefined where that stays absent: lists lag behind what was made, by us or by a service. */
export async function appears<T>(look: () => Promise<T | undefined>, run: Run): Promise<T | undefined> {
  for (let waited = 0; waited <= ABSENT_SECONDS; waited += LOOK_EVERY_SECONDS) {
    const found = await look();
    if (found !== undefined) return found;
    await (run.pause ?? pauseFor)(LOOK_EVERY_SECONDS, run.signal);
  }
  return undefined;
}

/** The fault for a secret that is needed to make something and was not given. */
export function secretMissing(what: string, input: string): Fault {
  return new Fault(`${what} needs a secret that was not given`, { hint: `Give the input stack-secret, or ${input} on its own.` });
}
