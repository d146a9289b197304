import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Cancelled } from '../../../src/engine/fault.ts';
import { type ChartSource, chartsIn, fetchBytes, indexEntry } from '../../../src/tools/charts.ts';
import { removeWorkspace, workspaceIn } from '../../../src/tools/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'charts-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const bytes = Buffer.from('a chart');
const digest = createHash('sha256').update(bytes).digest('hex');
const index = (sum = digest): string => `apiVersion: v1
entries:
  other:
  - name: other
    version: 1.0.0
    urls: [other.tgz]
  zitadel:
  - apiVersion: v2
    annotations:
      text: |
        version: 9.34.0
    digest: "0000"
    name: zitadel
    urls:
    - https://elsewhere.example.com/zitadel-9.33.0.tgz
    version: 9.33.0
  - apiVersion: v2
    digest: ${sum}
    name: zitadel
    urls:
    - charts/zitadel-9.34.0.tgz
    version: 9.34.0
  zitadel-more:
  - name: zitadel-more
    version: 9.34.0
    urls: [wrong.tgz]
generated: "2026-01-01T00:00:00Z"
`;
const source: ChartSource = { repository: 'https://charts.example.com/repo', name: 'zitadel', version: '9.34.0' };
const signal = new AbortController().signal;

function charts(text: string): { pull: ReturnType<typeof chartsIn>['pull']; asked: string[] } {
  const asked: string[] = [];
  const made = chartsIn(
    workspaceIn(folder, () => undefined),
    async (url) => {
      asked.push(url);
      return url.endsWith('index.yaml') ? Buffer.from(text) : bytes;
    },
  );
  return { pull: made.pull, asked };
}

test('pulled once, checked against the index, kept for its owner alone', async () => {
  const { pull, asked } = charts(index());
  const [one, two] = await Promise.all([pull(source, signal), pull(source, signal)]);
  assert.equal(one, two);
  assert.equal(one.digest, digest);
  assert.deepEqual(asked, ['https://charts.example.com/repo/index.yaml', 'https://charts.example.com/repo/charts/zitadel-9.34.0.tgz']);
  assert.deepEqual(readFileSync(one.file), bytes);
  assert.equal(statSync(one.file).mode & 0o777, 0o600);
});

test('other bytes than the index or the pin says are refused', async () => {
  await assert.rejects(charts(index('00'.repeat(32))).pull(source, signal), /repository's index says 0000/);
  await assert.rejects(charts(index()).pull({ ...source, digest: '11'.repeat(32) }, signal), /the stack file pins 1111/);
  const pinned = await charts(index('00'.repeat(32)))
    .pull({ ...source, digest: `sha256:${digest.toUpperCase()}` }, signal)
    .catch((error: Error) => error);
  assert.ok(!(pinned instanceof Error), 'a pin counts more than the index');
});

test('a version that is not there, and one without any digest', async () => {
  await assert.rejects(charts(index()).pull({ ...source, version: '1.2.3' }, signal), /not in the repository/);
  await assert.rejects(charts(index('""')).pull(source, signal), /publishes no digest/);
});

test('a download is tried again where that can help, and ends with the run', async () => {
  const answers = [503, 200, 404, 429, 429, 429, 429];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/silent') return;
    response
      .writeHead(request.url === '/moved' ? 302 : (answers.shift() ?? 500), request.url === '/moved' ? { location: '/moved' } : {})
      .end('bytes');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pauses: number[] = [];
  const pause = async (seconds: number): Promise<void> => void pauses.push(seconds);
  try {
    assert.equal((await fetchBytes(`${at}/a`, signal, pause)).toString(), 'bytes');
    assert.equal(pauses.length, 1);
    await assert.rejects(fetchBytes(`${at}/b`, signal, pause), /status 404/);
    assert.equal(asked.length, 3);
    await assert.rejects(fetchBytes(`${at}/c`, signal, pause), /status 429/);
    assert.equal(asked.length, 7);
    await assert.rejects(fetchBytes(`${at}/moved`, signal, pause), /more than 5 redirects/);
    assert.equal(pauses.length, 4);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(fetchBytes(`${at}/silent`, stop.signal, pause), Cancelled);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('any layout of an index is read; v1.2.3 is 1.2.3', () => {
  const json = JSON.stringify({ entries: { 'cert-manager': [{ version: 'v1.21.1', digest: 'd', urls: ['u'] }] } });
  assert.deepEqual(indexEntry(json, 'cert-manager', '1.21.1'), { url: 'u', digest: 'd' });
  assert.deepEqual(indexEntry('entries:\n    x:\n        - version: 1.0.0\n          urls: [u]\n', 'x', 'v1.0.0'), { url: 'u' });
  assert.equal(indexEntry(index(), 'zitadel', '9.33.0')?.url, 'https://elsewhere.example.com/zitadel-9.33.0.tgz');
  assert.equal(indexEntry(index(), 'missing', '1.0.0'), undefined);
});

test('the workspace is private, told of, and the only thing that its removal removes', async () => {
  const made: string[] = [];
  const workspace = workspaceIn(folder, (path) => made.push(path));
  const file = await workspace.write('kubeconfig', 'x');
  assert.equal(statSync(made[0] ?? '').mode & 0o777, 0o700);
  await assert.rejects(removeWorkspace(folder), /was not removed/);
  await workspace.remove();
  assert.throws(() => statSync(file));
  await removeWorkspace(made[0] ?? '');
});
