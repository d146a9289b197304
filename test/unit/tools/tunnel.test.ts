/** The tunnel against a real SSH server: host key, client key, cut connections, idleness. The scenarios use OpenSSH's. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import { makeAuthority } from '../../../sandbox/world/authority.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { sshKey } from '../../../src/stack/ssh-keys.ts';
import { kubeApi } from '../../../src/tools/api.ts';
import { type TunnelPorts, tunnelThrough } from '../../../src/tools/tunnel.ts';
import { forgetfulGateway } from '../../harness/forgetful.ts';
import { access, bastion, client, echo, host, listening, SILENT } from './ssh-bastion.ts';

async function said(stream: NodeJS.ReadWriteStream, text: string): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    stream.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('closed')));
  });
  stream.write(text);
  return answer;
}

const ports = (over: Partial<TunnelPorts> = {}): TunnelPorts => ({
  dial: (name, port) =>
    new Promise((resolve, reject) => {
      const socket = connect(port, name);
      socket.once('error', reject);
      socket.once('connect', () => resolve(socket));
    }),
  now: Date.now,
  pause: (seconds) => sleep(seconds * 10),
  keepaliveSeconds: 15,
  channelSeconds: 30,
  ...over,
});

const failing = async (promise: Promise<unknown>): Promise<Fault> => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it should have failed' });
};

it('carries connections, as streams and behind a local port, and starts anew after a cut', async () => {
  const target = await echo();
  const { port, sockets } = await bastion(host.privateKey.open(), client, target);
  const tunnel = tunnelThrough(access(port), { host: '127.0.0.1', port: target }, ports());
  assert.equal(await said(await tunnel.connect(), 'one'), 'one');
  const local = await tunnel.localPort();
  assert.equal(await said(connect(local, '127.0.0.1'), 'two'), 'two');
  assert.equal(sockets.size, 1, 'all connections share one');
  for (const socket of sockets) socket.end();
  await sleep(50);
  assert.equal(await said(connect(local, '127.0.0.1'), 'three'), 'three');
  assert.equal(await tunnel.localPort(), local, 'the port stays, as the kubeconfig names it');
  await tunnel.close();
  await assert.rejects(said(connect(local, '127.0.0.1'), 'four'));
});

it('many connections at once are one login', async () => {
  const target = await echo();
  const { port, sockets } = await bastion(host.privateKey.open(), client, target);
  const tunnel = tunnelThrough(access(port), { host: '127.0.0.1', port: target }, ports());
  const streams = await Promise.all(Array.from({ length: 30 }, () => tunnel.connect()));
  assert.equal(sockets.size, 1);
  assert.deepEqual(await Promise.all(streams.map((stream, index) => said(stream, `${index}`))), [...streams.keys()].map(String));
  await tunnel.close();
});

it('refuses another host key, of the same kind or not, and sends it nothing', async () => {
  const target = await echo();
  const other = sshKey(randomBytes(32));
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs1' });
  for (const [key, words] of [
    [other.privateKey.open(), other.fingerprint],
    [String(rsa), 'it has no Ed25519 key'],
  ] as const) {
    let logins = 0;
    const server = new ssh2.Server({ hostKeys: [key] }, (connection) => {
      connection.on('error', () => undefined);
      connection.on('authentication', () => {
        logins += 1;
      });
    });
    const tunnel = tunnelThrough(access(await listening(server)), { host: '127.0.0.1', port: target }, ports());
    const fault = await failing(tunnel.localPort());
    assert.ok(fault.message.includes(words) && fault.message.includes(host.fingerprint), fault.message);
    assert.equal(logins, 0);
    await tunnel.close();
  }
});

it('says that the bastion refuses the key, and that it leads nowhere', async () => {
  const target = await echo();
  const stranger = await bastion(host.privateKey.open(), sshKey(randomBytes(32)), target);
  const refused = tunnelThrough(access(stranger.port), { host: '127.0.0.1', port: target }, ports());
  assert.match((await failing(refused.connect())).message, /refuses the key of tunnel/);
  await refused.close();
  const { port } = await bastion(host.privateKey.open(), client, target);
  const nowhere = tunnelThrough(access(port), { host: '127.0.0.1', port: 2 }, ports());
  assert.match((await failing(nowhere.connect())).message, /does not lead to 127\.0\.0\.1:2/);
  await nowhere.close();
});

it('waits for a bastion that boots, and no longer for one that does not answer', async () => {
  const target = await echo();
  const { port } = await bastion(host.privateKey.open(), client, target);
  let clock = 0;
  let tries = 0;
  const dial: TunnelPorts['dial'] = (name) => {
    tries += 1;
    return tries < 100 ? Promise.reject(new Error('connect ECONNREFUSED')) : ports().dial(name, port, new AbortController().signal);
  };
  const pause = async (seconds: number): Promise<void> => {
    clock += seconds * 1000;
  };
  const booting = tunnelThrough(access(port, { bootsUntil: 300_000 }), { host: '127.0.0.1', port: target }, ports({ dial, pause, now: () => clock }));
  assert.equal(await said(await booting.connect(), 'up'), 'up');
  await booting.close();
  tries = -1_000_000;
  const dead = tunnelThrough(access(port), { host: '127.0.0.1', port: target }, ports({ dial, pause, now: () => clock }));
  const from = clock;
  const fault = await failing(dead.connect());
  assert.match(fault.message, /shop-bastion does not answer at 127\.0\.0\.1:\d+: connect ECONNREFUSED/);
  assert.ok(clock - from <= 20_000, `${clock - from} ms`);
  await dead.close();
});

it('a bastion that does not answer is not asked again by the next who needs it, and closing does not wait for it', async () => {
  let tries = 0;
  const silence = (_host: string, _port: number, signal: AbortSignal): Promise<Socket> => {
    tries += 1;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));
  };
  const waiting = tunnelThrough(access(1), { host: '127.0.0.1', port: 1 }, ports({ dial: silence }));
  const asked = waiting.open();
  const began = Date.now();
  await Promise.all([waiting.close(), assert.rejects(asked)]);
  assert.ok(Date.now() - began < 1000);
  const dial = (): Promise<Socket> => {
    tries += 1;
    return Promise.reject(new Fault('it did not answer within 15 s', { code: 'ETIMEDOUT' }));
  };
  let clock = 0;
  const silent = tunnelThrough(access(1), { host: '127.0.0.1', port: 1 }, ports({ dial, now: () => clock }));
  tries = 0;
  for (let asker = 0; asker < 5; asker += 1) assert.match((await failing(silent.connect())).message, /does not answer at 127\.0\.0\.1:1/);
  assert.equal(tries, 1);
  clock += 61_000;
  await failing(silent.connect());
  assert.equal(tries, 2);
  await silent.close();
});

it('a read under way when the connection is cut is repeated over the next one', async () => {
  const authority = await makeAuthority();
  const { keyPem, chainPem } = await authority.issue({ names: ['api'], addresses: ['127.0.0.1'], by: 'public' });
  let asked = 0;
  const sockets = new Set<ssh2.Connection>();
  const server = createHttpsServer({ key: keyPem, cert: chainPem }, (_request, response) => {
    asked += 1;
    if (asked > 1) return void response.end('{"metadata":{"name":"zitadel"}}');
    // Half an answer, then the connection is gone.
    response.writeHead(200, { 'content-length': '100' }).write('{');
    for (const socket of sockets) socket.end();
  });
  const target = await listening(server);
  const { port, sockets: open } = await bastion(host.privateKey.open(), client, target);
  const tunnel = tunnelThrough(access(port), { host: '127.0.0.1', port: target }, ports());
  await tunnel.open();
  for (const socket of open) sockets.add(socket);
  const credentials = { certificateAuthority: authority.publicCaPem, clientCertificate: chainPem, clientKey: keyPem };
  const api = kubeApi({ server: `https://127.0.0.1:${target}`, ...credentials }, tunnel);
  assert.equal((await api.get('/api/v1/namespaces/zitadel', new AbortController().signal))?.metadata.name, 'zitadel');
  assert.deepEqual([asked, tunnel.cuts], [2, 1]);
  api.close();
  await tunnel.close();
});

it('survives ten idle minutes behind a gateway that forgets idle connections after four, on a clock 300 times as fast', async () => {
  const scale = 300;
  const target = await echo();
  const { port, sockets } = await bastion(host.privateKey.open(), client, target);
  const forgetful = forgetfulGateway({ host: '127.0.0.1', port }, 240_000 / scale);
  const gateway = await listening(forgetful.server);
  const tunnel = tunnelThrough(access(gateway), { host: '127.0.0.1', port: target }, ports({ keepaliveSeconds: 15 / scale }));
  const stream = await tunnel.connect();
  assert.equal(await said(stream, 'before'), 'before');
  await sleep(600_000 / scale);
  assert.equal(await said(stream, 'after'), 'after');
  assert.deepEqual([forgetful.forgotten(), sockets.size], [0, 1]);
  await tunnel.close();
});

it('does not wait for ever where the bastion does not say what becomes of a connection', async () => {
  const { port } = await bastion(host.privateKey.open(), client, 0);
  const tunnel = tunnelThrough(access(port), { host: '127.0.0.1', port: SILENT }, ports({ channelSeconds: 0.2 }));
  const fault = await failing(tunnel.connect());
  assert.match(fault.message, /shop-bastion does not lead to 127\.0\.0\.1:1: no answer within 0.2 s/);
  await tunnel.close();
});
