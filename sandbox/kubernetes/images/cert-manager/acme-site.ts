/**
 * Owns Let's Encrypt's directories, production and staging: what proves to cert-manager that it can reach the ACME server, and where
 * it places an order, which every name gets (a fault refuses it as rate limits do). What follows is not asked here: the controller's
 * stand-in asks the world's authority itself once DNS says that a challenge is met.
 */
import type { Site } from '../../../contract.ts';

const hosts = ['acme-v02.api.letsencrypt.org', 'acme-staging-v02.api.letsencrypt.org'] as const;

/** Where an order is placed (RFC 8555, 7.4). */
export const newOrder = '/acme/new-order';

export const acmeSite: Site = {
  name: 'acme',
  hosts,
  handle(request, response) {
    const path = new URL(request.url ?? '/', 'https://acme').pathname;
    if (path === newOrder && request.method === 'POST') {
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'pending' }));
      return;
    }
    if (path !== '/directory') {
      response
        .writeHead(404, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ type: 'urn:ietf:params:acme:error:malformed', status: 404 }));
      return;
    }
    const at = (name: string): string => `https://${request.headers.host ?? hosts[0]}/acme/${name}`;
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        newNonce: at('new-nonce'),
        newAccount: at('new-acct'),
        newOrder: at('new-order'),
        revokeCert: at('revoke-cert'),
        keyChange: at('key-change'),
        meta: {
          termsOfService: 'https://letsencrypt.org/documents/LE-SA.pdf',
          website: 'https://letsencrypt.org',
          caaIdentities: ['letsencrypt.org'],
        },
      }),
    );
  },
};
