/** Owns the proof of what a walk does with what a former choice of options made: taken away, left, or kept and said so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { maybe } from '../../../src/engine/resource.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Fake, options, verdicts } from './fake.ts';

test('an option not chosen: what a former choice made is taken away, dependents first, and only when all went well', async () => {
  const fake = new Fake();
  fake.exists.set('eip', 'v').set('bastion', 'v');
  const eip = fake.make('eip', {}, { wanted: false });
  const bastion = fake.make('bastion', { eip: maybe(eip) }, { wanted: false });
  const other = fake.make('other', {});
  fake.broken.add('other');
  assert.deepEqual(verdicts((await walk([bastion, other], options(true))).outcomes), { eip: 'blocked', bastion: 'blocked', other: 'failed' });
  fake.broken.clear();
  await walk([bastion, other], options(true));
  assert.deepEqual(fake.events, ['+other', '-bastion', '-eip']);
});

test('what could not be taken away keeps what it stands on, and the rest still goes', async () => {
  const fake = new Fake();
  for (const id of ['eip', 'server', 'group', 'data']) fake.exists.set(id, 'v');
  const gone = { wanted: false } as const;
  const eip = fake.make('eip', {}, gone);
  const stuck = async (): Promise<void> => {
    throw new Fault('still in use');
  };
  const server = fake.make('server', { eip }, { ...gone, destroy: stuck });
  const group = fake.make('group', {}, gone);
  const data = fake.make('data', { group }, { ...gone, protect: 'data' });
  const other = fake.make('other', {}, gone);
  fake.exists.set('other', 'v');
  const { outcomes } = await walk([server, data, other], options(true));
  assert.deepEqual(verdicts(outcomes), { eip: 'blocked', server: 'failed', group: 'kept', data: 'kept', other: 'delete' });
  assert.deepEqual(fake.events, ['-other']);
  assert.equal(outcomes.find(({ id }) => id === 'eip')?.note, 'waits for server');
});

test('what holds data, and what is handed over, stays: a plan says so as the deploy does', async () => {
  for (const write of [false, true]) {
    const fake = new Fake();
    for (const id of ['net', 'data', 'group', 'record', 'other']) fake.exists.set(id, 'v');
    const net = fake.make('net', {}, { wanted: false });
    const data = fake.make('data', { net: maybe(net) }, { wanted: false, protect: 'data' });
    const group = fake.make('group', {}, { wanted: false, handsOver: 'nodes carry it' });
    const record = fake.make('record', {}, { wanted: false, handsOver: true });
    const other = fake.make('other', {}, { wanted: false });
    const { outcomes } = await walk([data, group, record, other], options(write));
    assert.deepEqual(verdicts(outcomes), { net: 'kept', data: 'kept', group: 'kept', record: 'absent', other: 'delete' });
    assert.deepEqual(
      outcomes.map(({ note }) => note),
      ['what holds data stands on it', 'holds data; remove it by destroy with consent', 'nodes carry it', undefined, undefined],
    );
    assert.deepEqual(fake.events, write ? ['-other'] : []);
  }
});
