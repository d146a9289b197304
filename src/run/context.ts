/** Owns what every part of a run is given: what the entry has read, signed in to and set up. */
import type { GetText } from '../cloud/index.ts';
import type { Fault, Place } from '../engine/fault.ts';
import type { CredentialInputs, Inputs } from '../github/inputs.ts';
import type { Runner } from '../github/runner.ts';
import type { Otc } from '../otc/client.ts';
import type { Transport } from '../otc/transport.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';
import type { Stack } from '../stack/stack.ts';

export interface RunContext {
  readonly runner: Runner;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who writes, in the stack's lock and in the rule that lets this run in. */
  readonly holder: string;
  readonly inputs: Inputs & { readonly credentials: CredentialInputs };
  readonly stack: Stack;
  /** The place in the stack file of a setting that a text names. */
  readonly placeOf: (text: string) => Place | undefined;
  readonly notices: readonly Fault[];
  readonly secrets: DerivedSecrets;
  /** ZITADEL configuration out of the user's values file, secrets still closed. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What of that is no secret. */
  readonly told: Readonly<Record<string, unknown>>;
  readonly otc: Otc;
  readonly transport: Transport;
  /** Gets a public text, such as this run's own address. */
  readonly getText: GetText;
  readonly signal: AbortSignal;
  /** Resolves when a cancelled run must close, whatever still goes on. */
  readonly cancelled: Promise<void>;
  /** When it must have ended, in milliseconds of `Date.now()`; infinity while nobody cancelled it. */
  readonly endBy: () => number;
  /** Milliseconds of `Date.now()`. */
  readonly started: number;
}
