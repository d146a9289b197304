/**
 * Owns the contract of a service: a host prefix, routes, an error shape. The front door (`front-door.ts`) does what all
 * have in common: TLS host names, tokens and signatures, request ids, the request log, faults, latency.
 */
import type { World } from '../contract.ts';
import type { Shape } from './fields.ts';
import type { PolicyDocument, Principal } from './tables/iam.ts';

/** Who calls, after the front door verified token or signature. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly domainId: string;
  readonly domainName: string;
  /** Set for project-scoped tokens, and for signed requests from X-Project-Id or the project id in the path. */
  readonly projectId: string | undefined;
  readonly via: 'token' | 'signature';
  /** `full`; `read` for credentials that may only read; `policy`: what the policies say; `none` where no role covers the project (or the domain, without one). */
  readonly rights: 'full' | 'read' | 'policy' | 'none';
  /** Custom policies on the project (or the domain, without one). */
  readonly policies: readonly PolicyDocument[];
  /** What a temporary key may do at most, of what its owner may. */
  readonly narrowed?: PolicyDocument | undefined;
  /** The same person as tokens and temporary keys keep it; for IAM. */
  readonly principal: Principal;
}

export interface Call {
  readonly world: World;
  readonly region: string;
  /** Host name as requested, for self links. */
  readonly host: string;
  readonly method: string;
  readonly path: string;
  /** Values of `{placeholders}` in the route's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed JSON body, undefined where none was sent. */
  readonly body: unknown;
  /** Undefined on public routes only. */
  readonly caller: Caller | undefined;
  readonly requestId: string;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  /** With placeholders: `/v1/{project_id}/vpcs/{vpc_id}`. `{project_id}` must be the caller's project. */
  readonly path: string;
  /** True where no authentication is asked. */
  readonly public?: boolean;
  /** Query parameters the API reference knows; others are recorded as oddities. */
  readonly query?: readonly string[];
  /** Shape of the body the API reference knows; see `fields.ts`. Unknown fields are recorded as oddities, wrong types answered in the service's error shape. */
  readonly body?: Shape<unknown>;
  /** True for calls that change nothing although they are no GET: read-only credentials may make them. */
  readonly reads?: boolean;
  handle(call: Call): Reply | Promise<Reply>;
}

export interface Service {
  /** Name in the request log and in faults: `vpc`, `rds`, `cce`. */
  readonly name: string;
  /** First label of the host name; `cce` also answers `<cluster id>.cce…`. */
  readonly prefixes: readonly string[];
  readonly routes: readonly Route[];
  /** False for services that work without a project (IAM, TMS). */
  readonly projectScoped?: boolean;
  /** Field names in bodies may be of any case, as Go's decoder takes them: CCE, whose official SDK sends `apiversion`. */
  readonly caseless?: boolean;
  /** A second request id header beside `X-Request-Id` (`X-Openstack-Request-Id`, `X-Compute-Request-Id`; 10.2). */
  readonly requestIdHeader?: string;
  /** The service's own error body (API reference section 10.1); chosen by path where one host speaks several dialects. */
  error(path: string, error: { readonly status: number; readonly code: string; readonly message: string; readonly requestId: string }): unknown;
  /** Codes for what the front door refuses in this service's name; without them it answers as the gateway (`APIG.…`). */
  codes?(path: string): { readonly invalid: string; readonly forbidden: string };
  /** Registers the handlers of the service's timed transitions; called once at start and after a restore. */
  start?(world: World): void;
}

/** Thrown by handlers; the front door renders it in the service's shape. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
