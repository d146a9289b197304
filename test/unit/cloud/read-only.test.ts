/** The ready-made policy for a key that only reads: enough for plans and drift, and nothing in it too much. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { iamTables, type PolicyDocument } from '../../../sandbox/otc/tables/iam.ts';
import { remainsOf } from '../../../src/cloud/remains.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, type Ran } from './cloud-world.ts';
import { journal, pause, run, stack } from './stack.ts';

const world = cloudWorld();
const policy = JSON.parse(readFileSync(join(import.meta.dirname, '../../../examples/read-only-policy.json'), 'utf8')) as PolicyDocument;
const actions = policy.Statement.flatMap(({ Action }) => Action);

/** Takes every other role from the reader; the policy goes on the projects that the documentation names. */
function only(allowed: readonly string[], projects: readonly string[] = ['eu-de_zitadel', 'eu-de']): void {
  const { roles, assignments, groups, projects: all } = iamTables(world.emulator().store);
  const readers = groups.find(({ name }) => name === 'readers');
  assert.ok(readers !== undefined);
  for (const { id } of assignments.where(({ to }) => to === readers.id)) assignments.remove(id);
  const document = { Version: '1.1', Statement: [{ Effect: 'Allow' as const, Action: allowed }] };
  const role = roles.insert({ id: 'policy', name: 'custom_policy', display_name: 'reader', description: '', type: 'XA', policy: document });
  for (const name of projects) {
    const project = all.find((row) => row.name === name);
    assert.ok(project !== undefined);
    assignments.insert({ id: `reader-${name}`, to: readers.id, role_id: role.id, on: { project: project.id } });
  }
}

const bastion: Partial<Stack> = { cluster: { ...stack.cluster, access: 'bastion' } };

/** Serves reads of RDS whose action its reference does not name (quotas, the link to the CA), should they be called so. */
const inCase = new Set(['rds:*:get*']);

interface Look {
  readonly outcomes: readonly Outcome[];
  readonly lines: readonly string[];
}

const look = (changed: Partial<Stack> = {}): Promise<Ran> => world.go({ write: false, connect: { reader: true }, stack: changed });

/** What a look was refused, wherever it said so. */
function refusals({ outcomes, lines }: Look): string {
  return [...outcomes.flatMap(({ fault }) => fault?.message ?? []), ...lines].filter((text) => text.includes("doesn't allow")).join('\n');
}

/** What a plan of destroy looks at besides; it tells in notes what it may not see. */
async function remains({ context }: Ran): Promise<Look> {
  const heard = journal();
  const outcomes = await unwalk(remainsOf(context), { write: false, signal: run.signal, mayDelete: () => true, journal: heard, pause });
  return { outcomes, lines: outcomes.flatMap(({ note = '' }) => note) };
}

/** All that a reader is asked to do: plans of an empty project, and of a stack that stands. */
async function everything(allowed: readonly string[]): Promise<readonly Look[]> {
  const looks: Look[] = [];
  const left: Look[] = [];
  for (const start of [world.empty, world.deploy]) {
    await start();
    only(allowed);
    const found = await look();
    looks.push(found, await look(bastion));
    left.push(await remains(found));
  }
  return [...looks, ...left];
}

beforeEach(() => world.deploy());

test('with the policy alone, everything is seen and nothing written', async () => {
  const [empty, , healthy] = await everything(actions);
  assert.deepEqual(empty === undefined ? [] : empty.outcomes.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked'), []);
  inSync(healthy?.outcomes ?? []);
  assert.equal(
    (await everything(actions))
      .map(refusals)
      .filter(Boolean)
      .join('\n')
      .replace(/.*iam:agencies:listAgencies.*\n?/g, ''),
    '',
  );
  assert.deepEqual(
    world.writes().filter((call) => !/clustercert$/.test(call)),
    [],
  );
});

for (const action of actions.filter((one) => !inCase.has(one))) {
  test(`without ${action} something cannot be looked at, and its name is said`, async () => {
    const said = (await everything(actions.filter((one) => one !== action))).map(refusals).join('\n');
    const pattern = action.split('*').join('\\S*');
    assert.match(said, new RegExp(`Policy doesn't allow ${pattern} to be performed`), said);
  });
}

test('without the policy on the zone’s project, its zones are not seen', async () => {
  world.empty();
  only(actions, ['eu-de_zitadel']);
  const { outcomes } = await world.go({ write: false, connect: { reader: true, dnsProject: 'eu-de' } });
  const texts = outcomes.map(({ fault }) => `${fault?.message} ${fault?.hint}`).join('\n');
  assert.match(texts, /example\.com belongs into project eu-de, and these credentials cannot manage it there/);
});

test('the policy writes nothing', async () => {
  world.empty();
  only(actions);
  const { outcomes } = await world.go({ connect: { reader: true } });
  assert.ok(!outcomes.some(({ done }) => done));
  const written = world.emulator().requests.filter(({ method, status }) => method !== 'GET' && status < 300);
  assert.deepEqual(
    written.map(({ url }) => url),
    [],
  );
});

test('a plan of this reader is the plan of who may do everything, the consented agency left aside', async () => {
  const digest = ({ outcomes }: Look): string => planDigest({ version: '1', stack, charts: {}, outcomes });
  world.empty();
  const full = await world.go({ write: false });
  assert.equal(full.outcomes.find(({ id }) => id === 'project/agency')?.verdict, 'create', 'else this proves nothing');
  only(actions);
  assert.equal(digest(await look()), digest(full));
});
