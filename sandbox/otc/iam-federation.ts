/**
 * Owns sign-in by ID token, both forms (API reference 1.2), and what the cloud tells SAML providers of itself (1.7). Part of IAM; the check of an ID token is in `id-token.ts`, the
 * registration of identity providers in `iam-providers.ts`.
 */
import { createHash } from 'node:crypto';
import { projectsOf } from './auth.ts';
import { any, object, read, required, string } from './fields.ts';
import { projectView } from './iam-directory.ts';
import { issueToken, resolveScope, scopeShape, tokenReply } from './iam-tokens.ts';
import { applyMapping, IdTokenRefused, verifyIdToken } from './id-token.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store } from './store.ts';
import { iamTables, type Principal } from './tables/iam.ts';

const exchangeShape = object({ auth: required(object({ id_token: required(object({ id: required(string) })), scope: scopeShape })) });
const denied = (status: 401 | 404, message: string): Refusal => new Refusal(status, status === 401 ? 'IAM.0001' : 'IAM.0004', message);

/** The virtual user an ID token stands for. Its id is stable for a provider and a mapped name. */
function principalOf(store: Store, providerId: string, token: string): Principal {
  const { identityProviders, mappings, groups } = iamTables(store);
  const provider = identityProviders.get(providerId);
  if (provider === undefined || !provider.enabled) throw denied(404, `Could not find identity_provider: ${providerId}.`);
  const mapping = mappings.get(provider.protocols['oidc'] ?? '');
  if (mapping === undefined) throw denied(404, 'Could not find federated protocol: oidc.');
  try {
    const mapped = applyMapping(mapping.rules, verifyIdToken(token, provider));
    if (mapped === undefined) throw new IdTokenRefused('no mapping rule matches the claims of the ID token');
    const known = groups.where((group) => group.domain_id === provider.domain_id && mapped.groups.includes(group.name)).map((group) => group.id);
    const userId = createHash('md5').update(`${provider.id} ${mapped.userName}`).digest('hex');
    return {
      userId,
      userName: mapped.userName,
      domainId: provider.domain_id,
      groups: known,
      federation: { provider: provider.id, protocol: 'oidc' },
    };
  } catch (error) {
    if (error instanceof IdTokenRefused) throw denied(401, `The request you have made requires authentication: ${error.message}.`);
    throw error;
  }
}

function exchange(call: Call): Reply {
  const { auth } = read(exchangeShape, call.body);
  const { store } = call.world;
  const principal = principalOf(store, call.headers['x-idp-id'] ?? '', auth.id_token.id);
  return tokenReply(call, issueToken(store, principal, resolveScope(store, principal, auth.scope, denied), ['mapped']));
}

function exchangeUnscoped(call: Call): Reply {
  const bearer = /^Bearer (.+)$/i.exec(call.headers['authorization'] ?? '')?.[1];
  if (bearer === undefined) throw new Refusal(401, '', 'The request you have made requires authentication.');
  const principal = principalOf(call.world.store, call.params['idp'] ?? '', bearer);
  return tokenReply(call, issueToken(call.world.store, principal, null, ['mapped']));
}

/** What a SAML identity provider must know of the cloud. */
function serviceProvider(call: Call): Reply {
  const name = 'https://auth.otc.t-systems.com/';
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${name}">
  <SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://${call.host}/v3-ext/auth/OS-FEDERATION/SSO/SAML2/POST" index="0" isDefault="true"/>
  </SPSSODescriptor>
</EntityDescriptor>
`;
  return { status: 200, body, headers: { 'Content-Type': 'application/xml' } };
}

export const federationRoutes: readonly Route[] = [
  { method: 'GET', path: '/v3-ext/auth/OS-FEDERATION/SSO/metadata', public: true, handle: serviceProvider },
  { method: 'POST', path: '/v3.0/OS-AUTH/id-token/tokens', public: true, query: ['nocatalog'], body: required(exchangeShape), handle: exchange },
  { method: 'POST', path: '/v3/OS-FEDERATION/identity_providers/{idp}/protocols/oidc/auth', public: true, body: any, handle: exchangeUnscoped },
  {
    method: 'GET',
    path: '/v3/OS-FEDERATION/projects',
    handle: (call) => ({
      status: 200,
      body: {
        projects: call.caller === undefined ? [] : projectsOf(call.world.store, call.caller.principal).map((row) => projectView(call, row)),
        links: { self: `https://${call.host}${call.path}`, previous: null, next: null },
      },
    }),
  },
];
