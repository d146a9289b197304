/**
 * Owns what a running ZITADEL answers over HTTP, as observed with v4.13 behind an ingress: which paths need the instance, the
 * origin that it believes, discovery, authorize, console, health, gRPC-Web and Connect. Pure but for `Knowledge`; sockets and
 * protocols are `server.ts`'s.
 */
export interface Ask {
  readonly method: string;
  /** With query. */
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly protocol: 'http/1.1' | 'h2';
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Set for gRPC: sent after the body. */
  readonly trailers?: Readonly<Record<string, string>>;
}

/** What the answers are made from; the database's, read when asked. */
export interface Knowledge {
  readonly externalDomain: string;
  readonly version: string;
  /** Is the host name one of the instance's domains? */
  hasDomain(host: string): Promise<boolean>;
  databaseAnswers(): Promise<boolean>;
  /** Milliseconds since the server listens: the REST gateway comes up a second later. */
  age(): number;
  consoleClient(): Promise<{ readonly id: string; readonly redirectUris: readonly string[] } | undefined>;
  webKeys(): Promise<readonly unknown[]>;
  /** Is that personal access token known and not expired? */
  knowsToken(token: string): Promise<boolean>;
}

const gatewayAfter = 1000;

const json = (status: number, value: unknown): Answer => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
const text = (status: number, body: string, type = 'text/plain; charset=utf-8'): Answer => ({ status, headers: { 'content-type': type }, body });
const redirect = (location: string): Answer => ({ status: 302, headers: { location }, body: '' });
const notFound = (): Answer => json(404, { code: 5, message: 'Not Found' });

export async function answer(ask: Ask, known: Knowledge): Promise<Answer> {
  const { pathname: path, searchParams: query } = new URL(ask.url, 'http://instance');
  if (path === '/debug/ready' || path === '/debug/validate') {
    return (await known.databaseAnswers()) ? json(200, 'ok') : json(412, { ready: 'database not reachable' });
  }
  if (path === '/debug/healthz') return text(200, 'ok');
  if (path === '/debug/metrics') return text(200, `# TYPE zitadel_info gauge\nzitadel_info{version="${known.version}"} 1\n`);

  const contentType = ask.headers['content-type'] ?? '';
  if (contentType === 'application/grpc' || contentType.startsWith('application/grpc+')) return grpc(ask, path);
  const host = ask.host.replace(/:\d+$/, '');
  if (!(await known.hasDomain(host))) return noInstance(ask, known);
  if (contentType.startsWith('application/grpc-web')) return grpcWeb(path);

  const origin = `${ask.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${ask.host}`;
  if (path === '/') return redirect('/ui/login');
  if (path === '/ui/login' || path === '/ui/login/') return redirect('/ui/console/');
  if (path === '/.well-known/openid-configuration') return json(200, discovery(origin));
  if (path === '/oauth/v2/keys') return json(200, { keys: await known.webKeys() });
  if (path === '/oauth/v2/authorize') return authorize(query, known);
  if (path === '/ui/console/assets/environment.json') {
    const client = await known.consoleClient();
    return json(200, { api: origin, issuer: origin, clientid: client?.id ?? '' });
  }
  if (path === '/ui/console' || path === '/ui/console/') return text(200, consolePage, 'text/html; charset=utf-8');
  if (path === '/saml/v2/metadata') return text(200, samlMetadata(origin), 'application/xml');
  if (/^\/(admin|auth|management)\/v1\/healthz$/.test(path))
    return known.age() < gatewayAfter ? json(503, { code: 14, message: 'unavailable' }) : json(200, {});
  const call = /^\/zitadel\.[\w.]+\/\w+$/.exec(path);
  if (call !== null && ask.method === 'POST') return connectCall(ask, known);
  return notFound();
}

function noInstance(ask: Ask, known: Knowledge): Answer {
  const scheme = ask.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const message = `unable to set instance using origin &{${ask.host}  ${scheme}} (ExternalDomain is ${known.externalDomain}): ID=QUERY-1kIjX Message=Instance not found. Make sure you got the domain right. Check out https://zitadel.com/docs/apis/introduction#domains`;
  return text(404, `${message}\n`);
}

function discovery(issuer: string): unknown {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/v2/authorize`,
    token_endpoint: `${issuer}/oauth/v2/token`,
    introspection_endpoint: `${issuer}/oauth/v2/introspect`,
    userinfo_endpoint: `${issuer}/oidc/v1/userinfo`,
    revocation_endpoint: `${issuer}/oauth/v2/revoke`,
    end_session_endpoint: `${issuer}/oidc/v1/end_session`,
    device_authorization_endpoint: `${issuer}/oauth/v2/device_authorization`,
    jwks_uri: `${issuer}/oauth/v2/keys`,
    scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
    response_types_supported: ['code', 'id_token', 'id_token token'],
    grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
  };
}

async function authorize(query: URLSearchParams, known: Knowledge): Promise<Answer> {
  const invalid = (description: string): Answer => json(400, { error: 'invalid_request', error_description: description });
  const client = await known.consoleClient();
  if (client === undefined || query.get('client_id') !== client.id) return invalid('Errors.App.NotFound');
  if (!client.redirectUris.includes(query.get('redirect_uri') ?? '')) {
    return invalid(
      'The requested redirect_uri is missing in the client configuration. If you have any questions, you may contact the administrator of the application.',
    );
  }
  return redirect(`/ui/v2/login/login?authRequest=V2_${Date.now()}${Math.trunc(Math.random() * 1e6)}`);
}

async function connectCall(ask: Ask, known: Knowledge): Promise<Answer> {
  const given = /^Bearer (.+)$/.exec(ask.headers['authorization'] ?? '')?.[1];
  if (given === undefined) return json(401, { code: 'unauthenticated', message: 'auth header missing' });
  if (!(await known.knowsToken(given))) return json(401, { code: 'unauthenticated', message: 'Errors.Token.Invalid (AUTH-7fs1e)' });
  return json(200, {});
}

/** Services that answer without a token; everything else asks for one (16) or is not there (12). */
function grpcStatus(path: string): { readonly code: string; readonly message: string } {
  if (/^\/zitadel\.(admin|auth|management)\.v1\.\w+\/Healthz$/.test(path) || path === '/grpc.health.v1.Health/Check')
    return { code: '0', message: '' };
  if (/^\/zitadel\.[\w.]+\/\w+$/.test(path)) return { code: '16', message: 'auth header missing' };
  return { code: '12', message: `unknown service ${path.split('/')[1] ?? ''}` };
}

/** `grpc.health.v1.HealthCheckResponse{status: SERVING}` or an empty message, framed. */
function grpcMessage(path: string): Buffer {
  const message = path === '/grpc.health.v1.Health/Check' ? Buffer.from([0x08, 0x01]) : Buffer.alloc(0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function grpc(ask: Ask, path: string): Answer {
  if (ask.protocol !== 'h2') return text(505, 'gRPC requires HTTP/2\n');
  const { code, message } = grpcStatus(path);
  return {
    status: 200,
    headers: { 'content-type': 'application/grpc' },
    body: code === '0' ? grpcMessage(path) : Buffer.alloc(0),
    trailers: { 'grpc-status': code, ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message) }) },
  };
}

function grpcWeb(path: string): Answer {
  const { code, message } = grpcStatus(path);
  const trailer = Buffer.from(`grpc-status: ${code}\r\n${message === '' ? '' : `grpc-message: ${encodeURIComponent(message)}\r\n`}`);
  const head = Buffer.alloc(5);
  head[0] = 0x80;
  head.writeUInt32BE(trailer.length, 1);
  return {
    status: 200,
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: Buffer.concat([...(code === '0' ? [grpcMessage(path)] : []), head, trailer]),
  };
}

const consolePage =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ZITADEL • Console</title></head><body><app-root></app-root></body></html>\n';

function samlMetadata(origin: string): string {
  const at = `Location="${origin}/saml/v2/SSO"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${origin}/saml/v2/metadata"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" ${at}/></IDPSSODescriptor></EntityDescriptor>
`;
}
