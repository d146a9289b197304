/** Faults, edits, runs and snapshots as the control takes them, and what it refuses. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { editWorld } from '../../../sandbox/control/edits.ts';
import { readFault } from '../../../sandbox/control/faults.ts';
import { type ControlParts, ControlServer } from '../../../sandbox/control/server.ts';
import { ControlState, glob, kindOf } from '../../../sandbox/control/state.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { readRequest } from '../../../sandbox/runner/asked.ts';
import { Control } from '../../harness/control.ts';

/** A control server behind a socket, until the test ends. */
async function served(context: TestContext, parts: Partial<ControlParts>): Promise<Control> {
  const unused = (): Promise<void> => Promise.reject(new Error('not asked for'));
  const empty = {
    state: new ControlState(),
    store: new Store(assert.ifError),
    services: new Set(['vpc', 'subnet']),
    snapshot: unused,
    restore: unused,
  };
  const server = new ControlServer({ ...empty, ...parts });
  const folder = await mkdtemp(join(tmpdir(), 'control-'));
  context.after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  const socket = join(folder, 'control.sock');
  await server.listen({ path: socket });
  return new Control(socket);
}

describe('faults', () => {
  it('match by service, method and path, skip, and are used up', () => {
    const state = new ControlState();
    const act = { kind: 'delay', milliseconds: 1 } as const;
    state.setFaults([{ service: 'vpc', mutating: true, path: '/v1/*/vpcs/**', skip: 1, count: 1, act }]);
    const asked = { service: 'vpc', method: 'POST', path: '/v1/p/vpcs/x/y' };
    assert.equal(state.faultFor({ ...asked, method: 'GET' }), undefined);
    assert.equal(state.faultFor({ ...asked, service: 'rds' }), undefined);
    assert.equal(state.faultFor(asked), undefined, 'skipped');
    assert.equal(state.faultFor(asked), act);
    assert.equal(state.faultFor(asked), undefined, 'used up');
    state.setFaults([{ count: 0, act }]);
    for (let index = 0; index < 5; index += 1) assert.equal(state.faultFor(asked), act);
  });

  it('match all services of an endpoint by its name', () => {
    const state = new ControlState();
    const act = { kind: 'delay', milliseconds: 1 } as const;
    state.setFaults([{ service: 'vpc', count: 2, act }]);
    const asked = { service: 'subnet', endpoint: 'vpc', method: 'GET', path: '/v1/p/subnets' };
    assert.equal(state.faultFor(asked), act);
    state.setFaults([{ service: 'eip', act }]);
    assert.equal(state.faultFor(asked), undefined);
  });

  it('of a service that there is none of are refused', async (context) => {
    const control = await served(context, {});
    const act = { kind: 'delay', milliseconds: 1 } as const;
    await assert.rejects(control.faults([{ service: 'subnets', act }]), /answered 400: .*service must be one of subnet, vpc/s);
    await control.faults([{ service: 'subnet', act }]);
  });

  it('count for each kind of call on its own, whatever the ids in it', () => {
    const state = new ControlState();
    const act = { kind: 'delay', milliseconds: 1 } as const;
    state.setFaults([{ service: 'vpc', each: true, act }]);
    const asked = { service: 'vpc', method: 'GET', path: '/v1/0123456789abcdef0123456789abcdef/vpcs/76d32982-ecab-4680-a50f-acc5f2e20b55' };
    assert.equal(kindOf(asked), 'vpc GET /v1/…/vpcs/…');
    assert.equal(state.faultFor(asked), act);
    assert.equal(state.faultFor({ ...asked, path: asked.path.replace('76d3', '76d4') }), undefined, 'the same kind');
    assert.equal(state.faultFor({ ...asked, method: 'DELETE' }), act);
    assert.equal(state.faultFor({ ...asked, service: 'rds' }), undefined);
    assert.throws(() => readFault({ each: 1, act }, new Set()), /each must be true or false, not 1/);
  });

  it('take a star for one segment and two for all', () => {
    assert.equal(glob('/v1/*/x')('/v1/a/x'), true);
    assert.equal(glob('/v1/*/x')('/v1/a/b/x'), false);
    assert.equal(glob('/v1/**')('/v1/a/b/x'), true);
    assert.equal(glob('/v1.0')('/v1x0'), false);
  });

  it('are refused when misspelt', () => {
    const act = { kind: 'reset', when: 'before' };
    for (const [fault, says] of [
      [null, /a fault must be an object, not null/],
      [{ sevice: 'vpc', act }, /not sevice/],
      [{ service: 'vcp', act }, /service must be one of rds, vpc, not "vcp"/],
      [{ method: 'post', act }, /method must be one of GET, POST, .*, not "post"/],
      [{ path: 'v1/**', act }, /path must be a path that begins with \/ or \*/],
      [{ count: -1, act }, /count must be a whole number of 0 or more, not -1/],
      [{ skip: 0.5, act }, /skip must be a whole number/],
      [{}, /act must be an object, not nothing/],
      [{ act: { kind: 'toString' } }, /act.kind must be one of answer, delay, reset, truncate, kill, not "toString"/],
      [{ act: { kind: 'reset' } }, /act reset needs when: one of before, after/],
      [{ act: { ...act, bytes: 1 } }, /act reset knows kind, when, not bytes/],
      ...['500', 99, 101, 1000].map((status) => [{ act: { kind: 'answer', status } }, /status must be a whole number of 200 to 599/] as const),
      [{ act: { kind: 'answer', status: 503, headers: { 'a b': 'c' } } }, /headers must be an object of header names and texts/],
      [{ act: { kind: 'kill', when: 'after', signal: 'SIGFOO' } }, /signal must be one of SIGHUP, .*, not "SIGFOO"/],
      [{ act: { kind: 'delay', milliseconds: 1e99 } }, /milliseconds must be a number of 0 to 2147483647/],
    ] as const)
      assert.throws(() => readFault(fault, new Set(['vpc', 'rds'])), says, JSON.stringify(fault));
    const good = { service: 'vpc', method: 'POST', path: '**/vpcs', count: 2, act: { kind: 'truncate', bytes: 3 } };
    assert.deepEqual(readFault(good, new Set(['vpc'])), good);
    const answer = { act: { kind: 'answer', status: 429, headers: { 'retry-after': '1' }, body: null, effect: 'after' } };
    assert.deepEqual(readFault(answer, new Set()), answer);
  });

  it('leave answers their usual time, by pace or fixed', () => {
    const state = new ControlState();
    const read = { service: 'vpc', method: 'GET', path: '/' };
    assert.equal(state.latencyFor(read), 0);
    state.setLatency({ pace: 'real' });
    assert.ok(state.latencyFor(read) < state.latencyFor({ ...read, method: 'POST' }));
    state.setLatency({ milliseconds: 7 });
    assert.equal(state.latencyFor(read), 7);
  });
});

describe('edits of the world', () => {
  it('insert, change, remove rows and set switches, also in tables without a row', () => {
    const store = new Store(assert.ifError);
    const table = store.table<{ readonly id: string; readonly n?: number }>('nova.keypairs');
    editWorld(store, { tables: { 'nova.keypairs': { insert: [{ id: 'x' }, { id: 'y' }] } }, switches: { 'rds.late-jobs': true } });
    editWorld(store, { tables: { 'nova.keypairs': { update: { x: { n: 2 } }, remove: ['y'] } } });
    assert.deepEqual(table.all(), [{ id: 'x', n: 2 }]);
    editWorld(store, { switches: { 'rds.late-jobs': null } });
    assert.deepEqual(store.table('world.switches').all(), []);
  });

  it('change nothing at all where a part of them makes no sense', () => {
    const store = new Store(assert.ifError);
    const good = { insert: [{ id: 'new' }], update: { old: { name: 'b' } } };
    store.table<{ readonly id: string; readonly name: string }>('vpc.vpcs').insert({ id: 'old', name: 'a' });
    const before = store.save();
    for (const [name, changes, says] of [
      ['vpc.vpc', {}, /there is no table vpc\.vpc; there are vpc\.vpcs, vpc\.subnets/],
      ['eps.vpcs', {}, /there are vpc\.vpcs$/],
      ['nonsense', {}, /there are iam\.domains, .*world\.oddities$/],
      ['vpc.subnets', [], /tables\.vpc\.subnets must be an object/],
      ['vpc.subnets', { inserts: [] }, /knows insert, update, remove, not inserts/],
      ['vpc.subnets', { insert: 'abc' }, /insert must be a list, not "abc"/],
      ['vpc.subnets', { insert: [null] }, /a row of tables\.vpc\.subnets\.insert must be an object, not null/],
      ['vpc.subnets', { insert: [{}] }, /needs an id, a text that is not empty, not nothing/],
      ['vpc.subnets', { insert: [{ id: 7 }] }, /needs an id.*, not 7/],
      ['vpc.subnets', { insert: [{ id: 'x1' }, { id: 'x1' }] }, /has the row x1 twice/],
      ['vpc.subnets', { update: { x1: {} } }, /vpc\.subnets has no row x1; GET/],
      ['vpc.subnets', { remove: ['x1'] }, /vpc\.subnets has no row x1/],
      ['vpc.subnets', { remove: 'x1' }, /remove must be a list/],
      ['vpc.subnets', { remove: [1] }, /ids, which are texts, not 1/],
      ['vpc.vpcs', { insert: [{ id: 'old' }] }, /vpc\.vpcs has a row old already; update changes it/],
      ['vpc.vpcs', { update: { old: 'b' } }, /must be an object, not "b"/],
      ['vpc.vpcs', { update: { old: { id: 'young' } } }, /the id of a row cannot change/],
    ] as const)
      assert.throws(() => editWorld(store, { switches: { 'quota:vpc': 1 }, tables: { 'vpc.vpcs': good, [name]: changes } }), says);
    const rows = (saved: string): unknown =>
      Object.values((JSON.parse(saved) as { tables: object }).tables).filter((table: unknown[]) => table.length > 0);
    assert.deepEqual(rows(store.save()), rows(before));
  });

  it('refuse a switch that there is none of, or a value that it does not take, before anything changes', () => {
    const store = new Store(assert.ifError);
    const good = { 'quota:cce.cluster': 0, 'quota:evs.gigabytes_SSD': 10, 'sold-out:s3.large.4:eu-de-02': true, 'delegation:example.com': 'other' };
    for (const [id, value, says] of [
      ['quota:clusters', 1, /no switch quota:clusters; there are quota:<vpc\|/],
      ['quota:vpc', '1', /takes a whole number/],
      ['sold-out:s3.large.4', 'yes', /takes true or false/],
      ['delegation:example.com', 'elsewhere', /takes otc, other, mixed or none/],
    ] as const)
      assert.throws(() => editWorld(store, { switches: { ...good, [id]: value } }), says);
    assert.deepEqual(store.table('world.switches').all(), []);
    editWorld(store, { switches: good });
    assert.equal(store.table('world.switches').all().length, 4);
  });

  it('are refused with their format where there is nothing known in them', async (context) => {
    const store = new Store(assert.ifError);
    const control = await served(context, { store });
    for (const body of [undefined, {}, { table: {} }, { 'vpc.vpcs': { remove: ['x'] } }]) {
      await assert.rejects(control.edit(body as never), /answered 400: .*PUT \/world takes .*tables.*insert.*update.*remove/s);
    }
    await assert.rejects(control.latency({} as never), /answered 400: .*latency takes/s);
    for (const milliseconds of [-1, 1e99, '5', Number.NaN])
      await assert.rejects(control.latency({ pace: 'real', milliseconds } as never), /answered 400: .*milliseconds must be a number of 0 to/s);
    assert.equal(store.pace, 'fast');
    await assert.rejects(control.faults([{ service: 'vpc', act: { kind: 'boom' } } as never]), /answered 400: .*act\.kind/s);
    await assert.rejects(control.table('vpc.vpc'), /answered 404: .*there is no table vpc\.vpc; there are vpc\.vpcs/s);
    assert.deepEqual(await control.table('nova.server-groups'), []);
    await control.edit({ tables: { 'vpc.security-group-rules': { insert: [{ id: 'x' }] } } });
    assert.deepEqual(await control.table('vpc.security-group-rules'), [{ id: 'x' }]);
  });
});

describe('runs', () => {
  it('are refused when misspelt, or with a file outside the repository', () => {
    for (const [asked, says] of [
      [[], /a run must be an object/],
      [{ comand: 'plan' }, /a run knows command, .*, not comand/],
      [{ command: 1 }, /command must be a text, not 1/],
      [{ inputs: { project: null } }, /inputs must be an object of texts/],
      [{ credentials: 'root' }, /credentials must be one of access-key, password, reader, none/],
      ...['/etc/x', '../x', 'a/../../x', '..', '.'].map((path) => [{ files: { [path]: '' } }, /files must be .* inside the repository/] as const),
      [{ stop: { by: 'SIGFOO', at: { line: '' } } }, /by must be one of cancel, SIGHUP/],
      [{ stop: { by: 'cancel' } }, /stop\.at must be an object/],
      [{ stop: { by: 'cancel', at: { lines: '' } } }, /stop\.at knows milliseconds, request, line, not lines/],
      [{ action: {} }, /action takes one of folder, script/],
    ] as const)
      assert.throws(() => readRequest(asked), says, JSON.stringify(asked));
    assert.deepEqual(readRequest(undefined), {});
    const asked = { command: 'plan', files: { 'a/..b.yaml': '' }, stop: { by: 'cancel', at: { request: { method: 'POST' } } } };
    assert.deepEqual(readRequest(asked), asked);
  });
});

describe('snapshots', () => {
  it('have names that are no way out of their folder', async (context) => {
    const taken: string[] = [];
    const take = async (name: string): Promise<void> => void taken.push(name);
    const control = await served(context, { snapshot: take, restore: take });
    for (const name of ['.', '..', '../x', '', '-', 7 as never]) {
      await assert.rejects(control.snapshot(name), /answered 400: .*name must be/s, name);
      await assert.rejects(control.restore(name), /answered 400: .*name must be/s, name);
    }
    await control.snapshot('v1.2-b_');
    assert.deepEqual(taken, ['v1.2-b_']);
  });
});
