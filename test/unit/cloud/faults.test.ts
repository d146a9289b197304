/**
 * Owns the proof that faults of the services do no harm: passing ones only delay, lasting ones end red in words that name the call
 * and what to do, whatever the shape of the answer; and that nothing is made twice where answers are lost or lists lag behind.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asFault, type Fault } from '../../../src/engine/fault.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { type HttpResponse, TransportFailure } from '../../../src/otc/transport.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import type { Strike } from './emulator.ts';
import { journal, pause, verdicts } from './stack.ts';

const { deploy, empty, emulator, go, named } = cloudWorld();

const answer = (status: number, body: unknown): HttpResponse => ({
  status,
  headers: { 'x-request-id': 'req-4711' },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const refusal = (status: number): HttpResponse => answer(status, { error_code: 'XYZ.0042', error_msg: 'words of the service' });
/** A kind of call: without ids and query. */
const bare = (kind: string): string => kind.replace(/\?.*/, '');

function noDoubles(): void {
  for (const table of [
    'vpc.vpcs',
    'vpc.subnets',
    'vpc.security-groups',
    'vpc.publicips',
    'rds.instances',
    'cce.clusters',
    'cce.nodepools',
  ] as const) {
    const all = named(table).filter((name) => !name.includes('-cce-'));
    assert.equal(new Set(all).size, all.length, `${table}: ${all.join()}`);
  }
  for (const [table, count] of [
    ['elb.loadbalancers', 1],
    ['nat.gateways', 1],
    ['nat.snat-rules', 1],
    ['dns.zones', 1],
    ['dns.recordsets', 3],
  ] as const) // prettier-ignore
    assert.ok(emulator().store.table(table).all().length <= count, table);
}

/** Each kind of call that fits meets this once. */
function once(act: Strike, fits: (kind: string) => boolean = () => true): Set<string> {
  const struck = new Set<string>();
  emulator().strike = (call, ask) => {
    const kind = bare(call.kind);
    if (!fits(kind) || struck.has(kind)) return ask();
    struck.add(kind);
    return act(call, ask);
  };
  return struck;
}

const isWrite = (kind: string): boolean => !kind.startsWith('GET ');
const lost: Strike = async (_call, ask) => {
  await ask();
  throw new TransportFailure('cut off', 'ECONNRESET', true);
};
/** Answered so, after its effect. */
const carriedOut =
  (given: HttpResponse): Strike =>
  async (_call, ask) => {
    await ask();
    return given;
  };
const passing: readonly (readonly [string, Strike, (kind: string) => boolean])[] = [
  ['throttling and trouble at every kind of call', async ({ asked }) => (asked.method === 'GET' ? answer(503, '<html>') : refusal(429)), () => true],
  ['an answer lost after the effect of every kind of write', lost, isWrite],
  ['every kind of write answered 502 by a gateway, with its effect', carriedOut(answer(502, '<html>')), isWrite],
  ['every kind of write answered 504 without any effect', async () => answer(504, ''), isWrite],
  [
    'every kind of creation answered by a page of something in between',
    carriedOut(answer(200, '<html>')),
    (kind) => isWrite(kind) && !kind.endsWith('/clustercert'),
  ],
  ['no connection at every kind of call', async () => Promise.reject(new TransportFailure('refused', 'ECONNREFUSED', false)), () => true],
];

for (const [what, act, fits] of passing) {
  test(`${what} only delays, and nothing is made twice`, async () => {
    const struck = once(act, fits);
    settled((await go()).outcomes);
    emulator().strike = undefined;
    assert.ok(struck.size >= 20, `${struck.size} kinds of calls`);
    noDoubles();
    inSync((await go({ write: false })).outcomes);
  });
}

/** Reads lag behind: after a write, each gives so many times what it gave before, then once the truth; of what was just made by this client, 404. */
function lagging(times: number, unknown: boolean): void {
  const last = new Map<string, HttpResponse>();
  const owed = new Map<string, { readonly write: number; left: number; caughtUp: boolean }>();
  const made = new Set<string>();
  let write = 0;
  emulator().strike = async ({ asked }, ask) => {
    const now = await ask();
    if (asked.method !== 'GET') {
      write += 1;
      if (asked.method === 'POST')
        for (const [, id = ''] of Buffer.from(now.body)
          .toString()
          .matchAll(/"u?id":"([^"]+)"/g))
          made.add(id);
      return now;
    }
    const known = owed.get(asked.url);
    const due = known === undefined || (known.caughtUp && known.write !== write) ? { write, left: times, caughtUp: false } : known;
    owed.set(asked.url, due);
    if (due.left > 0) {
      due.left -= 1;
      const former = last.get(asked.url);
      if (former !== undefined) return former;
      if (unknown && made.has(asked.url.replace(/[?].*/, '').split('/').at(-1) ?? '')) return refusal(404);
    }
    due.caughtUp = due.left === 0;
    last.set(asked.url, now);
    return now;
  };
}

test('lists that lag behind, and services that do not know yet what they made, only delay', async () => {
  lagging(2, true);
  settled((await go()).outcomes);
  emulator().strike = undefined;
  noDoubles();
  inSync((await go({ write: false })).outcomes);
});

test('what is gone and still shown for a while does not stop a destroy', async () => {
  await deploy();
  lagging(2, false);
  const { cloud } = await go({ write: false });
  const options = { write: true, signal: new AbortController().signal, journal: journal(), pause, mayDelete: () => true };
  const gone = await unwalk(cloud.all, options);
  assert.deepEqual(verdicts(gone.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
});

/** The faults of a run in which this kind of call always goes so. */
async function faultsWhere(kind: string, act: Strike, write: boolean): Promise<Fault[]> {
  emulator().strike = (call, ask) => (bare(call.kind) === kind ? act(call, ask) : ask());
  try {
    return (await go({ write })).outcomes.flatMap(({ fault }) => fault ?? []);
  } catch (error) {
    return [asFault(error)];
  } finally {
    emulator().strike = undefined;
  }
}

/** The body changed, whatever it is. */
const changed =
  (change: (body: Readonly<Record<string, unknown>>) => unknown): Strike =>
  async (_call, ask) => {
    const real = await ask();
    const body: unknown = JSON.parse(Buffer.from(real.body).toString());
    return { ...real, body: Buffer.from(JSON.stringify(change(body as Readonly<Record<string, unknown>>))) };
  };
const each = (value: unknown) => (body: Readonly<Record<string, unknown>>) => Object.fromEntries(Object.keys(body).map((key) => [key, value]));
const lasting: readonly (readonly [string, Strike])[] = [
  ...[400, 403, 404, 409, 500].map((status) => [String(status), async () => refusal(status)] as const),
  ['502 of a gateway', async () => answer(502, '<html><h1>Bad Gateway</h1></html>')],
  ['nothing', async () => answer(200, '')],
  ['a page', async () => answer(200, '<html>Please log in</html>')],
  ['JSON cut short', async () => answer(200, '{"vpcs":[{"id":')],
  ['no fields', changed(() => ({}))],
  ['a list', changed(() => [])],
  ['texts', changed(each('text'))],
  ['numbers', changed(each(7))],
];

/** Answers of this kind that are answers: what a region or a user does not have. */
const told = [/OS-AGENCY/, /\/v3\/projects$/, /disk-auto-expansion$/, /backups\/policy$/, /configurations$/, /Certificate_Download/];

function readable(faults: readonly Fault[], kind: string, how: string): void {
  const [method = '', url = ''] = kind.split(' ');
  const end =
    url
      .split('/')
      .filter((part) => part !== '' && part !== '*')
      .at(-1) ?? '';
  for (const { message, hint } of faults) {
    const where = `${kind} answered with ${how}: ${message}`;
    assert.ok(hint !== undefined, `${where}: nothing to do is said`);
    assert.doesNotMatch(message, /defect|Cannot read|undefined|is not|\[object|Unexpected/, where);
    assert.ok(message.includes(method) && message.includes(end), `${where}: the call is not named`);
    assert.ok(message.includes('req-4711') || !/^\d/.test(how), `${where}: without the request id`);
    assert.ok(message.includes('words of the service') || !/^\d+$/.test(how), `${where}: without the service's words`);
  }
}

test('a read that lasts to fail, in whatever way, is told with its call and what to do; nothing is taken for absent', async () => {
  await deploy();
  const kinds = new Set<string>();
  emulator().strike = (call, ask) => {
    kinds.add(bare(call.kind));
    return ask();
  };
  await go({ write: false });
  const all = [...kinds].filter((kind) => !isWrite(kind));
  assert.ok(all.length >= 20, `${all.length} kinds`);
  // A slice of kinds × ways; FAULTS=all takes the whole of it.
  const step = process.env['FAULTS'] === 'all' ? 1 : 4;
  let index = 0;
  for (const kind of all) {
    for (const [how, act] of lasting) {
      index += 1;
      if (index % step !== 0 || kind.includes('Certificate_Download')) continue;
      const faults = await faultsWhere(kind, act, false);
      if (!told.some((one) => one.test(kind))) assert.ok(faults.length > 0, `${kind} answered with ${how} is told`);
      readable(faults, kind, how);
    }
  }
});

test('a write that lasts to fail is told with its call and what to do, and the next run goes on from there', async () => {
  const sample = [
    ['POST https://vpc.eu-de.otc.t-systems.com/v1/*/vpcs', '403'],
    ['POST https://vpc.eu-de.otc.t-systems.com/v2.0/security-groups', '500'],
    ['POST https://rds.eu-de.otc.t-systems.com/v3/*/instances', '400'],
    ['POST https://cce.eu-de.otc.t-systems.com/api/v3/projects/*/clusters', '409'],
    ['POST https://elb.eu-de.otc.t-systems.com/v3/*/elb/loadbalancers', '502 of a gateway'],
    ['POST https://nat.eu-de.otc.t-systems.com/v2.0/nat_gateways', '404'],
    ['POST https://dns.eu-de.otc.t-systems.com/v2/zones/*/recordsets', 'a page'],
  ] as const;
  for (const [kind, how] of sample) {
    const act = lasting.find(([name]) => name === how)?.[1];
    assert.ok(act);
    empty();
    const faults = await faultsWhere(kind, act, true);
    assert.ok(faults.length > 0, kind);
    readable(faults, kind, how);
  }
  settled((await go()).outcomes);
  noDoubles();
});

/** What the services say of something that they could not make. */
const failing: readonly (readonly [string, RegExp, RegExp, Strike])[] = [
  [
    'database/instance',
    /CREATE FAIL: no resources left in the zone/,
    /rds\..*(instances\?|jobs\?)/,
    async ({ asked }, ask) => {
      if (asked.url.includes('/jobs?')) return answer(200, { job: { id: 'j', status: 'Failed', fail_reason: 'no resources left in the zone' } });
      const real = await ask();
      return {
        ...real,
        body: Buffer.from(
          Buffer.from(real.body)
            .toString()
            .replace(/"status":"(ACTIVE|BACKING UP)"/g, '"status":"CREATE FAIL"'),
        ),
      };
    },
  ],
  [
    'cluster/cluster',
    /Error: ECS quota of the service exceeded/,
    /cce\..*\/(clusters|jobs)\/[^/]+$/,
    async ({ asked }, ask) => {
      if (asked.url.includes('/jobs/')) return answer(200, { status: { phase: 'Failed', reason: 'ECS quota of the service exceeded' } });
      const real = await ask();
      return { ...real, body: Buffer.from(Buffer.from(real.body).toString().replaceAll('"phase":"Available"', '"phase":"Error"')) };
    },
  ],
  [
    'cluster/node-pool-eu-de-01',
    /in state Error: n1: CreateFailed no addresses left in the subnet/,
    /nodepools\/[^/]+$|\/nodes$/,
    async ({ asked }, ask) => {
      const real = await ask();
      const body = JSON.parse(Buffer.from(real.body).toString()) as { readonly status: object; readonly items: { readonly metadata: object }[] };
      const failed = { phase: 'Error', reason: 'CreateFailed', message: 'no addresses left in the subnet' };
      const changedBody = asked.url.endsWith('/nodes')
        ? { ...body, items: body.items.map(({ metadata }) => ({ metadata: { ...metadata, name: 'n1' }, status: failed })) }
        : { ...body, status: { ...body.status, phase: 'Error' } };
      return { ...real, body: Buffer.from(JSON.stringify(changedBody)) };
    },
  ],
];

for (const [id, words, calls, act] of failing) {
  test(`${id} that the service could not make: why is said, and when the cause is gone another run ends it`, async () => {
    emulator().strike = (call, ask) => (call.asked.method === 'GET' && calls.test(call.asked.url) ? act(call, ask) : ask());
    const { outcomes } = await go();
    emulator().strike = undefined;
    assert.match(verdict(outcomes, id), words);
    assert.ok(outcomes.find((one) => one.id === id)?.fault?.hint !== undefined);
    settled((await go()).outcomes);
    noDoubles();
  });
}
