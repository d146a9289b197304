/**
 * Owns tokens: signing in by password or token, the token's answer, check and revocation, version discovery (API
 * reference 1.1, 1.5). Part of IAM; ID tokens are exchanged in `iam-federation.ts`.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { countFailure, rightsOf, rolesOn, tokenId, tokenRow } from './auth.ts';
import { list, object, read, required, string, type TypeOf } from './fields.ts';
import { catalog } from './iam-catalog.ts';
import { microTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store } from './store.ts';
import { type DomainRow, iamTables, type Principal, type TokenRow, type UserRow } from './tables/iam.ts';

const lifetimeMilliseconds = 24 * 3600_000;

const named = { id: string, name: string };
export const scopeShape = object({ project: object({ ...named, domain: object(named) }), domain: object(named) });
const authShape = object({
  auth: required(
    object({
      identity: required(
        object({
          methods: required(list(string)),
          password: object({ user: required(object({ ...named, password: required(string), domain: object(named) })) }),
          token: object({ id: string }),
          totp: object({ user: object({ id: string, passcode: string }) }),
        }),
      ),
      scope: scopeShape,
    }),
  ),
});

type Scope = TypeOf<typeof scopeShape> | undefined;

const unauthorized = (message = 'The username or password is wrong.'): Refusal => new Refusal(401, '', message);

/** Issues a token for a principal; the text is several kB long, as real ones are. */
export function issueToken(
  store: Store,
  principal: Principal,
  scope: TokenRow['scope'],
  methods: readonly string[],
  expires?: number,
): { text: string; row: TokenRow } {
  const text = `MII${randomBytes(1800).toString('base64url')}`;
  const issued = Date.now();
  const row = iamTables(store).tokens.insert({
    id: tokenId(text),
    principal,
    scope,
    methods,
    issued,
    expires: expires ?? issued + lifetimeMilliseconds,
    revoked: false,
  });
  return { text, row };
}

/**
 * The scope a request asks for; the project wins over the domain.
 * @throws Refusal 404 for an unknown project or domain, 401 where the principal has no role on it
 */
export function resolveScope(
  store: Store,
  principal: Principal,
  scope: Scope,
  refuse: (status: 401 | 404, message: string) => Refusal,
): TokenRow['scope'] {
  const { projects, domains } = iamTables(store);
  if (scope?.project !== undefined) {
    const { id, name, domain } = scope.project;
    const row = projects.find(
      (project) =>
        project.domain_id === principal.domainId &&
        (id === undefined ? project.name === name : project.id === id) &&
        isDomain(store, project.domain_id, domain),
    );
    if (row === undefined) throw refuse(404, `Could not find project: ${id ?? name ?? ''}.`);
    if (rightsOf(store, principal, row.id) === undefined) throw refuse(401, 'The request you have made requires authentication.');
    return { project: row.id };
  }
  if (scope?.domain !== undefined) {
    const row = domains.get(principal.domainId);
    if (row === undefined || !isDomain(store, row.id, scope.domain))
      throw refuse(404, `Could not find domain: ${scope.domain.id ?? scope.domain.name ?? ''}.`);
    return { domain: row.id };
  }
  return null;
}

function isDomain(store: Store, id: string, wanted: { readonly id?: string | undefined; readonly name?: string | undefined } | undefined): boolean {
  const row = iamTables(store).domains.get(id);
  return (
    wanted === undefined ||
    (row !== undefined && (wanted.id === undefined || wanted.id === row.id) && (wanted.name === undefined || wanted.name === row.name))
  );
}

const domainRef = (row: DomainRow | undefined) => ({ id: row?.id ?? '', name: row?.name ?? '' });

/** The token as the answer's body. Roles and catalog only where it has a scope. */
export function tokenBody(call: Call, row: TokenRow, withCatalog: boolean): unknown {
  const { domains, projects } = iamTables(call.world.store);
  const domain = domainRef(domains.get(row.principal.domainId));
  const project = row.scope !== null && 'project' in row.scope ? projects.get(row.scope.project) : undefined;
  const roles = new Map(rolesOn(call.world.store, row.principal, project?.id).map(({ id, name }) => [id, { id, name }]));
  const federation = row.principal.federation;
  const groups = row.principal.groups.map((id) => ({ id, name: iamTables(call.world.store).groups.get(id)?.name ?? '' }));
  return {
    token: {
      methods: row.methods,
      issued_at: microTime(new Date(row.issued)),
      expires_at: microTime(new Date(row.expires)),
      user: {
        id: row.principal.userId,
        name: row.principal.userName,
        domain,
        ...(federation === undefined
          ? { password_expires_at: '' }
          : { 'OS-FEDERATION': { identity_provider: { id: federation.provider }, protocol: { id: federation.protocol }, groups } }),
      },
      ...(project === undefined ? {} : { project: { id: project.id, name: project.name, domain } }),
      ...(row.scope !== null && 'domain' in row.scope ? { domain } : {}),
      ...(row.scope === null ? {} : { roles: [...roles.values()] }),
      ...(row.scope === null || !withCatalog ? {} : { catalog: catalog(project?.region ?? call.region, project?.id) }),
    },
  };
}

export function tokenReply(call: Call, issued: { text: string; row: TokenRow }): Reply {
  const withCatalog = (call.query.get('nocatalog') ?? '') === '';
  return { status: 201, body: tokenBody(call, issued.row, withCatalog), headers: { 'X-Subject-Token': issued.text } };
}

function signIn(call: Call): Reply {
  const { identity, scope } = read(authShape, call.body).auth;
  const { store } = call.world;
  const keystone = (status: 401 | 404, message: string): Refusal => new Refusal(status, '', message);
  if (identity.methods.includes('token')) {
    const text = identity.token?.id ?? call.headers['x-auth-token'] ?? '';
    const row = tokenRow(store, text);
    if (row === undefined || row.expires <= Date.now()) throw unauthorized('The request you have made requires authentication.');
    // Only federated users have tokens without any scope.
    const usual = row.principal.federation === undefined ? { domain: row.principal.domainId } : null;
    const wanted = resolveScope(store, row.principal, scope, keystone) ?? usual;
    return tokenReply(call, issueToken(store, row.principal, wanted, ['token'], row.expires));
  }
  if (!identity.methods.includes('password') || identity.password === undefined)
    throw new Refusal(400, '', 'The authentication method is not supported.');
  const user = byPassword(store, identity.password.user);
  const principal = { userId: user.id, userName: user.name, domainId: user.domain_id, groups: user.groups };
  const wanted = resolveScope(store, principal, scope, keystone) ?? { domain: user.domain_id };
  return tokenReply(call, issueToken(store, principal, wanted, identity.methods));
}

interface PasswordUser {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly password: string;
  readonly domain?: { readonly id?: string | undefined; readonly name?: string | undefined } | undefined;
}

function byPassword(store: Store, wanted: PasswordUser): UserRow {
  const { users, lockouts } = iamTables(store);
  if (wanted.id === undefined && wanted.domain === undefined)
    throw new Refusal(
      400,
      '',
      'Expecting to find domain in user. The server could not comply with the request since it is either malformed or otherwise incorrect.',
    );
  const user = users.find((row) =>
    wanted.id === undefined ? row.name === wanted.name && isDomain(store, row.domain_id, wanted.domain) : row.id === wanted.id,
  );
  if (user === undefined) throw unauthorized();
  const lock = `user:${user.id}`;
  if ((lockouts.get(lock)?.until ?? 0) > Date.now()) throw new Refusal(401, 'IAM.0061', 'Account locked.');
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!user.enabled || !timingSafeEqual(digest(user.password), digest(wanted.password))) {
    countFailure(store, lock, Date.now());
    throw unauthorized();
  }
  if (lockouts.get(lock) !== undefined) lockouts.remove(lock);
  return user;
}

function subject(call: Call): TokenRow {
  const row = tokenRow(call.world.store, call.headers['x-subject-token'] ?? '');
  if (row === undefined || row.expires <= Date.now()) throw new Refusal(404, '', 'Could not find token.');
  return row;
}

const version = (call: Call) => ({
  id: 'v3.6',
  status: 'stable',
  updated: '2016-04-04T00:00:00Z',
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  links: [{ rel: 'self', href: `https://${call.host}/v3/` }],
});

export const tokenRoutes: readonly Route[] = [
  { method: 'GET', path: '/', public: true, handle: (call) => ({ status: 300, body: { versions: { values: [version(call)] } } }) },
  { method: 'GET', path: '/v3', public: true, handle: (call) => ({ status: 200, body: { version: version(call) } }) },
  { method: 'POST', path: '/v3/auth/tokens', public: true, query: ['nocatalog'], body: required(authShape), handle: signIn },
  {
    method: 'GET',
    path: '/v3/auth/tokens',
    query: ['nocatalog'],
    handle: (call) => ({
      status: 200,
      body: tokenBody(call, subject(call), (call.query.get('nocatalog') ?? '') === ''),
      headers: { 'X-Subject-Token': call.headers['x-subject-token'] ?? '' },
    }),
  },
  {
    method: 'HEAD',
    path: '/v3/auth/tokens',
    handle: (call) => ({ status: 200, headers: { 'X-Subject-Token': subject(call) && (call.headers['x-subject-token'] ?? '') } }),
  },
  {
    method: 'DELETE',
    path: '/v3/auth/tokens',
    reads: true,
    handle: (call) => {
      iamTables(call.world.store).tokens.update(subject(call).id, { revoked: true });
      return { status: 204 };
    },
  },
];
