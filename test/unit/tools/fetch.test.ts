import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Cancelled } from '../../../src/engine/fault.ts';
import { fetchAnswer, fetchBytes } from '../../../src/tools/fetch.ts';

const signal = new AbortController().signal;

test('a download is tried again where that can help, and ends with the run', async () => {
  const answers = [503, 200, 404, 429, 429, 429, 429];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/silent') return;
    if (request.url === '/closed') return void response.writeHead(401, { 'www-authenticate': 'Bearer realm="x"' }).end();
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
    await assert.rejects(fetchBytes(`${at}/closed`, signal, pause), /status 401/);
    assert.equal((await fetchAnswer(`${at}/closed`, signal)).headers['www-authenticate'], 'Bearer realm="x"');
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(fetchBytes(`${at}/silent`, stop.signal, pause), Cancelled);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a token does not follow a redirect to another host', async () => {
  const seen: [string, string | undefined][] = [];
  const server = createServer((request, response) => {
    seen.push([request.url ?? '', request.headers.authorization]);
    const to = { '/here': '/there', '/there': `http://localhost:${port}/elsewhere` }[request.url ?? ''];
    response.writeHead(to === undefined ? 200 : 307, to === undefined ? {} : { location: to }).end('bytes');
  }).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    await fetchAnswer(`http://127.0.0.1:${port}/here`, signal, { authorization: 'Bearer token' });
    assert.deepEqual(seen, [
      ['/here', 'Bearer token'],
      ['/there', 'Bearer token'],
      ['/elsewhere', undefined],
    ]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
