/** The run's own door: what it says it let in is what it really let in, and nothing of it stays. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Door, runnerDoor } from '../../../src/cloud/runner-door.ts';
import type { Fault } from '../../../src/engine/fault.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { createSecurityGroup, getSecurityGroup } from '../../../src/otc/security-group.ts';
import { doorNotice } from '../../../src/run/door.ts';
import { type Emulator, emulator } from './emulator.ts';

const run = { signal: new AbortController().signal, say: () => undefined };
const address = '192.0.2.10';
let cloud: Emulator;
before(async () => {
  cloud = await emulator();
});
after(() => cloud.close());

function doorFor(otc: Otc, remembered: number[]): Door {
  const door = runnerDoor({
    otc,
    stack: 'shop',
    holder: 'octo/shop run 1',
    now: Date.now,
    address: async () => address,
    remember: (doors) => remembered.push(doors.length),
    lock: async () => undefined,
  });
  door.mode = 'read';
  return door;
}

test('a run says that it let itself in where it did, and not where the cloud refused the rule', async () => {
  const owner = await cloud.connect();
  const { id } = await createSecurityGroup(owner, { name: 'control', description: '' });
  const group = await getSecurityGroup(owner, id);
  const remembered: number[] = [];
  const open = doorFor(owner, remembered);
  await open.open(group, 5443, run);
  const rules = (await getSecurityGroup(owner, id)).security_group_rules;
  assert.ok(rules.some(({ remote_ip_prefix: prefix }) => prefix === `${address}/32`));
  assert.match(doorNotice(await open.close(3)).join(), /192\.0\.2\.10 was admitted .* the one thing it wrote/);
  assert.deepEqual((await getSecurityGroup(owner, id)).security_group_rules, group.security_group_rules);
  assert.deepEqual(remembered, [1, 0]);

  const refused = doorFor(await cloud.connect({ reader: true }), []);
  await assert.rejects(refused.open(group, 5443, run), ({ status, hint }: Fault) => status === 403 && /docs\/permissions\.md/.test(hint ?? ''));
  assert.deepEqual(doorNotice(await refused.close(3)), []);
});
