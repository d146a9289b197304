import assert from 'node:assert/strict';
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { makeAuthority } from '../../../sandbox/world/authority.ts';
import { DialAgent, dial } from '../../../src/tools/dial.ts';
import { type ProbeTarget, probeOf } from '../../../src/zitadel/probe.ts';

const signal = new AbortController().signal;
let server: Http2SecureServer;
let target: ProbeTarget;
let publicCa: string;

/** What stands in for the load balancer: HTTP/1.1 and HTTP/2 on one port, like an ingress controller. */
function serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
  if (request.headers['content-type'] === 'application/grpc') {
    response.setHeader('content-type', 'application/grpc');
    response.addTrailers({ 'grpc-status': '0' });
    response.end(Buffer.alloc(5));
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.setHeader('x-host', request.headers.host ?? String(request.headers[':authority']));
    response.setHeader('x-body', Buffer.concat(chunks).toString('hex'));
    response.statusCode = request.url === '/moved' ? 302 : 200;
    response.end('hello');
  });
}

before(async () => {
  const authority = await makeAuthority();
  publicCa = authority.publicCaPem;
  const { chainPem, keyPem } = await authority.issue({ names: ['login.example.com'], by: 'public' });
  server = createSecureServer({ cert: chainPem, key: keyPem, allowHTTP1: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Its root is in no trust store here, so that looks are made as with the staging issuer.
  target = {
    domain: 'login.example.com',
    zone: 'example.com',
    address: '127.0.0.1',
    trustedIssuer: false,
    port: (server.address() as AddressInfo).port,
  };
});
after(() => server.close());

test('HTTPS goes to the address, with the domain as name and Host', async () => {
  const probe = probeOf(target, signal);
  const answer = await probe.http('POST', '/x', { 'content-length': '5' }, Buffer.alloc(5));
  assert.equal(answer.status, 200);
  assert.equal(answer.body.toString(), 'hello');
  assert.match(String(answer.headers['x-host']), /^login\.example\.com/);
  assert.equal(answer.headers['x-body'], '0000000000');
  assert.equal((await probe.http('GET', '/moved')).status, 302, 'redirects are not followed by the probe');
  probe.close();
});

test('gRPC speaks HTTP/2 and reads the trailers', async () => {
  const probe = probeOf(target, signal);
  assert.deepEqual(await probe.grpc('/zitadel.admin.v1.AdminService/Healthz'), { status: 200, grpcStatus: '0' });
  probe.close();
});

test('TLS tells trust, name, issuer and end apart', async () => {
  const seen = await probeOf(target, signal).tls();
  assert.match(seen.untrusted ?? '', /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/);
  assert.equal(seen.wrongName, undefined);
  assert.match(seen.issuer, /Sandbox E1/);
  assert.ok(seen.notAfter > new Date());
  const other = await probeOf({ ...target, domain: 'other.example.com' }, signal).tls();
  assert.match(other.wrongName ?? '', /other\.example\.com/);
});

test('an untrusted chain is refused where trust is asked for', async () => {
  const probe = probeOf({ ...target, trustedIssuer: true }, signal);
  await assert.rejects(probe.http('GET', '/'), /issuer cert|self-signed/);
  await assert.rejects(probe.grpc('/x'), /issuer cert|self-signed/);
  probe.close();
});

test('a port where nobody listens is said as such, not waited for', async () => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  await assert.rejects(probeOf({ ...target, port }, signal).http('GET', '/'), /ECONNREFUSED/);
});

test('connections go through the proxy that the environment names', async () => {
  const asked: string[] = [];
  const proxy = createServer((socket) => {
    socket.once('data', (head) => {
      asked.push(head.toString().split('\r\n')[0] ?? '');
      const { port } = server.address() as AddressInfo;
      const onward = dial('127.0.0.1', port);
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.then((other) => {
        other.pipe(socket);
        socket.pipe(other);
        socket.on('close', () => other.destroy());
      });
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const before = process.env['HTTPS_PROXY'];
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    const probe = probeOf({ ...target, address: '203.0.113.9' }, signal);
    assert.equal((await probe.http('GET', '/')).status, 200);
    assert.deepEqual(asked, [`CONNECT 203.0.113.9:${target.port} HTTP/1.1`]);
    probe.close();
    // This machine itself is never asked for through a proxy.
    (await dial('127.0.0.1', target.port ?? 443)).destroy();
    assert.equal(asked.length, 1);
  } finally {
    if (before === undefined) delete process.env['HTTPS_PROXY'];
    else process.env['HTTPS_PROXY'] = before;
    proxy.close();
  }
});

test('the agent verifies with its own authority, as for an API server', async () => {
  const { request } = await import('node:https');
  const agent = new DialAgent({ ca: publicCa, to: '127.0.0.1', servername: 'login.example.com' });
  const status = await new Promise((resolve, reject) => {
    request({ host: 'login.example.com', port: target.port ?? 443, path: '/', agent }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  assert.equal(status, 200);
  agent.destroy();
});
