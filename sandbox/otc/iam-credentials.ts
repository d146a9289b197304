/** Owns access keys, permanent and temporary (API reference 1.3). Part of IAM. */
import { randomBytes } from 'node:crypto';
import { any, integer, list, object, read, required, string, type TypeOf } from './fields.ts';
import { microTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { type CredentialRow, iamTables, type PolicyDocument, type Principal } from './tables/iam.ts';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const pick = (length: number, from: string): string => [...randomBytes(length)].map((byte) => from[byte % from.length] ?? '').join('');
const newAccess = (): string => `HST${pick(17, letters)}`;
const newSecret = (): string => pick(40, `${letters}abcdefghijklmnopqrstuvwxyz`);

const credentialShape = object({ credential: required(object({ user_id: required(string), description: string, status: string })) });
const changeShape = object({ credential: required(object({ description: string, status: string })) });
const temporaryShape = object({
  auth: required(
    object({
      identity: required(
        object({
          methods: required(list(string)),
          policy: object({
            Version: string,
            Statement: required(list(object({ Effect: required(string), Action: required(list(string)), Resource: any, Condition: any }))),
          }),
          token: object({ id: string, duration_seconds: integer }),
          assume_role: object({ domain_id: string, domain_name: string, agency_name: string, xrole_name: string, duration_seconds: integer }),
        }),
      ),
    }),
  ),
});

const view = (row: CredentialRow) => ({
  access: row.id,
  user_id: row.user_id,
  status: row.status,
  description: row.description,
  create_time: row.create_time,
});

function mayTouch(call: Call, userId: string): void {
  if (call.caller?.userId !== userId && call.caller?.rights !== 'full')
    throw new Refusal(403, 'IAM.0003', "Policy doesn't allow the action to be performed.");
  if (iamTables(call.world.store).users.get(userId)?.domain_id !== call.caller?.domainId)
    throw new Refusal(404, 'IAM.0004', `Could not find user: ${userId}.`);
}

function create(call: Call): Reply {
  const { user_id, description = '' } = read(credentialShape, call.body).credential;
  mayTouch(call, user_id);
  const { credentials } = iamTables(call.world.store);
  if (credentials.where((row) => row.user_id === user_id && row.temporary === undefined).length >= 2) throw new Refusal(400, '', 'akSkNumExceed');
  const row = credentials.insert({ id: pick(20, letters), secret: newSecret(), user_id, status: 'active', description, create_time: microTime() });
  return { status: 201, body: { credential: { ...view(row), secret: row.secret } } };
}

type Identity = TypeOf<typeof temporaryShape>['auth']['identity'];

/** The agency that a caller takes on: one that trusts the caller's domain. What it may do is what its roles say. */
function agencyFor(call: Call, wanted: Identity['assume_role'] = {}): Principal {
  const { agencies, domains } = iamTables(call.world.store);
  const name = wanted.agency_name ?? wanted.xrole_name;
  const domain = domains.find((row) => (wanted.domain_id === undefined ? row.name === wanted.domain_name : row.id === wanted.domain_id));
  const agency = agencies.find((row) => row.domain_id === domain?.id && row.name === name && row.trust_domain_id === call.caller?.domainId);
  if (domain === undefined || agency === undefined) throw new Refusal(404, 'IAM.0004', `Could not find agency: ${name ?? ''}.`);
  return { userId: agency.id, userName: `${call.caller?.domainName}/${agency.name}`, domainId: domain.id, groups: [agency.id] };
}

function policyOf({ policy }: Identity): PolicyDocument | undefined {
  if (policy === undefined) return undefined;
  const effects: Readonly<Record<string, 'Allow' | 'Deny'>> = { allow: 'Allow', deny: 'Deny' };
  const Statement = policy.Statement.map(({ Effect, Action }) => {
    const effect = effects[Effect.toLowerCase()];
    if (effect === undefined) throw new Refusal(400, 'IAM.0011', 'Request body is invalid: policy.');
    return { Effect: effect, Action };
  });
  return { Version: policy.Version ?? '1.1', Statement };
}

function temporary(call: Call): Reply {
  const { identity } = read(temporaryShape, call.body).auth;
  const { caller } = call;
  const [method = '', ...more] = identity.methods;
  if (caller === undefined || more.length > 0 || !['token', 'assume_role'].includes(method))
    throw new Refusal(400, 'IAM.0011', 'Request body is invalid: methods.');
  if (caller.via !== 'token') throw new Refusal(403, 'IAM.0003', "Policy doesn't allow the action to be performed: a token is needed.");
  const assumed = method === 'assume_role' ? agencyFor(call, identity.assume_role) : undefined;
  const seconds = (assumed === undefined ? identity.token : identity.assume_role)?.duration_seconds ?? 900;
  if (seconds < 900 || seconds > 86400)
    throw new Refusal(400, 'IAM.0011', 'Request body is invalid: duration_seconds must be between 900 and 86400.');
  const expires = Date.now() + seconds * 1000;
  const securityToken = `gQpldS1kZS${randomBytes(600).toString('base64url')}`;
  const row = iamTables(call.world.store).credentials.insert({
    id: newAccess(),
    secret: newSecret(),
    user_id: assumed?.userId ?? caller.userId,
    status: 'active',
    description: '',
    create_time: microTime(),
    temporary: { securityToken, expires, principal: assumed ?? caller.principal, policy: policyOf(identity) },
  });
  return {
    status: 201,
    body: { credential: { access: row.id, secret: row.secret, expires_at: microTime(new Date(expires)), securitytoken: securityToken } },
  };
}

function ownOf(call: Call): CredentialRow {
  const row = iamTables(call.world.store).credentials.get(call.params['access'] ?? '');
  if (row === undefined || row.temporary !== undefined)
    throw new Refusal(404, 'IAM.0004', `Could not find credential: ${call.params['access'] ?? ''}.`);
  mayTouch(call, row.user_id);
  return row;
}

const base = '/v3.0/OS-CREDENTIAL/credentials';

export const credentialRoutes: readonly Route[] = [
  { method: 'POST', path: '/v3.0/OS-CREDENTIAL/securitytokens', reads: true, body: required(temporaryShape), handle: temporary },
  { method: 'POST', path: base, body: required(credentialShape), handle: create },
  {
    method: 'GET',
    path: base,
    query: ['user_id'],
    handle: (call) => {
      const userId = call.query.get('user_id') ?? call.caller?.userId ?? '';
      mayTouch(call, userId);
      const rows = iamTables(call.world.store).credentials.where((row) => row.user_id === userId && row.temporary === undefined);
      return { status: 200, body: { credentials: rows.map(view) } };
    },
  },
  { method: 'GET', path: `${base}/{access}`, handle: (call) => ({ status: 200, body: { credential: view(ownOf(call)) } }) },
  {
    method: 'PUT',
    path: `${base}/{access}`,
    body: required(changeShape),
    handle(call) {
      const { status, description } = read(changeShape, call.body).credential;
      const row = ownOf(call);
      if (status !== undefined && status !== 'active' && status !== 'inactive')
        throw new Refusal(400, 'IAM.0011', 'Request body is invalid: status.');
      const patch = { status: status === undefined ? row.status : (status as CredentialRow['status']), description: description ?? row.description };
      return { status: 200, body: { credential: view(iamTables(call.world.store).credentials.update(row.id, patch) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/{access}`,
    handle: (call) => {
      iamTables(call.world.store).credentials.remove(ownOf(call).id);
      return { status: 204 };
    },
  },
];
