/** The visitors' way to the API servers: past the groups for who has the password, to clusters alone, closed to all others. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, it } from 'node:test';
import { Store } from '../../../sandbox/otc/store.ts';
import { type Visitors, visitors } from '../../../sandbox/world/visitors.ts';

const server = createServer((socket) => socket.end('the API server'));
let way: Visitors;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const store = new Store(() => undefined);
  const cluster = { id: 'one', internal_address: '10.20.0.3', external_address: undefined };
  store.table<typeof cluster>('cce.clusters').insert(cluster);
  const port = (server.address() as { port: number }).port;
  way = await visitors({ store, clusters: { apiServer: async () => ({ host: '127.0.0.1', port }) } }, { host: '127.0.0.1', port: 0 });
});
after(async () => {
  await way.close();
  server.close();
});

const asked = async (target: string, credentials: string): Promise<string> => {
  const { hostname, port } = new URL(way.url);
  const socket: Socket = connect(Number(port), hostname);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};
const basic = (user: string, password: string): string => `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}\r\n`;

it('leads who has the password to a cluster’s API server, and nowhere else', async () => {
  const { username, password } = new URL(way.url);
  assert.match(await asked('10.20.0.3:5443', basic(username, password)), /^HTTP\/1\.1 200 [\s\S]*the API server$/);
  assert.match(await asked('10.20.0.4:5443', basic(username, password)), /^HTTP\/1\.1 403 /);
  assert.match(await asked('10.20.0.3:22', basic(username, password)), /^HTTP\/1\.1 403 /);
});

it('lets nobody else in', async () => {
  for (const credentials of ['', basic('visitor', 'guessed'), basic('visitor', '')]) {
    const answer = await asked('10.20.0.3:5443', credentials);
    assert.match(answer, /^HTTP\/1\.1 407 /);
    assert.doesNotMatch(answer, /API server/);
  }
});
