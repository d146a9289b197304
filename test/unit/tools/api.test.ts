import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { asFault, Cancelled, Fault } from '../../../src/engine/fault.ts';
import { Secret } from '../../../src/secret.ts';
import { type Answer, exchange, type KubeObject, kubeApiOver } from '../../../src/tools/api.ts';
import { DialAgent } from '../../../src/tools/dial.ts';
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

test('a part of a list is never given for the whole', async () => {
  const page = (name: string, next?: string) => ({
    status: 200,
    body: JSON.stringify({ items: [{ metadata: { name } }], metadata: { continue: next } }),
  });
  const expired = { status: 410, body: JSON.stringify({ message: 'The provided continue parameter is too old', reason: 'Expired' }) };
  const listed = async (answers: readonly Answer[]): Promise<{ readonly calls: number; readonly got: string }> => {
    let calls = 0;
    const api = kubeApiOver(
      async () => {
        calls += 1;
        return answers[calls - 1] ?? page(String(calls), `after ${calls}`);
      },
      undefined,
      'https://10.0.0.5:5443',
    );
    const got = await api.list('/api/v1/pods', signal).catch(asFault);
    return { calls, got: got instanceof Fault ? `${got.message} | ${got.hint}` : got.map(({ metadata }) => metadata.name).join() };
  };
  const call = 'GET https://10.0.0.5:5443/api/v1/pods';
  const other = `${call} answers, but not with a list of Kubernetes objects: broken or other JSON of`;
  assert.match((await listed([{ status: 200, body: '{"kind":"PodList"}' }])).got, new RegExp(`^${other} 18 bytes came instead \\| A proxy`));
  assert.match((await listed([{ status: 200, body: '{"items":{}}' }])).got, new RegExp(`^${other} 12 bytes`));
  assert.deepEqual(await listed([{ status: 200, body: '{"items":null}' }]), { calls: 1, got: '' });
  assert.match((await listed([page('a', 'x'), { status: 404, body: 'gone' }])).got, /^GET \/api\/v1\/pods: gone \| .*Run again/);
  assert.deepEqual(await listed([page('a', 'x'), expired, page('b', 'y'), page('c')]), { calls: 4, got: 'b,c' });
  const twice = await listed([page('a', 'x'), expired, page('a', 'x'), expired]);
  assert.match(twice.got, /too old \| The list expired twice/);
  assert.equal(twice.calls, 4);
  const again = await listed([page('a', 'x'), page('b', 'y'), page('a', 'x')]);
  assert.match(again.got, new RegExp(`^${call}: the list has no end: a page is offered again \\| Run again`));
  const endless = await listed([]);
  assert.match(endless.got, /the list has no end: 200 pages were read/);
  assert.equal(endless.calls, 200);
});

test('what answers in the place of the API server is told by server and call, and never quoted', async () => {
  const told = async (body: string, status = 200): Promise<string> => {
    const api = kubeApiOver(async () => ({ status, body }), undefined, 'https://10.0.0.5:5443');
    const fault = await api.get('/api/v1/secrets/x?y', signal).catch(asFault);
    assert.ok(fault instanceof Fault);
    return `${fault.message} | ${fault.hint}`;
  };
  const says = 'GET https://10.0.0.5:5443/api/v1/secrets/x answers, but not with a Kubernetes object: ';
  assert.match(
    await told('<!doctype html><title>Sign in</title>'),
    new RegExp(`^${says}the HTML page "Sign in" came instead \\| .*Ask that address`),
  );
  const cut = await told('{"data":{"password":"aHVudGVy');
  assert.match(cut, new RegExp(`^${says}broken or other JSON of 29 bytes`));
  assert.doesNotMatch(cut, /aHVu/);
  for (const body of ['', 'null', '[]', '"text"']) assert.ok((await told(body)).startsWith(says), body);
  assert.match(await told('null', 400), /^GET \/api\/v1\/secrets\/x: null/);
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

test('a server that takes connections and then is silent is given up, and a cancel does not wait for it', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const agent = new DialAgent({});
  const started = Date.now();
  await assert.rejects(
    exchange(url, agent, 'GET', '/version', undefined, signal, 0.2),
    (error) => error instanceof Fault && error.code === 'ETIMEDOUT' && /no answer within 0.2 s/.test(error.message),
  );
  const control = new AbortController();
  setTimeout(() => control.abort(), 100);
  await assert.rejects(exchange(url, agent, 'GET', '/version', undefined, control.signal), Cancelled);
  await assert.rejects(exchange(url, agent, 'GET', '/version', undefined, control.signal), Cancelled);
  await assert.rejects(exchange(url, agent, 'GET', '/version', undefined, AbortSignal.timeout(100)), /could not be asked: no answer in time/);
  assert.ok(Date.now() - started < 5000);
  agent.destroy();
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('what is added is not forced upon others, and a conflict says so', async () => {
  const verbs: string[] = [];
  const kubectl = kubectlOver(async (args) => {
    verbs.push(args.filter((arg) => !/manager|filename|output/.test(arg)).join(' '));
    const stderr = 'error: Apply failed with 1 conflict: conflict with "helm" using v1: .data.a\nPlease review the fields above';
    return verbs.length === 1 ? { code: 0, stdout: '{"metadata":{"name":"s"}}', stderr: '' } : { code: 1, stdout: '', stderr };
  });
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } };
  await kubectl.apply(secret, signal);
  await assert.rejects(
    kubectl.add(secret, signal),
    (error) => error instanceof Fault && error.code === 'Conflict' && /left as it is/.test(error.hint ?? ''),
  );
  assert.deepEqual(verbs, ['apply --server-side --force-conflicts', 'apply --server-side']);
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
  const release = { name: 'zitadel', version: 3, info: { status: 'deployed' }, chart: { metadata: { version: '9.34.0' } }, manifest: '' };
  const metadata = { name: 'sh.helm.release.v1.zitadel.v3', namespace: 'zitadel', labels: { name: 'zitadel' } };
  const of = (content: Buffer): KubeObject =>
    ({ kind: 'Secret', metadata, data: { release: Buffer.from(content.toString('base64')).toString('base64') } }) as unknown as KubeObject;
  const zipped = gzipSync(JSON.stringify(release));
  assert.deepEqual(decodeRelease(of(zipped)), release);
  assert.deepEqual(decodeRelease(of(Buffer.from(JSON.stringify(release)))), release);
  const broken = [
    of(zipped.subarray(0, -9)),
    of(Buffer.from('{"chart": planted')),
    of(Buffer.from('{"manifest": "planted"}')),
    { kind: 'Secret', metadata } as unknown as KubeObject,
  ];
  for (const secret of broken) {
    assert.throws(
      () => decodeRelease(secret),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.match(error.message, /^Secret zitadel\/sh\.helm\.release\.v1\.zitadel\.v3 /);
        assert.match(error.hint ?? '', /helm history zitadel/);
        assert.doesNotMatch(`${error.message} ${error.cause}`, /planted/);
        return true;
      },
    );
  }
});

test('what kubectl prints in place of the object is named by its kind, never quoted', async () => {
  const said = async (stdout: string): Promise<Fault> => {
    const kubectl = kubectlOver(async () => ({ code: 0, stdout, stderr: '' }));
    const error = await kubectl.apply({ kind: 'Secret', metadata: { name: 'a', namespace: 'b' } }, signal).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Fault);
    return error;
  };
  assert.equal((await said('')).message, 'kubectl apply Secret b/a answers, but not with the object as it is now: nothing came instead');
  const { message, hint } = await said('{"data": planted');
  assert.match(message, /broken or other JSON of 16 bytes/);
  assert.doesNotMatch(`${message} ${hint}`, /planted|proxy/i);
});

test('a kubeconfig takes PEM and base64 of PEM alike', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n';
  const of = (text: string): string =>
    kubeconfigText({ server: 'https://1.2.3.4:5443', certificateAuthority: text, clientCertificate: text, clientKey: text });
  assert.equal(of(pem), of(Buffer.from(pem).toString('base64')));
  assert.match(of(pem), /"server":"https:\/\/1\.2\.3\.4:5443"/);
});
