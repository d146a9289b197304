/** Owns the registration of identity providers, protocols, mappings and OpenID Connect settings (API reference 1.7). Part of IAM. */
import { boolean, list, object, read, required, string, type TypeOf } from './fields.ts';
import { mustAdminister } from './iam-common.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { type IdentityProviderRow, iamTables, type MappingRow } from './tables/iam.ts';

const providerShape = object({ identity_provider: required(object({ sso_type: string, description: string, enabled: boolean })) });
const protocolShape = object({ protocol: required(object({ mapping_id: required(string) })) });
const remoteShape = object({ type: required(string), any_one_of: list(string), not_any_of: list(string), regex: boolean });
const localShape = object({ user: object({ name: string }), group: object({ name: string }), groups: string });
const mappingShape = object({
  mapping: required(object({ rules: required(list(object({ local: required(list(localShape)), remote: required(list(remoteShape)) }))) })),
});
const oidcShape = object({
  openid_connect_config: required(
    object({
      access_mode: required(string),
      idp_url: required(string),
      client_id: required(string),
      authorization_endpoint: string,
      scope: string,
      response_type: string,
      response_mode: string,
      signing_key: required(string),
    }),
  ),
});
const metadataShape = object({ xaccount_type: string, domain_id: string, metadata: required(string) });

const base = '/v3/OS-FEDERATION/identity_providers';
const oidcPath = '/v3.0/OS-FEDERATION/identity-providers/{id}/openid-connect-config';
const metadataPath = '/v3-ext/OS-FEDERATION/identity_providers/{id}/protocols/saml/metadata';

function providerOf(call: Call, name = 'id'): IdentityProviderRow {
  const row = iamTables(call.world.store).identityProviders.get(call.params[name] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId)
    throw new Refusal(404, 'IAM.0004', `Could not find identity_provider: ${call.params[name] ?? ''}.`);
  return row;
}

function mappingOf(call: Call): MappingRow {
  const row = iamTables(call.world.store).mappings.get(call.params['id'] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId)
    throw new Refusal(404, 'IAM.0004', `Could not find mapping: ${call.params['id'] ?? ''}.`);
  return row;
}

const providerView = (call: Call, row: IdentityProviderRow) => {
  const self = `https://${call.host}${base}/${row.id}`;
  return {
    id: row.id,
    description: row.description,
    enabled: row.enabled,
    sso_type: row.sso_type,
    remote_ids: [],
    links: { self, protocols: `${self}/protocols` },
  };
};
const mappingView = (call: Call, row: MappingRow) => ({
  id: row.id,
  rules: row.rules,
  links: { self: `https://${call.host}/v3/OS-FEDERATION/mappings/${row.id}` },
});
const protocolView = (call: Call, row: IdentityProviderRow, id: string) => ({
  id,
  mapping_id: row.protocols[id] ?? '',
  links: { self: `https://${call.host}${base}/${row.id}/protocols/${id}`, identity_provider: `https://${call.host}${base}/${row.id}` },
});

function createProvider(call: Call): Reply {
  mustAdminister(call);
  const { identityProviders } = iamTables(call.world.store);
  const { identity_provider: wanted } = read(providerShape, call.body);
  const id = call.params['id'] ?? '';
  const domain = call.caller?.domainId ?? '';
  const kind = wanted.sso_type ?? 'virtual_user_sso';
  if (kind !== 'virtual_user_sso' && kind !== 'iam_user_sso')
    throw new Refusal(400, 'IAM.0011', 'sso_type must be virtual_user_sso or iam_user_sso.');
  if (identityProviders.get(id) !== undefined)
    throw new Refusal(409, 'IAM.0005', 'Conflict occurred attempting to store identity_provider - Duplicate entry.');
  const others = identityProviders.where((row) => row.domain_id === domain);
  if (others.some((row) => row.sso_type !== kind)) throw new Refusal(400, 'IAM.0011', 'An account can have only one type of identity provider.');
  const row = identityProviders.insert({
    id,
    domain_id: domain,
    description: wanted.description ?? '',
    enabled: wanted.enabled ?? true,
    sso_type: kind,
    protocols: {},
  });
  return { status: 201, body: { identity_provider: providerView(call, row) } };
}

function putProtocol(call: Call, status: 200 | 201): Reply {
  mustAdminister(call);
  const { identityProviders, mappings } = iamTables(call.world.store);
  const row = providerOf(call);
  const id = call.params['protocol'] ?? '';
  const { mapping_id } = read(protocolShape, call.body).protocol;
  if (mappings.get(mapping_id) === undefined) throw new Refusal(400, 'IAM.0011', `Could not find mapping: ${mapping_id}.`);
  if (status === 201 && row.protocols[id] !== undefined)
    throw new Refusal(409, 'IAM.0005', 'Conflict occurred attempting to store federation_protocol - Duplicate entry.');
  if (status === 200 && row.protocols[id] === undefined) throw new Refusal(404, 'IAM.0004', `Could not find federated protocol: ${id}.`);
  const after = identityProviders.update(row.id, { protocols: { ...row.protocols, [id]: mapping_id } }) ?? row;
  return { status, body: { protocol: protocolView(call, after, id) } };
}

function putMapping(call: Call, status: 200 | 201): Reply {
  mustAdminister(call);
  const { mappings } = iamTables(call.world.store);
  const { rules } = read(mappingShape, call.body).mapping;
  const id = call.params['id'] ?? '';
  if (status === 200) return { status, body: { mapping: mappingView(call, mappings.update(mappingOf(call).id, { rules }) ?? mappingOf(call)) } };
  if (mappings.get(id) !== undefined) throw new Refusal(409, 'IAM.0005', 'Conflict occurred attempting to store mapping - Duplicate entry.');
  return { status, body: { mapping: mappingView(call, mappings.insert({ id, domain_id: call.caller?.domainId ?? '', rules })) } };
}

function putOidc(call: Call, status: 200 | 201): Reply {
  mustAdminister(call);
  const row = providerOf(call);
  const { openid_connect_config: oidc } = read(oidcShape, call.body);
  const wrong =
    (!['program', 'program_console'].includes(oidc.access_mode) && 'access_mode') ||
    ((oidc.idp_url.length < 10 || oidc.idp_url.length > 255) && 'idp_url') ||
    ((oidc.client_id.length < 5 || oidc.client_id.length > 255) && 'client_id') ||
    ((oidc.signing_key.length < 10 || oidc.signing_key.length > 30000 || !isKeySet(oidc.signing_key)) && 'signing_key') ||
    (oidc.access_mode === 'program_console' && wrongForConsole(oidc));
  if (wrong !== false) throw new Refusal(400, 'IAM.0011', `Request body is invalid: ${wrong}.`);
  if (status === 201 && row.oidc !== undefined) throw new Refusal(409, 'IAM.0005', 'The OpenID Connect configuration exists already.');
  iamTables(call.world.store).identityProviders.update(row.id, { oidc });
  return { status, body: { openid_connect_config: oidc } };
}

/** What sign-in by the console needs besides. */
function wrongForConsole(oidc: TypeOf<typeof oidcShape>['openid_connect_config']): string | false {
  const { authorization_endpoint: endpoint = '', scope = '', response_type: type = 'id_token', response_mode: mode = 'form_post' } = oidc;
  const words = scope.split(' ');
  return (
    ((endpoint.length < 10 || endpoint.length > 255) && 'authorization_endpoint') ||
    ((!words.includes('openid') || words.some((word) => !['openid', 'email', 'profile'].includes(word))) && 'scope') ||
    (type !== 'id_token' && 'response_type') ||
    (!['fragment', 'form_post'].includes(mode) && 'response_mode')
  );
}

function isKeySet(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { keys?: unknown }).keys);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function without(row: IdentityProviderRow, protocol: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(row.protocols).filter(([id]) => id !== protocol));
}

export const providerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: base,
    handle: (call) => ({
      status: 200,
      body: {
        identity_providers: iamTables(call.world.store)
          .identityProviders.where((row) => row.domain_id === call.caller?.domainId)
          .map((row) => providerView(call, row)),
        links: { self: `https://${call.host}${base}`, previous: null, next: null },
      },
    }),
  },
  { method: 'GET', path: `${base}/{id}`, handle: (call) => ({ status: 200, body: { identity_provider: providerView(call, providerOf(call)) } }) },
  { method: 'PUT', path: `${base}/{id}`, body: required(providerShape), handle: createProvider },
  {
    method: 'PATCH',
    path: `${base}/{id}`,
    body: required(providerShape),
    handle: (call) => {
      mustAdminister(call);
      const row = providerOf(call);
      const { description, enabled, sso_type } = read(providerShape, call.body).identity_provider;
      if (sso_type !== undefined && sso_type !== row.sso_type) throw new Refusal(400, 'IAM.0011', 'sso_type cannot be changed.');
      const patch = { ...(description === undefined ? {} : { description }), ...(enabled === undefined ? {} : { enabled }) };
      return {
        status: 200,
        body: { identity_provider: providerView(call, iamTables(call.world.store).identityProviders.update(row.id, patch) ?? row) },
      };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/{id}`,
    handle: (call) => {
      mustAdminister(call);
      iamTables(call.world.store).identityProviders.remove(providerOf(call).id);
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: `${base}/{id}/protocols`,
    handle: (call) => {
      const row = providerOf(call);
      return {
        status: 200,
        body: {
          protocols: Object.keys(row.protocols).map((id) => protocolView(call, row, id)),
          links: { self: `https://${call.host}${call.path}`, previous: null, next: null },
        },
      };
    },
  },
  {
    method: 'GET',
    path: `${base}/{id}/protocols/{protocol}`,
    handle: (call) => {
      const row = providerOf(call);
      const id = call.params['protocol'] ?? '';
      if (row.protocols[id] === undefined) throw new Refusal(404, 'IAM.0004', `Could not find federated protocol: ${id}.`);
      return { status: 200, body: { protocol: protocolView(call, row, id) } };
    },
  },
  { method: 'PUT', path: `${base}/{id}/protocols/{protocol}`, body: required(protocolShape), handle: (call) => putProtocol(call, 201) },
  { method: 'PATCH', path: `${base}/{id}/protocols/{protocol}`, body: required(protocolShape), handle: (call) => putProtocol(call, 200) },
  {
    method: 'DELETE',
    path: `${base}/{id}/protocols/{protocol}`,
    handle: (call) => {
      mustAdminister(call);
      const row = providerOf(call);
      iamTables(call.world.store).identityProviders.update(row.id, { protocols: without(row, call.params['protocol'] ?? '') });
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: '/v3/OS-FEDERATION/mappings',
    handle: (call) => ({
      status: 200,
      body: {
        mappings: iamTables(call.world.store)
          .mappings.where((row) => row.domain_id === call.caller?.domainId)
          .map((row) => mappingView(call, row)),
        links: { self: `https://${call.host}${call.path}`, previous: null, next: null },
      },
    }),
  },
  {
    method: 'GET',
    path: '/v3/OS-FEDERATION/mappings/{id}',
    handle: (call) => ({ status: 200, body: { mapping: mappingView(call, mappingOf(call)) } }),
  },
  { method: 'PUT', path: '/v3/OS-FEDERATION/mappings/{id}', body: required(mappingShape), handle: (call) => putMapping(call, 201) },
  { method: 'PATCH', path: '/v3/OS-FEDERATION/mappings/{id}', body: required(mappingShape), handle: (call) => putMapping(call, 200) },
  {
    method: 'DELETE',
    path: '/v3/OS-FEDERATION/mappings/{id}',
    handle: (call) => {
      mustAdminister(call);
      iamTables(call.world.store).mappings.remove(mappingOf(call).id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: oidcPath, body: required(oidcShape), handle: (call) => putOidc(call, 201) },
  { method: 'PUT', path: oidcPath, body: required(oidcShape), handle: (call) => putOidc(call, 200) },
  {
    method: 'GET',
    path: oidcPath,
    handle: (call) => {
      const row = providerOf(call);
      if (row.oidc === undefined) throw new Refusal(404, 'IAM.0004', `Could not find openid_connect_config: ${row.id}.`);
      return { status: 200, body: { openid_connect_config: row.oidc } };
    },
  },
  {
    method: 'POST',
    path: metadataPath,
    body: required(metadataShape),
    handle: (call) => {
      mustAdminister(call);
      iamTables(call.world.store).identityProviders.update(providerOf(call).id, { saml_metadata: read(metadataShape, call.body).metadata });
      return { status: 201, body: { message: 'Import metadata successful' } };
    },
  },
  {
    method: 'GET',
    path: metadataPath,
    handle: (call) => ({ status: 200, body: { id: providerOf(call).id, idp_id: providerOf(call).id, data: providerOf(call).saml_metadata ?? '' } }),
  },
];
