/**
 * Owns the contract every resource fulfils, be it a VPC, a Helm release or the verification from outside. The walk
 * (`walk.ts`) calls it; resources live in `cloud/`, `kube/` and `zitadel/`. Knows neither OTC nor GitHub nor Helm.
 */
import type { Fault } from './fault.ts';

/** Why a {@link Change} is one where somebody has added to what is wanted. */
export const ADDED_BY_OTHERS = 'added by others';

/** One difference between what is wanted and what was seen. Secrets appear as `***` or as "changed", never as text. */
export interface Change {
  /** Path of the field in the service's own terms, for example `volume.size` or `rule ingress tcp 5432`. */
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** One sentence where the reason is not plain from the field. */
  readonly why?: string;
  /** The service cannot change this field in place. On a protected resource the walk refuses. */
  readonly replace?: boolean;
  /** Seen only by a run that has the secret: left out of plan digests, which are the same without secrets. */
  readonly secret?: boolean;
  /** Follows from the change of what it {@link Resource.follows}, which the plan holds already: left out of plan digests. */
  readonly following?: boolean;
}

/** A text before and after, for people to compare; without secrets. */
export interface Document {
  /** What it is, for example `Deployment zitadel: stored → rendered`. */
  readonly title: string;
  /** Empty where there is nothing (yet, or any more). */
  readonly before: string;
  readonly after: string;
}

/** What a resource may use while it works. */
export interface Run {
  /** Aborted when the run is cancelled; every wait, request and child process must honour it. */
  readonly signal: AbortSignal;
  /** One line of progress, shown under the resource's own log group. Secrets are masked, but do not send any. */
  say(line: string): void;
  /** How to wait between two looks; default: so many seconds, or until the signal fires. */
  readonly pause?: (seconds: number, signal: AbortSignal) => Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: the erased form of a resource, for collections and for `needs`
export type AnyResource = Resource<any, any, any>;

/** The resources another one stands on, by a local name. */
export type Needs = Readonly<Record<string, AnyResource | Maybe<AnyResource>>>;

/** A need that may rightly be absent, because an option of the stack switches it off. Make it with {@link maybe}. */
export interface Maybe<R extends AnyResource> {
  readonly maybe: R;
}

/** Declares a need that may be absent: `want` and `observe` then see `undefined` for it. */
export function maybe<R extends AnyResource>(resource: R): Maybe<R> {
  return { maybe: resource };
}

// biome-ignore lint/suspicious/noExplicitAny: inference only
type SeenBy<R> = R extends Maybe<infer Inner> ? SeenBy<Inner> | undefined : R extends Resource<any, any, infer Seen> ? Seen : never;

/** What was seen of each need, once all of them exist. */
export type SeenOf<N extends Needs> = { readonly [K in keyof N]: SeenBy<N[K]> };

/** What was seen of each need so far; `undefined` where it does not exist (yet). */
export type PartlySeen<N extends Needs> = { readonly [K in keyof N]?: SeenBy<N[K]> | undefined };

export interface Resource<N extends Needs, Spec, Seen> {
  /** Stable and shown to people, for example `network/vpc`. */
  readonly id: string;
  /** What it is, in the provider's own words, for example `VPC zitadel-prod-vpc-1a2b3c`. */
  readonly title: string;
  /** The graph: other resources, as values. */
  readonly needs: N;
  /** False where the stack does not ask for it: what a former choice made is then found and taken away. */
  readonly wanted: boolean;
  /**
   * `data`: survives destroy unless named in the configuration, its replacement is refused. `cluster`: its replacement
   * is refused. Nothing: may be replaced.
   */
  readonly protect?: 'data' | 'cluster';
  /** What a person can do where its replacement is refused, in whole sentences; by default to set the former value again. */
  readonly wayOut?: string;
  /**
   * Where another choice goes on using what this one made: where it is not wanted, deploy leaves it in place, and only destroy takes
   * it. One sentence says why it is kept; true where that needs no word.
   */
  readonly handsOver?: boolean | string;
  /** Usual duration of the creation in seconds, for progress lines and for the order in summaries. */
  readonly usualSeconds?: number;
  /** True where `observe` never writes and nothing is ever made: verification, preflight. Such a resource has no `apply`. */
  readonly readsOnly?: boolean;
  /**
   * True where the stack file says all there is to it, be it by a consent (and a user that only reads may not even look), be it that
   * it is there only while a deploy needs it: left out of plan digests, which are the same whether it is there or not.
   */
  readonly consented?: boolean;
  /** True where what it finds may forbid every write of a run: a deploy looks at it before its first one. */
  readonly lookedAtFirst?: boolean;
  /** True for a check that others only wait for; `destroy`, which nothing waits for, does not look at it. */
  readonly gate?: boolean;
  /** The resource that takes this one along when it is destroyed, as a cluster takes what is in it: then nothing is done one by one. */
  readonly within?: AnyResource;
  /** Fires the reads that need no other resource (lists by name), so that all go out in one wave; answers are kept by the client. */
  prefetch?(run: Run): Promise<unknown>;
  /** Pure: the desired state, typed by what it needs. Use identity fields of needs only (ids, addresses, hosts). */
  want(needs: SeenOf<N>): Spec;
  /**
   * What it would be made with: the few fields that people review in a plan before it is there, by the names that `diff` has for them, as
   * far as they are known while needs are still to be made. Pure; the same in every run, so nothing that takes a secret to know.
   */
  madeWith?(needs: PartlySeen<N>): Readonly<Record<string, unknown>>;
  /**
   * Reads only. `undefined`: it does not exist. A thing still being made, or failed, is returned with its state, and
   * `diff` makes a change of that. More than one of our name is a `Fault` that lists the ids.
   */
  observe(needs: PartlySeen<N>, run: Run): Promise<Seen | undefined>;
  /**
   * The field that takes up each change of these needs, by their names: `{ restart: ['config'] }`. What it will be is known only when
   * they are changed, so a plan lists it with them.
   */
  readonly follows?: Readonly<Record<string, readonly (keyof N & string)[]>>;
  /**
   * Others of the graph that must be well before this one, which is there, is changed: a certificate before a site that is served gets
   * another name. Asked by a run that writes, and only then: a creation does not wait for them. None of them may stand on this one. Pure.
   */
  changedAfter?(spec: Spec, seen: Seen): readonly AnyResource[];
  /** Pure; `[]` means in sync. */
  diff(spec: Spec, seen: Seen): Change[];
  /** What differs and no deploy may heal, beside the changes that it can carry out: told after them, so that neither hides the other. Pure. */
  unhealed?(spec: Spec, seen: Seen): Fault | undefined;
  /** The differences that show whatever it needs; told by a run that only looks where something it needs is missing. */
  diffAlone?(seen: Seen): Change[];
  /** What `changes` come to, as whole texts; reads only. Asked by a run that does not write, where something differs. */
  documents?(spec: Spec, seen: Seen | undefined, changes: readonly Change[], run: Run): Promise<readonly Document[]>;
  /** Idempotent; creates where `seen` is undefined, else carries out `changes`, waits until usable, returns what then is. */
  apply(spec: Spec, seen: Seen | undefined, changes: readonly Change[], run: Run): Promise<Seen>;
  /**
   * "Already gone" is success; returns when it is really gone. What it returns is a note for the report: what stays behind
   * on purpose, and what it is good for.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing to say
  destroy(seen: Seen, run: Run): Promise<string | void>;
  /** What `destroy` does before it takes it away, and what of it stays, in one sentence for a plan of that. */
  beforeDestroy?(seen: Seen): string | undefined;
  /** Why `destroy` leaves it, in one sentence, where it is not the stack's to take away; undefined where it is. */
  keep?(seen: Seen): string | undefined;
  /**
   * What is not the stack's and surely keeps it from being destroyed, for people, each with its id. Asked before anything is destroyed;
   * what may go along with the rest is not named. A fault where the service itself refuses, as by its deletion protection.
   */
  blockedBy?(seen: Seen, run: Run): Promise<readonly string[] | Fault>;
  /** True where something outside would stay behind if it just went along with what it is {@link within}: then it is destroyed by itself, first. */
  leavesBehind?(seen: Seen, run: Run): Promise<boolean>;
  /** What it costs, where that is worth a word: a plan that would make it says so. */
  readonly price?: string;
  /** What people should know about it as it is, in one sentence, although nothing differs and nothing failed. */
  notice?(seen: Seen): string | undefined;
  /** What of the stack file holds otherwise than one would read it there, although nothing differs for it: each names its setting. Pure. */
  warnings?(spec: Spec, seen: Seen): readonly Fault[];
  /** Short facts for the report of an existing resource, for example `{ id, address }`; never secrets. */
  facts?(seen: Seen): Readonly<Record<string, string>>;
}

type Looked<N extends Needs, Spec, Seen> = Omit<Resource<N, Spec, Seen>, 'readsOnly' | 'apply' | 'destroy'>;

/** A resource that is only looked at: a check, a verification. */
export function check<N extends Needs, Spec, Seen>(definition: Looked<N, Spec, Seen>): Resource<N, Spec, Seen> {
  return { ...definition, readsOnly: true, apply: () => neverMade(definition), destroy: async () => undefined };
}

type Left<N extends Needs, Seen> = Omit<Resource<N, null, Seen>, 'wanted' | 'want' | 'diff' | 'apply'>;

/** What a former choice, or a run that died, may have left: looked for, taken away or named, and never made. */
export function leftover<N extends Needs, Seen>(definition: Left<N, Seen>): Resource<N, null, Seen> {
  return { ...definition, wanted: false, want: () => null, diff: () => [], apply: () => neverMade(definition) };
}

/** The walk asks only what can be made. */
function neverMade({ id }: { readonly id: string }): never {
  throw new Error(`${id} is never made`);
}

/** Identity function that infers the type parameters of a resource from its parts. */
export function resource<N extends Needs, Spec, Seen>(definition: Resource<N, Spec, Seen>): Resource<N, Spec, Seen> {
  return definition;
}
