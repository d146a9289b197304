import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckResult, type Expected, runChecks } from '../../../src/zitadel/checks.ts';
import type { HttpAnswer, Probe, TlsAnswer } from '../../../src/zitadel/probe.ts';

const expected: Expected = {
  domain: 'id.example.org',
  address: '203.0.113.9',
  staging: false,
  entrance: 'Ingress',
  entranceAddresses: [['203.0.113.9', '10.0.0.4'], ['203.0.113.9']],
};
const now = new Date('2026-11-23T18:00:00Z');
const answer = (status: number, body: unknown = '', headers: Record<string, string> = {}): HttpAnswer => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'latin1'),
});
const https = 'https://id.example.org';
const trailers = '\x80\x00\x00\x00\x0fgrpc-status: 0\r\n';

/** Answers as ZITADEL v4.13.1 gives them behind a working ingress. */
function well(): Record<string, HttpAnswer> {
  return {
    '/.well-known/openid-configuration': answer(200, {
      issuer: https,
      authorization_endpoint: `${https}/oauth/v2/authorize`,
      token_endpoint: `${https}/oauth/v2/token`,
      jwks_uri: `${https}/oauth/v2/keys`,
    }),
    '/oauth/v2/keys': answer(200, { keys: [{ kty: 'RSA' }] }),
    '/ui/console/': answer(200, '<html>', { 'content-type': 'text/html; charset=utf-8' }),
    '/ui/console/assets/environment.json': answer(200, { api: https, issuer: https, clientid: '3141' }),
    '/oauth/v2/authorize': answer(302, '', { location: '/ui/v2/login/login?authRequest=V2_1' }),
    '/ui/v2/login/login': answer(307, '', { location: '/ui/v2/login/loginname?requestId=oidc_V2_1' }),
    '/ui/v2/login/loginname': answer(200, '<html>', { 'content-type': 'text/html; charset=utf-8' }),
    '/zitadel.admin.v1.AdminService/Healthz': answer(200, trailers),
  };
}
const goodTls: TlsAnswer = { untrusted: undefined, wrongName: undefined, issuer: "Let's Encrypt E7", notAfter: new Date('2027-01-01') };

function probe(pages: Record<string, HttpAnswer | undefined>, more: Partial<Probe> = {}): Probe & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    http: async (_method, path) => {
      asked.push(path);
      return pages[path.split('?')[0] ?? ''] ?? answer(404, { code: 5, message: 'Not Found' });
    },
    grpc: async () => ({ status: 200, grpcStatus: '0' }),
    tls: async () => goodTls,
    dns: async () => [{ server: 'the system resolver', addresses: ['203.0.113.9'], answered: true }],
    close: () => undefined,
    ...more,
  };
}
async function failing(
  pages: Record<string, HttpAnswer | undefined>,
  more: Partial<Probe> = {},
  change: Partial<Expected> = {},
): Promise<CheckResult[]> {
  return (await runChecks(probe(pages, more), { ...expected, ...change }, now)).filter(({ ok }) => !ok);
}

test('a working ZITADEL passes every check, with PKCE and the console’s own client', async () => {
  const used = probe(well());
  const results = await runChecks(used, expected, now);
  assert.deepEqual(
    results.map(({ name, ok }) => `${name} ${ok}`),
    [
      'ingress status true',
      'DNS true',
      'TLS certificate true',
      'OIDC discovery true',
      'JWKS true',
      'console true',
      'login true',
      'gRPC-Web true',
      'gRPC true',
    ],
  );
  const authorize = new URL(used.asked.find((path) => path.startsWith('/oauth/v2/authorize')) ?? '', https);
  assert.equal(authorize.searchParams.get('client_id'), '3141');
  assert.equal(authorize.searchParams.get('redirect_uri'), `${https}/ui/console/auth/callback`);
  assert.match(authorize.searchParams.get('code_challenge') ?? '', /^[\w-]{43}$/);
});

test('each way to be broken fails its check alone and says what to do', async () => {
  const cases: readonly (readonly [string, RegExp, RegExp, Record<string, HttpAnswer | undefined>, Partial<Probe>?, Partial<Expected>?])[] = [
    ['ingress status', /holds no address yet, not 203/, /events/, well(), {}, { entranceAddresses: [['203.0.113.9'], []] }],
    ['ingress status', /holds 203\.0\.113\.8/, /events/, well(), {}, { entranceAddresses: [['203.0.113.8']] }],
    ['ingress status', /no Ingress/, /deploy again/, well(), {}, { entranceAddresses: [] }],
    ['gateway status', /the Gateway status holds 10\.0\.0\.4/, /events/, well(), {}, { entrance: 'Gateway', entranceAddresses: [['10.0.0.4']] }],
    ['gateway status', /no Gateway/, /deploy again/, well(), {}, { entrance: 'Gateway', entranceAddresses: [] }],
    [
      'OIDC discovery',
      /issuer is http:\/\/id/,
      /X-Forwarded-Proto/,
      { ...well(), '/.well-known/openid-configuration': answer(200, { issuer: 'http://id.example.org' }) },
    ],
    [
      'OIDC discovery',
      /token_endpoint is https:\/\/id\.example\.org:8080/,
      /ExternalPort/,
      {
        ...well(),
        '/.well-known/openid-configuration': answer(200, { issuer: https, authorization_endpoint: `${https}/a`, token_endpoint: `${https}:8080/t` }),
      },
    ],
    ['JWKS', /holds no key/, /logs/, { ...well(), '/oauth/v2/keys': answer(200, { keys: [] }) }],
    [
      'JWKS',
      /^GET \/oauth\/v2\/keys answers, but not with what ZITADEL says there: an HTML page/,
      /Something else/,
      { ...well(), '/oauth/v2/keys': answer(200, '<html>') },
    ],
    ['console', /\/ui\/console\/ answers 404, not HTML/, /logs/, { ...well(), '/ui/console/': undefined }],
    [
      'console',
      /told the issuer http:\/\/id/,
      /ExternalSecure/,
      { ...well(), '/ui/console/assets/environment.json': answer(200, { issuer: 'http://id.example.org', clientid: '3141' }) },
    ],
    ['login', /answers 404, not HTML/, /ui\/v2\/login to the login service/, { ...well(), '/ui/v2/login/login': undefined }],
    ['login', /not a redirect to the login app/, /login features/, { ...well(), '/oauth/v2/authorize': answer(400, { error: 'invalid_request' }) }],
    [
      'login',
      /redirect leads to https:\/\/evil/,
      /ExternalDomain/,
      { ...well(), '/ui/v2/login/login': answer(302, '', { location: 'https://evil.example.org/' }) },
    ],
    ['gRPC-Web', /answers 502, grpc-status none/, /h2c/, { ...well(), '/zitadel.admin.v1.AdminService/Healthz': answer(502) }],
    ['gRPC', /grpc-status 12/, /h2c/, well(), { grpc: async () => ({ status: 200, grpcStatus: '12' }) }],
    [
      'gRPC',
      /does not offer HTTP\/2/,
      /healthy members/,
      well(),
      {
        grpc: async () => {
          throw new Error('the load balancer does not offer HTTP/2');
        },
      },
    ],
  ];
  for (const [name, detail, advice, pages, more, change] of cases) {
    const found = await failing(pages, more, change);
    assert.deepEqual(
      found.map((result) => result.name),
      [name],
      `${name}: ${JSON.stringify(found)}`,
    );
    assert.match(found[0]?.detail ?? '', detail);
    assert.match(found[0]?.advice ?? '', advice);
  }
});

test('without TLS nothing behind it is asked', async () => {
  const used = probe(well(), { tls: async () => ({ ...goodTls, untrusted: 'SELF_SIGNED_CERT_IN_CHAIN', issuer: 'ingress.local' }) });
  const results = await runChecks(used, expected, now);
  assert.equal(results.length, 3);
  assert.deepEqual(used.asked, []);
  assert.match(results[2]?.detail ?? '', /ingress\.local is not trusted/);
});

test('certificates: staging may have an unknown root, but neither another name nor an end in the past', async () => {
  const tls = (change: Partial<TlsAnswer>, staging: boolean): Promise<CheckResult[]> =>
    failing(well(), { tls: async () => ({ ...goodTls, ...change }) }, { staging });
  assert.equal((await tls({ untrusted: 'SELF_SIGNED_CERT_IN_CHAIN' }, true)).length, 0);
  assert.equal((await tls({ untrusted: 'SELF_SIGNED_CERT_IN_CHAIN' }, false)).length, 1);
  assert.equal((await tls({ untrusted: 'CERT_HAS_EXPIRED' }, true)).length, 1);
  assert.match((await tls({ wrongName: "Hostname/IP does not match certificate's altnames" }, true))[0]?.detail ?? '', /does not match/);
  assert.match((await tls({ notAfter: now }, false))[0]?.advice ?? '', /Renewal/);
});

test('DNS: every server that answers must know the address; silence proves nothing unless all are silent', async () => {
  const dns = (answers: Awaited<ReturnType<Probe['dns']>>): Promise<CheckResult[]> => failing(well(), { dns: async () => answers });
  const good = { server: 'the system resolver', addresses: ['203.0.113.9'], answered: true };
  const silent = { server: 'ns1.open-telekom-cloud.com', addresses: [], error: 'queryA ETIMEOUT', answered: false };
  assert.deepEqual(await dns([silent, good]), []);
  assert.match((await dns([silent, { ...silent, server: 'the system resolver' }]))[0]?.detail ?? '', /no name server could be asked/);
  const wrong = await dns([{ ...good, server: 'ns1.open-telekom-cloud.com', addresses: ['192.0.2.1'] }, good]);
  assert.match(wrong[0]?.detail ?? '', /ns1\.open-telekom-cloud\.com answers 192\.0\.2\.1 for id\.example\.org, not 203\.0\.113\.9/);
  assert.match((await dns([{ ...good, addresses: [], error: 'queryA ENOTFOUND' }]))[0]?.detail ?? '', /ENOTFOUND/);
});
