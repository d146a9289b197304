/** Owns the proof that a server's answer or referral about a zone is read from the wire, and silence ends in time. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import packet, { type Answer } from 'dns-packet';
import { askDirectly } from '../../../src/cloud/delegation-query.ts';

async function server(section: 'answers' | 'authorities', records: Answer[]): Promise<{ socket: Socket; port: number; flags: number[] }> {
  const socket = createSocket('udp4');
  const flags: number[] = [];
  socket.on('message', (message, { port, address }) => {
    const question = packet.decode(message);
    flags.push(question.flags ?? -1);
    // A stray answer to another question must not be taken.
    socket.send(
      packet.encode({ type: 'response', id: ((question.id ?? 0) + 1) % 65536, questions: question.questions ?? [], answers: [] }),
      port,
      address,
    );
    socket.send(packet.encode({ type: 'response', id: question.id ?? 0, questions: question.questions ?? [], [section]: records }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port, flags };
}

const ns = (name: string, data: string): Answer => ({ type: 'NS', name, data, ttl: 60 });

for (const section of ['answers', 'authorities'] as const) {
  test(`name servers in the ${section}, asked without recursion`, async () => {
    const { socket, port, flags } = await server(section, [ns('Example.com', 'ns1.test'), ns('com', 'a.gtld.test')]);
    try {
      assert.deepEqual(await askDirectly('127.0.0.1', 'example.com', port), ['ns1.test']);
      assert.deepEqual(flags, [0]);
    } finally {
      socket.close();
    }
  });
}

test('a silent server is given up', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    await assert.rejects(askDirectly('127.0.0.1', 'example.com', socket.address().port), /did not answer/);
  } finally {
    socket.close();
  }
});
