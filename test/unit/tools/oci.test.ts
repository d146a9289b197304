/** A chart out of an OCI registry, against the sandbox's own registry behind a fetch in memory, and against ones that lie. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packStandIn } from '../../../sandbox/charts/pack.ts';
import { privateRegistry, registrySites } from '../../../sandbox/charts/registry.ts';
import { asFault, Fault } from '../../../src/engine/fault.ts';
import { redact, Secret } from '../../../src/secret.ts';
import { type ChartAccount, refuseForeignRealm } from '../../../src/tools/chart-account.ts';
import { type ChartSource, chartsIn } from '../../../src/tools/charts.ts';
import type { Answer, Fetch } from '../../../src/tools/fetch.ts';
import { locateInRegistry } from '../../../src/tools/oci.ts';
import { workspaceIn } from '../../../src/tools/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'oci-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;
const sites = registrySites(async ({ name }) => [await packStandIn(name)]);
const source: ChartSource = { repository: 'oci://ghcr.io/zitadel/zitadel-charts', name: 'zitadel', version: '9.34.0' };

/** As `fetchAnswer` does it, with the sandbox's sites in place of the network; `bend` changes an answer on its way. */
function fetchFrom(asked: string[], bend: (url: string, answer: Answer) => Answer = (_, answer) => answer): Fetch {
  return async (url, stop, headers = {}) => {
    const { host, pathname, search } = new URL(url);
    const [kind = ''] = (headers['authorization'] ?? '').split(' ');
    asked.push(`${{ Bearer: 'with token ', Basic: 'with account ' }[kind] ?? ''}${url.replace(/verify=.*/, 'verify')}`);
    const site = sites.find(({ hosts }) => hosts.includes(host));
    assert.ok(site !== undefined, `nobody serves ${host}`);
    const sent: { status: number; headers: Record<string, string>; chunks: Buffer[] } = { status: 0, headers: {}, chunks: [] };
    const response = {
      setHeader: (name: string, value: string) => Object.assign(sent.headers, { [name]: value }),
      writeHead: (status: number, more: Record<string, string> = {}) => {
        sent.status = status;
        Object.assign(sent.headers, more);
        return response;
      },
      end: (body?: Buffer | string) => void (body === undefined || sent.chunks.push(Buffer.from(body))),
    };
    await site.handle(
      { method: 'GET', url: `${pathname}${search}`, headers: { ...headers, host } } as unknown as IncomingMessage,
      response as unknown as ServerResponse,
    );
    const { location } = sent.headers;
    const { authorization: _, ...open } = headers as Record<string, string>;
    if (location !== undefined) return fetchFrom(asked, bend)(location, stop, new URL(location).host === host ? headers : open);
    if (sent.status !== 200 && sent.status !== 401) throw new Fault(`GET ${url}: status ${sent.status}`, { status: sent.status });
    return bend(url, { status: sent.status, headers: sent.headers, body: Buffer.concat(sent.chunks) });
  };
}

const pullWith = (fetch: Fetch, more: Partial<ChartSource> = {}, account?: ChartAccount) =>
  chartsIn(
    workspaceIn(folder, () => undefined),
    fetch,
    account,
  ).pull({ ...source, ...more }, signal);

test('token, manifest by tag, layer by digest; the token does not follow to the storage', async () => {
  const asked: string[] = [];
  const { file, digest } = await pullWith(fetchFrom(asked));
  const packed = await packStandIn('zitadel');
  assert.equal(digest, packed.digest);
  assert.deepEqual(readFileSync(file), packed.bytes);
  assert.deepEqual(asked, [
    'https://ghcr.io/v2/zitadel/zitadel-charts/zitadel/manifests/9.34.0',
    'https://ghcr.io/token?service=ghcr.io&scope=repository%3Azitadel%2Fzitadel-charts%2Fzitadel%3Apull',
    'with token https://ghcr.io/v2/zitadel/zitadel-charts/zitadel/manifests/9.34.0',
    `with token https://ghcr.io/v2/zitadel/zitadel-charts/zitadel/blobs/sha256:${packed.digest}`,
    `https://pkg-containers.githubusercontent.com/blobs/sha256:${packed.digest}/data?verify`,
  ]);
});

test('docker.io answers at registry-1.docker.io, its tokens at auth.docker.io', async () => {
  const asked: string[] = [];
  await pullWith(fetchFrom(asked), { repository: 'oci://docker.io/envoyproxy', name: 'gateway-helm', version: 'v1.9.0' });
  assert.deepEqual(
    [...new Set(asked.map((line) => new URL(line.replace('with token ', '')).host))],
    ['registry-1.docker.io', 'auth.docker.io', 'production.cloudflare.docker.com'],
  );
});

test('a pin is the sha256 of the archive, and counts', async () => {
  await assert.rejects(pullWith(fetchFrom([]), { digest: '11'.repeat(32) }), /the stack file pins 1111/);
  const { digest } = await packStandIn('zitadel');
  assert.equal((await pullWith(fetchFrom([]), { digest: `sha256:${digest}` })).digest, digest);
});

test('changed bytes are refused, of the manifest and of the archive', async () => {
  const append = (what: RegExp) =>
    fetchFrom([], (url, answer) => (what.test(url) ? { ...answer, body: Buffer.concat([answer.body, Buffer.from(' ')]) } : answer));
  await assert.rejects(pullWith(append(/manifests/)), /the manifest of the chart zitadel 9\.34\.0 .* has the digest sha256:.* it was not installed/);
  await assert.rejects(pullWith(append(/githubusercontent/)), /^Fault: the chart zitadel 9\.34\.0 of oci:.* has the digest/);
});

test('what is not there, is no chart, asks for another sign-in, or is refused for now', async () => {
  await assert.rejects(pullWith(fetchFrom([]), { version: '1.0.0' }), /is not in the registry/);
  await assert.rejects(pullWith(fetchFrom([]), { name: 'other' }), /not to be had without credentials/);
  const image = fetchFrom([], (url, answer) =>
    url.includes('manifests') && answer.status === 200
      ? {
          ...answer,
          headers: {},
          body: Buffer.from(answer.body.toString('utf8').replace('vnd.cncf.helm.chart.content.v1.tar+gzip', 'vnd.oci.image.layer.v1.tar+gzip')),
        }
      : answer,
  );
  await assert.rejects(pullWith(image), /is no Helm chart/);
  const basic = fetchFrom([], (_, answer) => ({ ...answer, headers: { 'www-authenticate': 'Basic realm="x"' } }));
  await assert.rejects(pullWith(basic), /not to be had without credentials: the registry asks for user and password/);
  const other = fetchFrom([], (_, answer) => ({ ...answer, headers: { 'www-authenticate': 'Negotiate' } }));
  await assert.rejects(pullWith(other), /another sign-in than a token: Negotiate/);
  const limited: Fetch = async (url) => Promise.reject(new Fault(`GET ${url}: status 429`, { status: 429 }));
  const fault = asFault(await pullWith(limited).catch((error: unknown) => error));
  assert.match(fault.message, /fetch no more for now/);
  assert.match(fault.hint ?? '', /Docker Hub limits anonymous pulls/);
});

test('a version with a plus sign is a tag with an underscore; a registry without the digest header is believed for the manifest alone', async () => {
  const archive = Buffer.from('a chart');
  const digest = createHash('sha256').update(archive).digest('hex');
  const layer = { mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', digest: `sha256:${digest}` };
  const asked: string[] = [];
  const fetch: Fetch = async (url) => {
    asked.push(url);
    return { status: 200, headers: {}, body: url.includes('/manifests/') ? Buffer.from(JSON.stringify({ layers: [layer] })) : archive };
  };
  const mine = { repository: 'oci://registry.example.com/charts/', name: 'mine', version: '1.0.0+build.1' };
  const located = await locateInRegistry(mine, undefined, fetch, signal);
  assert.deepEqual([await located.archive(), located.digest], [archive, digest]);
  assert.deepEqual(asked, [
    'https://registry.example.com/v2/charts/mine/manifests/1.0.0_build.1',
    `https://registry.example.com/v2/charts/mine/blobs/sha256:${digest}`,
  ]);
});

test('what answers in a registry’s place is told by host and call, and never quoted', async () => {
  const told = async (call: RegExp, text: string): Promise<string> => {
    const fetch = fetchFrom([], (url, answer) =>
      call.test(url) && answer.status === 200 ? { ...answer, headers: {}, body: Buffer.from(text) } : answer,
    );
    const fault = await pullWith(fetch).catch(asFault);
    assert.ok(fault instanceof Fault, 'the chart was pulled');
    return `${fault.message}. ${fault.hint}`;
  };
  const page = '<html><title>Sign in</title></html>';
  const manifest = 'GET https://ghcr.io/v2/zitadel/zitadel-charts/zitadel/manifests/9.34.0 answers, but not with a manifest: ';
  assert.match(await told(/manifests/, page), new RegExp(`^${manifest}the HTML page "Sign in" came instead. A proxy, .*Ask that address`));
  assert.match(await told(/manifests/, 'null'), new RegExp(`^${manifest}another text of 4 bytes`));
  assert.match(await told(/manifests/, '{"layers": {}}'), /is no Helm chart/);
  assert.match(await told(/manifests/, '{"layers": [null]}'), /is no Helm chart/);
  const token = 'GET https://ghcr.io/token answers, but not with a token: ';
  assert.match(await told(/token/, page), new RegExp(`^${token}the HTML page "Sign in" came instead. A proxy, .*Ask that address`));
  const cut = await told(/token/, '{"token": "half-a-tok');
  assert.match(cut, new RegExp(`^${token}broken or other JSON of 21 bytes`));
  assert.doesNotMatch(cut, /half/);
  assert.match(await told(/token/, '{"token": 7}'), new RegExp(`^${token}broken or other JSON of 12 bytes`));
});

const account: ChartAccount = { ...privateRegistry, password: new Secret(privateRegistry.password) };
const mirrored: Partial<ChartSource> = { repository: `oci://${privateRegistry.host}/mirror`, name: 'kubernetes-ingress', version: '1.52.1' };

test('an account goes to its registry’s token service, and nowhere else', async () => {
  const asked: string[] = [];
  const { digest } = await pullWith(fetchFrom(asked), mirrored, account);
  assert.equal(digest, (await packStandIn('kubernetes-ingress')).digest);
  assert.deepEqual(
    asked.map((line) => line.replace(/https:\/\/([^/]+).*/, '$1')),
    [
      'registry.example.net',
      'with account registry.example.net',
      'with token registry.example.net',
      'with token registry.example.net',
      'blobs.example.net',
    ],
  );
  const elsewhere: string[] = [];
  await pullWith(fetchFrom(elsewhere), {}, account);
  assert.ok(!elsewhere.some((line) => line.startsWith('with account')));
});

test('a token that an account got is a secret', async () => {
  let token = '';
  const listening = fetchFrom([], (url, answer) => {
    if (url.includes('/service/token')) ({ token } = JSON.parse(answer.body.toString('utf8')) as { token: string });
    return answer;
  });
  await pullWith(listening, mirrored, account);
  assert.equal(redact(`Bearer ${token}`), 'Bearer ***');
});

test('a registry that wants user and password gets them, at every step', async () => {
  const archive = Buffer.from('a chart');
  const digest = createHash('sha256').update(archive).digest('hex');
  const manifest = { layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', digest: `sha256:${digest}` }] };
  const login = `Basic ${Buffer.from('robot$charts:Kept-in-a-vault-7').toString('base64')}`;
  const basic: Fetch = async (url, _, headers = {}) =>
    headers['authorization'] === login
      ? { status: 200, headers: {}, body: url.includes('/manifests/') ? Buffer.from(JSON.stringify(manifest)) : archive }
      : { status: 401, headers: { 'www-authenticate': 'Basic realm="Registry"' }, body: Buffer.alloc(0) };
  assert.equal((await pullWith(basic, mirrored, account)).digest, digest);
  await assert.rejects(pullWith(basic, mirrored, { ...account, username: 'other' }), /is not to be had as other/);
});

test('a missing account, another one and a wrong password are told apart, and none is shown', async () => {
  const faultOf = async (who: ChartAccount | undefined): Promise<Fault> =>
    asFault(await pullWith(fetchFrom([]), mirrored, who).catch((error) => error));
  const none = await faultOf(undefined);
  assert.match(`${none.message} ${none.hint}`, /without credentials.* chart-registry: registry\.example\.net/);
  assert.match((await faultOf({ ...account, host: 'docker.io' })).hint ?? '', /The account given is for docker\.io/);
  const wrong = await faultOf({ ...account, password: new Secret('not-its-password') });
  assert.match(wrong.message, /is not to be had as robot\$charts: https:\/\/registry\.example\.net\/service\/token answers 401/);
  assert.doesNotMatch(`${wrong.message} ${wrong.hint}`, /not-its-password/);
});

test('an account is sent to the registry’s own host or domain alone', () => {
  const goes = (registry: string, realm: string): boolean => {
    try {
      refuseForeignRealm(registry, new URL(realm));
      return true;
    } catch (error) {
      assert.ok(error instanceof Fault);
      assert.ok(error.message.includes(registry) && error.message.includes(new URL(realm).host), error.message);
      return false;
    }
  };
  for (const [registry, realm] of [
    ['docker.io', 'https://auth.docker.io/token'],
    ['registry-1.docker.io', 'https://auth.docker.io/token'],
    ['ghcr.io', 'https://ghcr.io/token'],
    ['GHCR.io', 'https://ghcr.io/token'],
    ['quay.io', 'https://quay.io/v2/auth'],
    ['public.ecr.aws', 'https://public.ecr.aws/token/'],
    ['registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['registry.digitalocean.com', 'https://api.digitalocean.com/v2/registry/auth'],
    ['mine.azurecr.io', 'https://mine.azurecr.io/oauth2/token'],
    ['swr.eu-de.otc.t-systems.com', 'https://swr.eu-de.otc.t-systems.com/swr/auth/v2/registry/auth/'],
    ['registry.cn-hangzhou.aliyuncs.com', 'https://dockerauth.cn-hangzhou.aliyuncs.com/auth'],
    ['registry.example.co.uk', 'https://auth.example.co.uk/token'],
    ['registry.internal:5000', 'https://registry.internal:5001/token'],
    ['registry', 'https://registry/token'],
    ['10.0.0.5:5000', 'https://10.0.0.5/token'],
  ] as const) {
    assert.ok(goes(registry, realm), `${registry} → ${realm}`);
  }
  for (const [registry, realm] of [
    ['ghcr.io', 'https://evil.example/token'],
    ['ghcr.io', 'https://notghcr.io/token'],
    ['ghcr.io', 'https://ghcr.io.evil.example/token'],
    ['docker.io', 'https://ghcr.io/token'],
    ['mine.azurecr.io', 'https://other.azurecr.io/oauth2/token'],
    ['1234.dkr.ecr.eu-central-1.amazonaws.com', 'https://bucket.s3.amazonaws.com/token'],
    ['swr.eu-de.otc.t-systems.com', 'https://bucket.obs.eu-de.otc.t-systems.com/token'],
    ['registry.cn-hangzhou.aliyuncs.com', 'https://bucket.oss-cn-hangzhou.aliyuncs.com/auth'],
    ['one.co.uk', 'https://two.co.uk/token'],
    ['10.0.0.5', 'https://9.0.0.5/token'],
    ['registry', 'https://other/token'],
  ] as const) {
    assert.ok(!goes(registry, realm), `${registry} → ${realm}`);
  }
});

test('a registry that names another’s host does not get its account sent there; what is open to all it may name', async () => {
  const asked: string[] = [];
  const bent = fetchFrom(asked, (url, answer) =>
    answer.status === 401 && !url.includes('/token')
      ? { ...answer, headers: { 'www-authenticate': 'Bearer realm="https://ghcr.io/token",service="x"' } }
      : answer,
  );
  const fault = asFault(await pullWith(bent, mirrored, account).catch((error: unknown) => error));
  assert.match(fault.message, /registry\.example\.net wants its account to be sent to ghcr\.io.*it was not sent/);
  assert.deepEqual(asked, [`https://${privateRegistry.host}/v2/mirror/kubernetes-ingress/manifests/1.52.1`]);
  await pullWith(bent, mirrored).catch((error: unknown) => error);
  assert.ok(asked.some((line) => line.startsWith('https://ghcr.io/token')));
});
