/** Faults, edits, the command line, finding callers, certificates, ID tokens: the world's parts that need no namespaces. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPublicKey, createVerify, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as x509 from '@peculiar/x509';
import { editWorld } from '../../../sandbox/control/edits.ts';
import { readFault } from '../../../sandbox/control/faults.ts';
import { type ControlParts, ControlServer } from '../../../sandbox/control/server.ts';
import { ControlState, glob, kindOf } from '../../../sandbox/control/state.ts';
import { githubSite } from '../../../sandbox/github/index.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { readRequest } from '../../../sandbox/runner/asked.ts';
import { makeAuthority } from '../../../sandbox/world/authority.ts';
import { inodesOf, procAddress } from '../../../sandbox/world/caller.ts';
import { readOptions } from '../../../sandbox/world/options.ts';
import { Control } from '../../harness/control.ts';
import { readEnv } from '../../harness/world.ts';

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

describe('the command line', () => {
  it('has defaults and says what is wrong', () => {
    const options = readOptions(['--image', 'zitadel=/bin/z', '--command', 'plan']);
    assert.deepEqual([options.command, options.latency, options.programs], ['plan', undefined, { zitadel: '/bin/z' }]);
    for (const wrong of [
      ['--confirm', 'x'],
      ['--cloud-only'],
      ['--command', 'x'],
      ['--latency', 'slow'],
      ['--image', 'x'],
      ['--nope'],
      ['word'],
      ['--config', 'sandbox'],
    ]) {
      assert.throws(() => readOptions(wrong), Error, wrong.join(' '));
    }
    assert.throws(() => readOptions(['--config', 'none.yaml']), /^Error: --config none\.yaml: there is no such file$/);
    assert.equal(readOptions(['--config', 'sandbox/stack/zitadel.yaml']).config, 'sandbox/stack/zitadel.yaml');
  });

  it('leaves an env file that shells and we read alike', () => {
    assert.deepEqual(readEnv("A='x y'\nB='it'\\''s'\n"), { A: 'x y', B: "it's" });
  });
});

describe('callers', () => {
  it('are found by the kernel table of connections', () => {
    const local = procAddress('192.0.2.10', 41692);
    assert.equal(local, '0A0200C0:A2DC');
    const table = `  sl  local_address rem_address   st\n   0: ${local} 010012C6:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4242 1\n`;
    assert.deepEqual(inodesOf(table, local), ['4242']);
    assert.deepEqual(inodesOf(table, procAddress('192.0.2.10', 1)), []);
  });
});

describe('authorities', () => {
  it('issue chains that verify up to their own root alone, and expired ones on request', async () => {
    const authority = await makeAuthority();
    const { chainPem, certPem } = await authority.issue({ names: ['a.test'], addresses: ['10.0.0.1'], by: 'public' });
    const [leaf, intermediate] = chainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter(Boolean)
      .map((pem) => new X509Certificate(pem));
    const root = new X509Certificate(authority.publicCaPem);
    assert.ok(leaf !== undefined && intermediate !== undefined);
    assert.equal(leaf.verify(intermediate.publicKey) && intermediate.verify(root.publicKey) && intermediate.ca, true);
    assert.equal(leaf.verify(new X509Certificate(authority.rdsCaPem).publicKey), false);
    assert.equal(leaf.checkHost('a.test') === 'a.test' && leaf.checkIP('10.0.0.1') === '10.0.0.1', true);
    assert.equal(certPem, leaf.toString());
    const old = new X509Certificate((await authority.issue({ names: ['a.test'], by: 'rds', days: -1 })).certPem);
    assert.ok(Date.parse(old.validTo) < Date.now() && Date.parse(old.validFrom) < Date.parse(old.validTo));
  });

  it('sign requests with their names, and refuse ones without', async () => {
    const authority = await makeAuthority();
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const request = async (extensions: x509.Extension[]): Promise<string> =>
      (
        await x509.Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' }, extensions })
      ).toString('pem');
    const csrPem = await request([new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'login.example.com' }])]);
    const { chainPem } = await authority.sign({ csrPem, by: 'staging' });
    const leaf = new X509Certificate(chainPem);
    assert.equal(leaf.checkHost('login.example.com'), 'login.example.com');
    assert.match(leaf.issuer, /STAGING/);
    await assert.rejects(authority.sign({ csrPem: await request([]), by: 'public' }), /no alternative names/);
  });
});

describe('ID tokens', () => {
  it('are signed by a published key and say who asks, only to who was granted', async () => {
    const github = await githubSite(new Store(assert.ifError));
    const grant = github.grant({ repository: 'o/r', ref: 'refs/heads/main', environment: 'prod', runId: '1', eventName: 'push', actor: 'a' });
    const url = new URL(grant.ACTIONS_ID_TOKEN_REQUEST_URL);
    const site = github.sites.find(({ hosts }) => hosts.includes(url.host));
    const ask = async (bearer: string): Promise<{ status: number; body: string }> => {
      const reply = { status: 0, body: '' };
      const response = {
        writeHead(status: number) {
          reply.status = status;
          return response;
        },
        end(body = '') {
          reply.body = body;
        },
      };
      await site?.handle(
        { url: `${url.pathname}${url.search}&audience=me`, headers: { authorization: `Bearer ${bearer}` } } as never,
        response as never,
      );
      return reply;
    };
    assert.equal((await ask('guess')).status, 401);
    const { value } = JSON.parse((await ask(grant.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).body) as { value: string };
    const [head = '', body = '', signature = ''] = value.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    assert.deepEqual([claims['aud'], claims['iss'], claims['sub']], ['me', github.issuer, 'repo:o/r:environment:prod']);
    const [jwk] = github.jwks.keys;
    assert.ok(jwk !== undefined);
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    assert.equal(createVerify('sha256').update(`${head}.${body}`).verify(key, signature, 'base64url'), true);
  });
});
