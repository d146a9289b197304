/**
 * Owns the one error type that people see. Everything thrown on purpose is a `Fault`: what failed, on which resource,
 * what the service said, and what to do next. How it is printed is `report/`'s and `github/`'s business.
 */

export interface FaultDetails {
  /** What the reader can do now; whole sentences. */
  readonly hint?: string | undefined;
  /** What to do in place of running the same command again, where that could only fail again; a whole sentence. */
  readonly instead?: string | undefined;
  /** The resource, by the name or id a person can search for. */
  readonly resource?: string | undefined;
  /** Status and code of the service, for example `409` and `VPC.0114`. */
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  /** The service's request id, to be quoted in a support ticket. */
  readonly requestId?: string | undefined;
  /** A place in a file, where the cause is a setting. */
  readonly place?: Place | undefined;
  /**
   * The field that is wrong, where nothing failed to answer: what was found is itself the difference, and one that a deploy
   * cannot or must not heal. `drift` then counts it as a finding.
   */
  readonly finding?: string | undefined;
  /** True where nothing at all may be written beside what was found, not even what does not stand on it. */
  readonly forbids?: boolean | undefined;
  /** True where what was found keeps from telling what exists: nothing that stands on it can be compared. */
  readonly obscures?: boolean | undefined;
  /** True where a wrong stack-secret is one of the causes: where another fault proves that it is wrong, it is the cause. */
  readonly bySecret?: boolean | undefined;
  readonly cause?: unknown;
}

/** A place in the stack file (or another file of the user's); line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly hint: string | undefined;
  readonly instead: string | undefined;
  readonly resource: string | undefined;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly place: Place | undefined;
  readonly finding: string | undefined;
  readonly forbids: boolean | undefined;
  readonly obscures: boolean | undefined;
  readonly bySecret: boolean;

  constructor(message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hint = details.hint;
    this.instead = details.instead;
    this.resource = details.resource;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.place = details.place;
    this.finding = details.finding;
    this.forbids = details.forbids;
    this.obscures = details.obscures;
    this.bySecret = details.bySecret === true;
  }

  /** The same, told with something else. */
  with(details: FaultDetails): Fault {
    return new Fault(this.message, { ...this, cause: this.cause, ...details });
  }
}

/** Several faults found at one go, for example all errors of a stack file. */
export class Faults extends Error {
  override readonly name = 'Faults';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => fault.message).join('\n'));
    this.faults = faults;
  }
}

/** The run was cancelled (SIGINT, SIGTERM) or gave up its deadline; not an error of any resource. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** Thrown by `observe` where this run rightly does not look; its message says why. Nothing has failed. */
export class NotLooked extends Error {
  override readonly name = 'NotLooked';
}

/** Why something cannot be deleted: what is not the stack's stands in the way. */
export function blockedFault(what: string, others: readonly string[], details: FaultDetails = {}): Fault {
  return new Fault(`${what} cannot be deleted, because it is in use by ${others.join(', ')}`, {
    resource: what,
    hint: "This is not the stack's: delete it if nothing needs it, then run destroy again.",
    ...details,
  });
}

/** Status and code, and the request id, as far as the message does not name them itself. */
export function unsaid({ message, status, code, requestId }: Fault): { readonly service: string; readonly requestId: string | undefined } {
  const words = new Set(message.split(/[\s(),;:"]+/));
  const isNew = (part: string | number | undefined): boolean => part !== undefined && !words.has(String(part));
  return { service: [status, code].filter(isNew).join(' '), requestId: isNew(requestId) ? requestId : undefined };
}

/** Any thrown thing as a `Fault`; a bug keeps its stack as `cause`. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) {
    return new Fault(`a defect of this action: ${error.message}`, {
      cause: error,
      hint: 'It met something that it was not written for. Run again with debug logging, and report the log of that run.',
    });
  }
  return new Fault(error.message || error.name, { cause: error });
}
