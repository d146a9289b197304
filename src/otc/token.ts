/**
 * Owns the two ways to a token: password, and the ID token of a registered OpenID Connect provider (IAM API reference,
 * "Obtaining a user token through password authentication", "Obtaining a token with an OpenID Connect ID token").
 */
import { pauseFor } from '../engine/until.ts';
import { Secret } from '../secret.ts';
import type { CatalogEntry } from './endpoints.ts';
import { refused, unusable } from './errors.ts';
import { connectionRowFor, pauseBefore } from './retry.ts';
import { TransportFailure } from './transport.ts';
import type { Answer, Outgoing, Wire } from './wire.ts';

export type Identity =
  | { readonly kind: 'password'; readonly username: string; readonly password: Secret; readonly domainName: string }
  | { readonly kind: 'oidc'; readonly identityProvider: string; readonly idToken: Secret };

export type TokenScope = { readonly project: string } | { readonly domainId: string };

export interface Token {
  readonly secret: Secret;
  readonly project: { readonly id: string; readonly name: string } | undefined;
  readonly domainId: string | undefined;
  readonly catalog: readonly CatalogEntry[] | undefined;
}

interface TokenBody {
  readonly token?: {
    readonly project?: { readonly id: string; readonly name: string; readonly domain?: { readonly id: string } };
    readonly domain?: { readonly id: string };
    readonly user?: { readonly domain?: { readonly id: string } };
    readonly catalog?: readonly CatalogEntry[];
  };
}

const TRIES = 4;

/** Sends once what may reach IAM, since wrong passwords lock the account; again only what never left this machine. */
async function exchangeOnce(wire: Wire, request: Omit<Outgoing, 'signal'>): Promise<Answer> {
  const { signal, pause = pauseFor, random = Math.random } = wire.ports;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await wire.exchange({ ...request, signal });
    } catch (error) {
      const row = error instanceof TransportFailure && !error.sent ? connectionRowFor(error) : undefined;
      if (row === undefined || attempt === TRIES) throw error;
      await pause(pauseBefore(row, attempt, random), signal);
    }
  }
}

/** Fetches a token of 24 hours. Sent once only: wrong passwords lock the account. @throws ServiceFault when refused */
export async function fetchToken(wire: Wire, origin: string, identity: Identity, scope: TokenScope): Promise<Token> {
  const { path, headers, body } = tokenRequest(identity, scope);
  const request = { method: 'POST', url: `${origin}${path}`, headers: { 'Content-Type': 'application/json;charset=utf8', ...headers } };
  const answer = await exchangeOnce(wire, { ...request, body: JSON.stringify(body) });
  const text = answer.headers['x-subject-token'];
  const refusal = { ...answer, service: 'iam', method: 'POST', path, unclear: false } as const;
  if (answer.status < 200 || answer.status > 299) throw refused(refusal);
  if (text === undefined) throw unusable(refusal, 'its header X-Subject-Token is missing');
  const token = (answer.body as TokenBody | undefined)?.token;
  const domainId = token?.project?.domain?.id ?? token?.domain?.id ?? token?.user?.domain?.id;
  return { secret: new Secret(text, 'IAM token'), project: token?.project, domainId, catalog: token?.catalog };
}

function tokenRequest(identity: Identity, wanted: TokenScope): { path: string; headers: Record<string, string>; body: unknown } {
  if (identity.kind === 'oidc') {
    const scope = 'project' in wanted ? { project: { name: wanted.project } } : { domain: { id: wanted.domainId } };
    const auth = { id_token: { id: identity.idToken.open() }, scope };
    return { path: '/v3.0/OS-AUTH/id-token/tokens', headers: { 'X-Idp-Id': identity.identityProvider }, body: { auth } };
  }
  const domain = { name: identity.domainName };
  const scope = 'project' in wanted ? { project: { name: wanted.project, domain } } : { domain: { id: wanted.domainId } };
  const user = { name: identity.username, password: identity.password.open(), domain };
  return { path: '/v3/auth/tokens', headers: {}, body: { auth: { identity: { methods: ['password'], password: { user } }, scope } } };
}
