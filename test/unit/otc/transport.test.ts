/** Owns the proof of the default transport: what counts as sent, proxies, cancelling. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { Cancelled } from '../../../src/engine/fault.ts';
import { type HttpRequest, neverSent, nodeTransport, proxyFor, TransportFailure, told } from '../../../src/otc/transport.ts';

const get = (url: string, signal = new AbortController().signal): HttpRequest => ({ method: 'GET', url, headers: {}, signal, timeoutSeconds: 5 });
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

test('proxies by the environment', () => {
  const url = new URL('https://iam.eu-de.otc.t-systems.com/v3');
  const env = { HTTPS_PROXY: 'http://proxy:3128' };
  assert.equal(proxyFor(url, {}), undefined);
  assert.equal(proxyFor(url, env), 'http://proxy:3128');
  assert.equal(proxyFor(url, { https_proxy: 'proxy:3128' }), 'http://proxy:3128');
  for (const list of [
    '*',
    't-systems.com',
    '.t-systems.com',
    '*.t-systems.com',
    'other,iam.eu-de.otc.t-systems.com',
    't-systems.com:443',
    'a b T-Systems.com',
  ]) {
    assert.equal(proxyFor(url, { ...env, NO_PROXY: list }), undefined, list);
  }
  for (const list of ['', 'systems.com', 'x.t-systems.com', 't-systems.com:8443', '.']) {
    assert.equal(proxyFor(url, { ...env, no_proxy: list }), 'http://proxy:3128', list);
  }
});

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

test('behind a proxy the request goes through its tunnel', async () => {
  const asked: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    asked.push(request.url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const transport = nodeTransport({ HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}` });
    const answer = await transport(get('https://iam.eu-de.otc.t-systems.com/v3')).catch((error: unknown) => error);
    assert.ok(answer instanceof Error || (answer as { status: number }).status === 403);
    assert.deepEqual(asked, ['iam.eu-de.otc.t-systems.com:443']);
  } finally {
    proxy.close();
  }
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
