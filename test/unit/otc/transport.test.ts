/** Owns the proof of the default transport: what counts as sent, proxies, cancelling. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { Cancelled } from '../../../src/engine/fault.ts';
import { type HttpRequest, neverSent, nodeTransport, TransportFailure, told } from '../../../src/otc/transport.ts';

const get = (url: string, signal = new AbortController().signal): HttpRequest => ({ method: 'GET', url, headers: {}, signal, timeoutSeconds: 5 });
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

test('a refused connection and an unknown host were never sent', async () => {
  const closed = createTcpServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const port = portOf(closed);
  await new Promise((resolve) => closed.close(resolve));
  await assert.rejects(
    nodeTransport({})(get(`https://127.0.0.1:${port}/`)),
    (error) => error instanceof TransportFailure && error.code === 'ECONNREFUSED' && !error.sent,
  );
});

test('the same code means something else on a connection that stood', () => {
  assert.equal(neverSent({ code: 'ETIMEDOUT', syscall: 'connect' }), true);
  // Several addresses tried at once: Node's error then names no system call.
  assert.equal(neverSent({ code: 'ETIMEDOUT' }), true);
  assert.equal(neverSent({ code: 'ETIMEDOUT', syscall: 'read' }), false);
  assert.equal(neverSent({ code: 'EHOSTUNREACH', syscall: 'write' }), false);
  assert.equal(neverSent({ code: 'ECONNRESET', syscall: 'read' }), false);
  assert.equal(neverSent({}), false);
});

test('a connection that is cut may have been sent', async () => {
  const cutting = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(cutting, 'listening');
  try {
    await assert.rejects(nodeTransport({})(get(`https://127.0.0.1:${portOf(cutting)}/`)), (error) => error instanceof TransportFailure && error.sent);
  } finally {
    cutting.close();
  }
});

test('cancelling ends a request that waits', async () => {
  const silent = createTcpServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const stop = new AbortController();
  try {
    const waiting = nodeTransport({})(get(`https://127.0.0.1:${portOf(silent)}/`, stop.signal));
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(waiting, Cancelled);
    await assert.rejects(nodeTransport({})(get('https://127.0.0.1:1/', stop.signal)), Cancelled);
  } finally {
    silent.close();
  }
});

/** A proxy that answers each CONNECT with this. */
async function proxyThatSays(answer: string): Promise<{ readonly port: number; readonly asked: (string | undefined)[]; close(): void }> {
  const asked: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization']}`);
    socket.end(answer);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return { port: portOf(proxy), asked, close: () => void proxy.close() };
}

for (const [what, answer, code, message] of [
  ['asks who it is', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', '407', /407 Proxy Authentication Required to CONNECT iam\./],
  ['refuses', 'HTTP/1.1 403 Forbidden\r\nX-Request-Id: r\r\n\r\n', '403', /403 Forbidden to CONNECT iam\./],
  ['hangs up', '', 'UNKNOWN', /cannot be used: /],
] as const) {
  test(`a proxy that ${what} is named, and its answer is not the service's`, async () => {
    const proxy = await proxyThatSays(answer);
    try {
      const transport = nodeTransport({ HTTPS_PROXY: `http://u:p%40@127.0.0.1:${proxy.port}` });
      await assert.rejects(transport(get('https://iam.eu-de.otc.t-systems.com/v3')), (error) => {
        assert.ok(error instanceof TransportFailure);
        assert.deepEqual([error.code, error.ofProxy, error.sent], [code, true, false]);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(`the proxy 127.0.0.1:${proxy.port} cannot be used: `), error.message);
        return true;
      });
      assert.deepEqual(proxy.asked, [`iam.eu-de.otc.t-systems.com:443 Basic ${Buffer.from('u:p@').toString('base64')}`]);
    } finally {
      proxy.close();
    }
  });
}

test('a proxy at which nobody listens is named', async () => {
  const proxy = await proxyThatSays('');
  proxy.close();
  await assert.rejects(
    nodeTransport({ HTTPS_PROXY: `http://u:p@127.0.0.1:${proxy.port}` })(get('https://iam.eu-de.otc.t-systems.com/v3')),
    (error) =>
      error instanceof TransportFailure && error.ofProxy && error.code === 'ECONNREFUSED' && /^the proxy 127\.0\.0\.1:\d+ cannot/.test(error.message),
  );
});

test('each request can be told of: without its query, and failures too', async () => {
  const lines: string[] = [];
  const answer = { status: 404, headers: { 'x-request-id': 'r1' }, body: new Uint8Array() };
  const request = {
    method: 'GET',
    url: 'https://vpc.example.com/v1/vpcs?marker=secret',
    headers: {},
    signal: new AbortController().signal,
    timeoutSeconds: 1,
  } as const;
  assert.equal(
    await told(
      async () => answer,
      (line) => lines.push(line),
    )(request),
    answer,
  );
  const broken = told(
    () => Promise.reject(new TransportFailure('cut off', 'ECONNRESET', true)),
    (line) => lines.push(line),
  );
  await assert.rejects(broken(request), TransportFailure);
  assert.match(lines[0] ?? '', /^GET https:\/\/vpc\.example\.com\/v1\/vpcs: 404 after \d+ ms, request id r1$/);
  assert.match(lines[1] ?? '', /: cut off after \d+ ms$/);
});
