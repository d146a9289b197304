/**
 * Owns who calls: tokens and signatures of a request, turned into a `Caller`, with expiry, clock tolerance and lockout
 * (API reference 1.1, 1.4, 10.1). Issuing tokens belongs to `iam-tokens.ts`, the arithmetic of signatures to `signature.ts`.
 */
import { createHash } from 'node:crypto';
import type { Caller } from './service.ts';
import { parseAuthorization, type Signable, verify } from './signature.ts';
import type { Store } from './store.ts';
import { iamTables, type Principal, type ProjectRow, type RoleRow, type TokenRow } from './tables/iam.ts';

/** Refused by the API gateway, before any service saw the request; rendered in the gateway's shape. */
export class GatewayRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const failures = { allowed: 5, lockMilliseconds: 5 * 60_000 } as const;
const clockToleranceMilliseconds = 15 * 60_000;

const unauthorized = (detail: string): GatewayRefusal => new GatewayRefusal(401, 'APIG.0301', `Incorrect IAM authentication information: ${detail}`);

/** Id of a token's row. */
export const tokenId = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The live row of a token; undefined where it was never given out, was revoked or its user is gone. */
export function tokenRow(store: Store, token: string): TokenRow | undefined {
  const { tokens, users } = iamTables(store);
  const row = tokens.get(tokenId(token));
  if (row === undefined || row.revoked) return undefined;
  if (row.principal.federation === undefined && users.get(row.principal.userId)?.enabled !== true) return undefined;
  return row;
}

/** Roles that a principal's groups hold on a project, or on the domain without one. */
export function rolesOn(store: Store, principal: Principal, projectId: string | undefined): RoleRow[] {
  const { assignments, roles } = iamTables(store);
  const held = assignments.where(({ to, on }) => {
    if (!principal.groups.includes(to)) return false;
    if ('project' in on) return on.project === projectId;
    return 'inherited' in on
      ? projectId !== undefined && on.inherited === principal.domainId
      : projectId === undefined && on.domain === principal.domainId;
  });
  return held.map(({ role_id }) => roles.get(role_id)).filter((role): role is RoleRow => role !== undefined);
}

/**
 * What the roles of a principal's groups allow. `readonly` reads, `te_admin` and `secu_admin` do everything in their scope;
 * `policy`: what custom policies say, call by call; undefined: nothing at all.
 */
export function rightsOf(store: Store, principal: Principal, projectId: string | undefined): Exclude<Caller['rights'], 'none'> | undefined {
  const held = rolesOn(store, principal, projectId);
  const names = held.map(({ name }) => name);
  if (names.includes('te_admin') || (projectId === undefined && names.includes('secu_admin'))) return 'full';
  if (held.some(({ policy }) => policy === undefined)) return 'read';
  return held.length > 0 ? 'policy' : undefined;
}

/** A project of the principal's domain that it has any role on. */
export function projectsOf(store: Store, principal: Principal): ProjectRow[] {
  return iamTables(store).projects.where(
    (project) => project.domain_id === principal.domainId && rightsOf(store, principal, project.id) !== undefined,
  );
}

export interface Wanted {
  /** Project id in the path, if the route has one. */
  readonly pathProject: string | undefined;
  readonly region: string;
  /** IAM and TMS work without a project. */
  readonly needsProject: boolean;
}

/**
 * Verifies token or signature.
 * @throws GatewayRefusal 401 with the gateway's codes
 */
export function authenticate(store: Store, request: Signable, wanted: Wanted, now = Date.now()): Caller {
  const token = request.headers['x-auth-token'];
  if (token !== undefined && token !== '') return byToken(store, token, now);
  const header = request.headers['authorization'];
  if (header !== undefined) return bySignature(store, request, header, wanted, now);
  throw unauthorized('x-auth-token not found');
}

function byToken(store: Store, token: string, now: number): Caller {
  const row = tokenRow(store, token);
  if (row === undefined) throw unauthorized('decrypt token fail');
  if (row.expires <= now) throw new GatewayRefusal(401, 'APIG.0307', 'The token must be updated.');
  const project = row.scope !== null && 'project' in row.scope ? row.scope.project : undefined;
  return callerOf(store, row.principal, project, 'token');
}

function bySignature(store: Store, request: Signable, header: string, wanted: Wanted, now: number): Caller {
  const authorization = parseAuthorization(header);
  if (authorization === undefined) throw unauthorized('Get signature info fail, the Authorization header is malformed');
  const { credentials, lockouts, users, projects } = iamTables(store);
  const lock = `key:${authorization.accessKey}`;
  if ((lockouts.get(lock)?.until ?? 0) > now) throw unauthorized('AK access failed to reach the limit,forbidden');
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(request.headers['x-sdk-date'] ?? '');
  if (date === null) throw unauthorized('x-sdk-date is missing or malformed');
  const [, year, month, day, hour, minute, second] = date;
  const signed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Math.abs(now - signed) > clockToleranceMilliseconds) throw unauthorized('verify aksk signature fail, the signature has expired');
  const key = credentials.get(authorization.accessKey);
  if (key === undefined || key.status !== 'active') throw unauthorized(`get secretKey failed,ak:${authorization.accessKey},err:ak not exist`);
  if (!verify(request, authorization, key.secret)) {
    countFailure(store, lock, now);
    throw unauthorized('verify aksk signature fail');
  }
  if (key.temporary !== undefined) {
    if (request.headers['x-security-token'] !== key.temporary.securityToken)
      throw unauthorized('the security token is missing or does not belong to the access key');
    if (key.temporary.expires <= now) throw unauthorized('the security token has expired');
  }
  if (lockouts.get(lock) !== undefined) lockouts.remove(lock);
  const user = users.get(key.user_id);
  const principal: Principal | undefined =
    key.temporary?.principal ??
    (user?.enabled === true ? { userId: user.id, userName: user.name, domainId: user.domain_id, groups: user.groups } : undefined);
  if (principal === undefined) throw unauthorized('the user of the access key is disabled');
  const named = request.headers['x-project-id'] || wanted.pathProject;
  const fallback = wanted.needsProject
    ? projects.find((project) => project.domain_id === principal.domainId && project.name === wanted.region)?.id
    : undefined;
  return { ...callerOf(store, principal, named ?? fallback, 'signature'), narrowed: key.temporary?.policy };
}

/** More than five failures in a row lock for five minutes. */
export function countFailure(store: Store, id: string, now: number): void {
  const { lockouts } = iamTables(store);
  const before = lockouts.get(id);
  const count = (before === undefined || (before.until > 0 && before.until <= now) ? 0 : before.failures) + 1;
  const row = { id, failures: count, until: count > failures.allowed ? now + failures.lockMilliseconds : 0 };
  if (before === undefined) lockouts.insert(row);
  else lockouts.update(id, row);
}

function callerOf(store: Store, principal: Principal, projectId: string | undefined, via: Caller['via']): Caller {
  const { domains, projects } = iamTables(store);
  const known = projectId !== undefined && projects.get(projectId)?.domain_id === principal.domainId ? projectId : undefined;
  return {
    userId: principal.userId,
    userName: principal.userName,
    domainId: principal.domainId,
    domainName: domains.get(principal.domainId)?.name ?? '',
    projectId: known,
    via,
    rights: rightsOf(store, principal, known) ?? 'none',
    policies: rolesOn(store, principal, known).flatMap(({ policy }) => policy ?? []),
    principal,
  };
}
