/**
 * Owns proof of identity on requests: access key and secret (signed), or tokens that are fetched for project or domain and
 * renewed once when they expire. Which credentials there are, and what their first use shows, is `sign-in.ts`'s business.
 */
import type { Secret } from '../secret.ts';
import { sdkDate, signature } from './sign.ts';
import type { Outgoing, Wire } from './wire.ts';

/** Regional services work in the project; IAM's own calls partly need the domain. */
export type Scope = 'project' | 'domain';

export interface Auth {
  /** The headers that prove identity for this request, to be added to its own. */
  headersFor(request: Omit<Outgoing, 'signal'>, scope: Scope): Promise<Record<string, string>>;
  /** Gets a fresh token; false where there is nothing to renew. */
  renew(): Promise<boolean>;
}

export interface AccessKey {
  readonly accessKey: string;
  readonly secretKey: Secret;
  readonly securityToken?: Secret | undefined;
}

/** Signs with variant 1; project, domain and session travel unsigned, as the gateway allows. */
export function signedBy(key: AccessKey, wire: Wire, ids: { readonly projectId?: string; readonly domainId?: string | undefined }): Auth {
  return {
    headersFor: async (request, scope) => {
      const headers: Record<string, string> = { 'X-Sdk-Date': sdkDate(wire.now()) };
      const contentType = request.headers['Content-Type'];
      const signed = contentType === undefined ? headers : { ...headers, 'Content-Type': contentType };
      headers['Authorization'] = signature({ ...request, headers: signed }, key.accessKey, key.secretKey.open());
      if (scope === 'domain' && ids.domainId !== undefined) headers['X-Domain-Id'] = ids.domainId;
      else if (ids.projectId !== undefined) headers['X-Project-Id'] = ids.projectId;
      if (key.securityToken !== undefined) headers['X-Security-Token'] = key.securityToken.open();
      return headers;
    },
    renew: async () => false,
  };
}

/** Fetches a token for a scope; used at first need and at each renewal. */
export type TokenSource = (scope: Scope) => Promise<Secret>;

/** Works with tokens. `first` is the project's token of the sign-in. */
export function byToken(source: TokenSource, first: Secret): Auth {
  const tokens = new Map<Scope, Promise<Secret>>([['project', Promise.resolve(first)]]);
  const tokenFor = (scope: Scope): Promise<Secret> => {
    let token = tokens.get(scope);
    if (token === undefined) {
      token = source(scope);
      tokens.set(scope, token);
    }
    return token;
  };
  let renewing: Promise<boolean> | undefined;
  return {
    headersFor: async (_request, scope) => ({ 'X-Auth-Token': (await tokenFor(scope)).open() }),
    renew: () => {
      // Requests that meet the same expiry share one renewal; a later expiry starts another.
      renewing ??= (async () => {
        tokens.clear();
        try {
          await tokenFor('project');
          return true;
        } finally {
          renewing = undefined;
        }
      })();
      return renewing;
    },
  };
}
