import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Fault } from '../../../src/engine/fault.ts';
import { Secret } from '../../../src/secret.ts';
import { kubeApiOver } from '../../../src/tools/api.ts';
import { decodeRelease, helmMessage, helmOver } from '../../../src/tools/helm.ts';
import { kubeconfigText } from '../../../src/tools/kubeconfig.ts';
import { kubectlOver } from '../../../src/tools/kubectl.ts';

const signal = new AbortController().signal;

test('lists go over all pages; what does not exist is nothing', async () => {
  const asked: string[] = [];
  const api = kubeApiOver(async (_method, path) => {
    asked.push(path);
    if (path.includes('missing')) return { status: 404, body: '{}' };
    const next = path.includes('continue=') ? undefined : 'a b';
    return { status: 200, body: JSON.stringify({ items: [{ metadata: { name: String(asked.length) } }], metadata: { continue: next } }) };
  });
  const items = await api.list('/api/v1/pods?labelSelector=x', signal);
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['1', '2'],
  );
  assert.deepEqual(asked, ['/api/v1/pods?labelSelector=x&limit=500', '/api/v1/pods?labelSelector=x&limit=500&continue=a%20b']);
  assert.deepEqual(await api.list('/apis/missing', signal), []);
  assert.equal(await api.get('/apis/missing/x', signal), undefined);
});

test('a server that is restarting is asked again, a refusal is not', async () => {
  let calls = 0;
  const api = kubeApiOver(async () => {
    calls += 1;
    if (calls === 1) throw new Fault('reset', { code: 'ECONNRESET' });
    if (calls === 2) return { status: 503, body: 'starting' };
    return { status: 200, body: '{"metadata":{"name":"n"}}' };
  });
  assert.equal((await api.get('/x', signal))?.metadata.name, 'n');
  assert.equal(calls, 3);
  let silent = 0;
  const closed = kubeApiOver(async () => {
    silent += 1;
    throw new Fault('did not answer within 15 s', { code: 'ETIMEDOUT' });
  });
  await assert.rejects(closed.get('/x', signal), /15 s/);
  assert.equal(silent, 2);
  const refused = kubeApiOver(async () => ({ status: 403, body: JSON.stringify({ message: 'secrets is forbidden', reason: 'Forbidden' }) }));
  await assert.rejects(refused.get('/api/v1/secrets', signal), (error) => {
    return (
      error instanceof Fault &&
      error.status === 403 &&
      error.code === 'Forbidden' &&
      /secrets is forbidden/.test(error.message) &&
      /IAM user/.test(error.hint ?? '')
    );
  });
});

test('kubectl gets objects on stdin, never in its arguments, and names the server’s reason', async () => {
  const calls: { args: readonly string[]; stdin: string | undefined }[] = [];
  const kubectl = kubectlOver(async (args, { stdin }) => {
    calls.push({ args, stdin });
    if (args[0] === 'create') return { code: 1, stdout: '', stderr: 'Error from server (AlreadyExists): secrets "s" already exists\n' };
    return { code: 0, stdout: '{"metadata":{"name":"s"}}', stderr: '' };
  });
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'n' }, data: { a: 'dG9wLXNlY3JldA==' } };
  await kubectl.apply(object, signal);
  await assert.rejects(kubectl.create(object, signal), (error) => error instanceof Fault && error.code === 'AlreadyExists');
  assert.deepEqual(calls[0]?.args, [
    'apply',
    '--server-side',
    '--force-conflicts',
    '--field-manager=zitadel-on-otc',
    '--filename=-',
    '--output=json',
  ]);
  assert.equal(calls[0]?.stdin, JSON.stringify(object));
});

test('helm gets complete values on stdin; its output is never part of an error', async () => {
  const calls: { args: readonly string[]; stdin: string | undefined }[] = [];
  const helm = helmOver(async (args, { stdin }) => {
    calls.push({ args, stdin });
    return {
      code: calls.length === 1 ? 0 : 1,
      stdout: '{"config":"everything"}',
      stderr: 'level=WARN msg=x\nError: UPGRADE FAILED: context canceled\n',
    };
  });
  const upgrade = {
    release: 'r',
    namespace: 'n',
    chart: '/c.tgz',
    values: { a: null },
    labels: { x: '1', y: '2' },
    timeoutSeconds: 60,
    forceConflicts: false,
  };
  await helm.upgrade(upgrade, signal);
  const args = calls[0]?.args ?? [];
  for (const wanted of ['--reset-values', '--values=-', '--wait', '--timeout=60s', '--labels=x=1,y=2', '--skip-schema-validation'])
    assert.ok(args.includes(wanted), wanted);
  for (const never of ['--atomic', '--rollback-on-failure', '--reuse-values', '--force-conflicts', '--debug'])
    assert.ok(!args.includes(never), never);
  assert.equal(calls[0]?.stdin, '{"a":null}');
  await assert.rejects(helm.upgrade(upgrade, signal), { message: 'helm upgrade --install r: UPGRADE FAILED: context canceled' });
});

test('helm’s message is redacted', () => {
  new Secret('hunter2hunter2');
  assert.equal(helmMessage('Error: it says hunter2hunter2\n'), 'it says ***');
  assert.equal(helmMessage('a\nb\n'), 'a; b');
});

test('stored releases of Helm 3 and 4', () => {
  const release = { name: 'zitadel', version: 3, info: { status: 'deployed' } };
  const stored = Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64');
  assert.deepEqual(decodeRelease(stored), release);
});

test('a kubeconfig takes PEM and base64 of PEM alike', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n';
  const of = (text: string): string =>
    kubeconfigText({ server: 'https://1.2.3.4:5443', certificateAuthority: text, clientCertificate: text, clientKey: text });
  assert.equal(of(pem), of(Buffer.from(pem).toString('base64')));
  assert.match(of(pem), /"server":"https:\/\/1\.2\.3\.4:5443"/);
});
