import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asFault, Cancelled, Fault } from '../../../src/engine/fault.ts';
import { Secret } from '../../../src/secret.ts';
import { type ChartSource, chartsIn, indexEntry } from '../../../src/tools/charts.ts';
import type { Fetch } from '../../../src/tools/fetch.ts';
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

function charts(text: string): ReturnType<typeof chartsIn> & { asked: string[] } {
  const asked: string[] = [];
  const made = chartsIn(
    workspaceIn(folder, () => undefined),
    async (url) => {
      asked.push(url);
      return { status: 200, headers: {}, body: url.endsWith('index.yaml') ? Buffer.from(text) : bytes };
    },
  );
  return { ...made, asked };
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

test('a look that was cut short leaves no answer for the next one, in the same run', async () => {
  const stop = new AbortController();
  const fetch = async (url: string, ends: AbortSignal): ReturnType<Fetch> => {
    stop.abort();
    if (ends.aborted) throw new Cancelled('cut short');
    return { status: 200, headers: {}, body: url.endsWith('index.yaml') ? Buffer.from(index()) : bytes };
  };
  const { pull } = chartsIn(
    workspaceIn(folder, () => undefined),
    fetch,
  );
  await assert.rejects(pull(source, stop.signal), /cut short/);
  assert.equal((await pull(source, signal)).digest, digest);
});

test('what a chart’s bytes must be is known without its archive, and each index is read once', async () => {
  const { expected, pull, asked } = charts(index());
  assert.equal(await expected(source, signal), digest);
  assert.equal((await pull(source, signal)).digest, digest);
  assert.deepEqual(
    asked.map((url) => url.split('/').at(-1)),
    ['index.yaml', 'zitadel-9.34.0.tgz'],
  );
  assert.equal(await charts('').expected({ ...source, digest: `sha256:${'AB'.repeat(32)}` }, signal), 'ab'.repeat(32));
  await assert.rejects(charts(index()).expected({ ...source, version: '9.99.0' }, signal), /9\.99\.0 is not in the repository/);
});

test('a repository gets its account with index and archive; another host does not', async () => {
  const sent: string[] = [];
  const login = `Basic ${Buffer.from('puller:a password').toString('base64')}`;
  const made = (host: string) =>
    chartsIn(
      workspaceIn(folder, () => undefined),
      async (url, _, headers = {}) => {
        sent.push(`${new URL(url).host} ${headers['authorization'] === login}`);
        if (url.includes('charts.example.com') && headers['authorization'] !== login) return { status: 401, headers: {}, body: Buffer.alloc(0) };
        return { status: 200, headers: {}, body: url.endsWith('index.yaml') ? Buffer.from(index()) : bytes };
      },
      { host, username: 'puller', password: new Secret('a password') },
    );
  assert.equal((await made('charts.example.com').pull(source, signal)).digest, digest);
  assert.equal(await made('charts.example.com').expected({ ...source, version: '9.33.0' }, signal), '0000');
  await assert.rejects(made('charts.example.com').pull({ ...source, version: '9.33.0' }, signal), /repository's index says 0000/);
  const fault = asFault(
    await made('other.example.com')
      .pull(source, signal)
      .catch((error: unknown) => error),
  );
  assert.match(`${fault.message} ${fault.hint}`, /not to be had without credentials.* The account given is for other\.example\.com/);
  assert.deepEqual([...new Set(sent)], ['charts.example.com true', 'elsewhere.example.com false', 'charts.example.com false']);
});

test('an account goes to the scheme, host and port of its repository alone, whatever the index names', async () => {
  const accountAt = async (archive: string, status = 200): Promise<{ readonly sent: boolean | undefined; readonly fault: Fault | undefined }> => {
    let sent: boolean | undefined;
    const { pull } = chartsIn(
      workspaceIn(folder, () => undefined),
      async (url, _, headers = {}) => {
        if (url.endsWith('index.yaml')) return { status: 200, headers: {}, body: Buffer.from(index().replace('charts/zitadel-9.34.0.tgz', archive)) };
        assert.equal(url, archive);
        sent = headers['authorization'] !== undefined;
        return { status, headers: {}, body: bytes };
      },
      { host: 'charts.example.com', username: 'puller', password: new Secret('a password') },
    );
    const ended = await pull(source, signal).catch(asFault);
    return { sent, fault: ended instanceof Fault ? ended : undefined };
  };
  assert.deepEqual(await accountAt('https://charts.example.com/other/z.tgz'), { sent: true, fault: undefined });
  assert.deepEqual(await accountAt('http://charts.example.com/z.tgz'), { sent: false, fault: undefined });
  assert.deepEqual(await accountAt('https://charts.example.com:8443/z.tgz'), { sent: false, fault: undefined });
  const { sent, fault } = await accountAt('http://charts.example.com/z.tgz', 401);
  assert.equal(sent, false);
  assert.match(`${fault?.message} ${fault?.hint}`, /z\.tgz answers 401.* own address alone: https:\/\/charts\.example\.com Have the index/);
});

test('what is no index of a repository is told by its URL and by what came instead', async () => {
  const told = async (text: string): Promise<string> => {
    const fault = await charts(text).pull(source, signal).catch(asFault);
    assert.ok(fault instanceof Fault && /Ask that address/.test(fault.hint ?? ''), String(fault));
    return fault.message;
  };
  const says = 'GET https://charts.example.com/repo/index.yaml answers, but not with the index of a Helm repository: ';
  assert.equal(await told('<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>'), `${says}the HTML page "Sign in" came instead`);
  assert.equal(await told('<html><body style="color: red: blue">'), `${says}an HTML page of 37 bytes came instead`);
  assert.equal(await told(''), `${says}nothing came instead`);
  assert.equal(await told('{"message": "no'), `${says}broken or other JSON of 15 bytes came instead`);
  assert.equal(await told('entries: all'), `${says}another text of 12 bytes came instead`);
  assert.equal(await told('entries:\n  zitadel:\n  - name: [\n'), `${says}another text of 32 bytes came instead`);
  const odd = (archive: string) => charts(index().replace('charts/zitadel-9.34.0.tgz', archive)).pull(source, signal);
  await assert.rejects(odd('"https://["'), /index\.yaml: the archive of zitadel 9\.34\.0 is said to be at https:\/\/\[, which is no https/);
  await assert.rejects(odd('oci://charts.example.com/z'), /is said to be at oci:\/\/charts\.example\.com\/z, which is no https/);
  await assert.rejects(
    charts('entries: {zitadel: [null, {version: {a: b}}, {version: 9.34.0, urls: z.tgz}]}').pull(source, signal),
    /is not in the repository/,
  );
});

test('a version that is not there, and one without any digest', async () => {
  await assert.rejects(charts(index()).pull({ ...source, version: '1.2.3' }, signal), /not in the repository/);
  await assert.rejects(charts(index('""')).pull(source, signal), /publishes no digest/);
});

test('any layout of an index is read; v1.2.3 is 1.2.3', () => {
  const at = 'https://charts.example.com/index.yaml';
  const json = JSON.stringify({ entries: { 'cert-manager': [{ version: 'v1.21.1', digest: 'd', urls: ['u'] }] } });
  assert.deepEqual(indexEntry(json, 'cert-manager', '1.21.1', at), { url: 'u', digest: 'd' });
  assert.deepEqual(indexEntry('entries:\n    x:\n        - version: 1.0.0\n          urls: [u]\n', 'x', 'v1.0.0', at), { url: 'u' });
  assert.equal(indexEntry(index(), 'zitadel', '9.33.0', at)?.url, 'https://elsewhere.example.com/zitadel-9.33.0.tgz');
  assert.equal(indexEntry(index(), 'missing', '1.0.0', at), undefined);
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
  writeFileSync(join(folder, 'file'), '');
  const nowhere = workspaceIn(join(folder, 'file'), () => undefined);
  await assert.rejects(
    nowhere.path(),
    (error: Fault) => /no folder for this run .*\/file: E/.test(error.message) && /RUNNER_TEMP/.test(error.hint ?? ''),
  );
});
