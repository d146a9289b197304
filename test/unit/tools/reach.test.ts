/** Whether the API server can be reached: silence at a private address is named within seconds, what minutes mend is waited for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { it } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { reach } from '../../../src/tools/reach.ts';

const run = { signal: new AbortController().signal, say: () => undefined, pause: async () => undefined };

/** An API that refuses so many times with this code, and what it was asked. */
function api(code: string, times: number) {
  const asked: string[] = [];
  return {
    asked,
    get: async (path: string): Promise<undefined> => {
      asked.push(path);
      if (asked.length <= times) throw new Fault(`refused: ${code}`, { code });
      return undefined;
    },
  };
}

it('a private address that answers is all that access private needs, and one that does not is named with what to do', async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const way = { access: 'private', server: `https://127.0.0.1:${port}`, patient: true } as const;
  const there = api('', 0);
  await reach(there, way, run);
  assert.deepEqual(there.asked, ['/version']);
  await new Promise((resolve) => server.close(resolve));
  const gone = api('', 0);
  await assert.rejects(
    reach(gone, way, run),
    (error) =>
      error instanceof Fault &&
      error.message.startsWith(`the API server cannot be reached at its private address 127.0.0.1:${port}: `) &&
      /inside the VPC .*self-hosted runner.* set cluster\.access to bastion/.test(error.hint ?? ''),
  );
  assert.deepEqual(gone.asked, [], 'nothing is asked where nobody listens');
});

it('a deploy waits for the certificate of a new public address, a run that only looks does not, and nobody waits for a refusal', async () => {
  const way = { access: 'eip', server: 'https://203.0.113.9:5443' } as const;
  const young = api('ERR_TLS_CERT_ALTNAME_INVALID', 3);
  await reach(young, { ...way, patient: true }, run);
  assert.equal(young.asked.length, 4);
  const looked = api('ERR_TLS_CERT_ALTNAME_INVALID', 3);
  await assert.rejects(reach(looked, { ...way, patient: false }, run), /ERR_TLS_CERT_ALTNAME_INVALID/);
  assert.equal(looked.asked.length, 1);
  const silent = api('ETIMEDOUT', 3);
  await assert.rejects(reach(silent, { ...way, patient: true }, run), /ETIMEDOUT/);
  assert.equal(silent.asked.length, 1);
});
