/** The digest of a plan: what it is over, what it leaves out, and that two that differ say where. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import type { Change } from '../../../src/engine/resource.ts';
import type { Walked } from '../../../src/engine/walk.ts';
import type { Graph } from '../../../src/graph.ts';
import { DIGEST_FORM, type PlanParts, planDifferences, planDigest, samePlan } from '../../../src/report/plan-digest.ts';
import { OtherPlan, planOf, refuseOtherPlan } from '../../../src/run/plan.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';

const WAY_IN = 'cluster/kubeconfig';

function one(id: string, verdict: Verdict, changes: readonly Change[] = [], more: Partial<Outcome> = {}): Outcome {
  return { id, title: id, needs: [], verdict, changes, facts: {}, seconds: 1, done: false, ...more };
}

const change = fc.record(
  { field: fc.constantFrom('a', 'b', 'c'), before: fc.jsonValue({ maxDepth: 1 }), after: fc.jsonValue({ maxDepth: 1 }), replace: fc.boolean() },
  { requiredKeys: ['field'] },
) as fc.Arbitrary<Change>;
const verdict = fc.constantFrom<Verdict>('unchanged', 'create', 'update', 'delete', 'unknown', 'kept');
const outcomes = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c/1'), verdict, fc.array(change, { maxLength: 3 })), { selector: ([id]) => id })
  .map((rows) => rows.map(([id, what, changes]) => one(id, what, what === 'update' ? [{ field: 'x', after: 1 }, ...changes] : [])));
const plan: fc.Arbitrary<PlanParts> = fc.record({
  version: fc.constantFrom('1.0.0', '1.1.0'),
  stack: fc.record({ name: fc.constant('s'), database: fc.record({ size: fc.nat(9), kind: fc.constantFrom('HA', 'single') }) }),
  charts: fc.dictionary(fc.constantFrom('zitadel/release', 'ingress/contour'), fc.stringMatching(/^[0-9a-f]{63}$/)),
  outcomes,
});
const simple: PlanParts = { version: '1.0.0', stack: { name: 's' }, charts: { 'zitadel/release': 'ab'.repeat(31) }, outcomes: [] };

/** The same value with its keys, at every depth, in reverse order. */
function turned<T>(value: T): T {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, turned(inner)]),
  ) as T;
}

test('property: the digest is the same in any order, at any time, with and without secrets', () => {
  fc.assert(
    fc.property(plan, fc.infiniteStream(fc.nat(1000)), (parts, numbers) => {
      const shuffled = parts.outcomes
        .map((row) => ({ ...row, seconds: numbers.next().value ?? 0, facts: { ip: '10.0.0.1' }, note: 'n', changes: [...row.changes].reverse() }))
        .reverse();
      const secret = { field: 'data.config', why: 'the content differs', secret: true };
      const withSecrets = shuffled.map((row) =>
        row.verdict === 'update'
          ? { ...row, changes: [secret, ...row.changes] }
          : row.verdict === 'unchanged'
            ? { ...row, verdict: 'update' as const, changes: [secret] }
            : row,
      );
      const measured = one('z/verification', 'update', [{ field: 'TLS', before: 'expires in 3 days' }], { readsOnly: true });
      const digest = planDigest(parts);
      assert.match(digest, DIGEST_FORM);
      assert.equal(planDigest({ ...parts, stack: turned(parts.stack), charts: turned(parts.charts), outcomes: shuffled }), digest);
      assert.equal(planDigest({ ...parts, outcomes: withSecrets }), digest);
      assert.equal(planDigest({ ...parts, outcomes: [...parts.outcomes, measured, one('z/absent', 'absent')] }), digest);
      assert.deepEqual(planDifferences(digest, { ...parts, outcomes: withSecrets }), []);
    }),
    { numRuns: 100 },
  );
});

/** Single real changes, each with a word that the named difference must hold. */
const edits: readonly (readonly [string, (parts: PlanParts, target: Outcome) => readonly [PlanParts, string]])[] = [
  ['version', (parts) => [{ ...parts, version: '2.0.0' }, '2.0.0']],
  ['setting', (parts) => [{ ...parts, stack: { ...(parts.stack as object), cluster: 1 } }, 'cluster']],
  ['nested setting', (parts) => [{ ...parts, stack: { ...(parts.stack as object), database: { size: 99, kind: 'HA' } } }, 'database.size']],
  ['chart', (parts) => [{ ...parts, charts: { ...parts.charts, 'zitadel/release': 'f0'.repeat(31) } }, 'zitadel/release']],
  ['chart more', (parts) => [{ ...parts, charts: { ...parts.charts, 'dns/external-dns': 'f0'.repeat(31) } }, 'dns/external-dns']],
  ['verdict', (parts, target) => [edited(parts, target, { verdict: 'replace' }), `${target.id}: approved update, now replace`]],
  ['field', (parts, target) => [edited(parts, target, first(target, { field: 'other' })), `${target.id} other: approved no change`]],
  ['before', (parts, target) => [edited(parts, target, first(target, { before: 'another' })), 'another']],
  ['after', (parts, target) => [edited(parts, target, first(target, { after: 'another' })), 'another']],
  ['long after', (parts, target) => [edited(parts, target, first(target, { after: 'y'.repeat(500) })), 'yyy']],
  ['replace', (parts, target) => [edited(parts, target, first(target, { replace: target.changes[0]?.replace !== true })), target.id]],
  ['more', (parts, target) => [edited(parts, target, { changes: [...target.changes, { field: 'yet another', after: 1 }] }), 'yet another']],
  ['less', (parts, target) => [edited(parts, target, { changes: target.changes.slice(1) }), `${target.id} x`]],
  [
    'gone',
    (parts, target) => [{ ...parts, outcomes: parts.outcomes.filter((row) => row !== target) }, `${target.id}: approved update, now unchanged`],
  ],
  ['new', (parts) => [{ ...parts, outcomes: [...parts.outcomes, one('d/1', 'create')] }, 'd/1: approved unchanged, now create']],
];

function edited(parts: PlanParts, target: Outcome, edit: Partial<Outcome>): PlanParts {
  return { ...parts, outcomes: parts.outcomes.map((row) => (row === target ? { ...row, ...edit } : row)) };
}

function first({ changes: [one, ...rest] }: Outcome, edit: Partial<Change>): Partial<Outcome> {
  return { changes: [{ ...(one as Change), ...edit }, ...rest] };
}

for (const [what, edit] of edits) {
  test(`property: another ${what} gives another digest, and is named`, () => {
    fc.assert(
      fc.property(plan, fc.nat(), (parts, at) => {
        const updates = parts.outcomes.filter((row) => row.verdict === 'update');
        fc.pre(updates.length > 0);
        const [other, word] = edit(parts, updates[at % updates.length] as Outcome);
        const [approved, now] = [planDigest(parts), planDigest(other)];
        assert.ok(!samePlan(approved, now));
        const lines = planDifferences(approved, other);
        assert.ok(lines !== undefined && lines.length > 0);
        assert.ok(
          lines.some((line) => line.includes(word)),
          `${word} in ${lines.join(' / ')}`,
        );
        assert.throws(() => refuseOtherPlan(approved, other, WAY_IN), OtherPlan);
      }),
      { numRuns: 30 },
    );
  });
}

test('property: whatever stands behind the sha256 decides nothing and breaks nothing', () => {
  const garbage = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]*$/),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    fc
      .record({ v: fc.jsonValue(), s: fc.jsonValue(), c: fc.jsonValue(), p: fc.jsonValue() })
      .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
  );
  fc.assert(
    fc.property(plan, garbage, (parts, text) => {
      const [hash] = planDigest(parts).split('.');
      assert.doesNotThrow(() => refuseOtherPlan(`${hash}.${text}`, parts, WAY_IN));
      assert.throws(() => refuseOtherPlan(`${'0'.repeat(64)}.${text}`, parts, WAY_IN), OtherPlan);
    }),
    { numRuns: 100 },
  );
});

test('a digest without an outline still stops the deploy, and what would be done now is said', () => {
  const outcomes = [one('database/instance', 'update', [{ field: 'volume.size', before: 100, after: 200 }])];
  const [hash = ''] = planDigest(simple).split('.');
  assert.throws(() => refuseOtherPlan(hash, { ...simple, outcomes }, WAY_IN), /database\/instance: now update volume\.size/);
  assert.throws(() => refuseOtherPlan(planDigest({ ...simple, outcomes }).slice(0, 64), simple, WAY_IN), /Now there is nothing to change/);
});

test('fields are compared by value: what was approved and what is now stand beside each other', () => {
  const size = (after: number): PlanParts => ({
    ...simple,
    outcomes: [one('database/instance', 'update', [{ field: 'volume.size', before: 100, after }]), one('dns/record', 'create')],
  });
  assert.deepEqual(planDifferences(planDigest(size(200)), { ...size(400), outcomes: size(400).outcomes.slice(0, 1) }), [
    'database/instance volume.size: approved 100 → 200, now 100 → 400',
    'dns/record: approved create, now unchanged',
  ]);
});

test('what only one of two plans could know stands behind the real difference, a line for each kind', () => {
  const rows = (verdict: Verdict, ttl?: number): Outcome[] => [
    ...['a/namespace', 'z/certificate'].map((id) => one(id, verdict)),
    one('zitadel/release', verdict === 'unknown' ? 'unknown' : 'update', verdict === 'unknown' ? [] : [{ field: 'replicas', before: 1, after: 3 }]),
    ttl === undefined ? one('dns/record', 'unchanged') : one('dns/record', 'update', [{ field: 'ttl', before: ttl, after: 300 }]),
  ];
  const plan = (outcomes: Outcome[]): PlanParts => ({ ...simple, outcomes });
  assert.deepEqual(planDifferences(planDigest(plan(rows('unknown'))), plan(rows('unchanged', 60))), [
    'dns/record: approved unchanged, now update',
    'dns/record ttl: approved no change, now 60 → 300',
    'Not known when it was approved, now unchanged: a/namespace, z/certificate',
    'Not known when it was approved, now update: zitadel/release',
  ]);
  assert.deepEqual(planDifferences(planDigest(plan(rows('unchanged'))), plan(rows('unknown'))), [
    'Not known now, approved unchanged: a/namespace, z/certificate',
    'Not known now, approved update: zitadel/release',
  ]);
});

test('an outline keeps its size, and holds no secret', () => {
  const changes = Array.from({ length: 400 }, (_, index) => ({ field: `field${index}`, before: 'x'.repeat(300), after: 'ß'.repeat(300) }));
  const huge = { ...simple, outcomes: Array.from({ length: 60 }, (_, index) => one(`a/${index}`, 'update', changes)) };
  assert.ok(planDigest(huge).length < 25_000);
  assert.match((planDifferences(planDigest(huge), simple) ?? []).join('\n'), /a\/7: approved update, now unchanged/);
  const secret = new Secret('planted-secret-in-plan');
  const leaky = { ...simple, outcomes: [one('a/b', 'update', [{ field: 'x', after: `password ${secret.open()}` }])] };
  const outline = Buffer.from(planDigest(leaky).split('.')[1] ?? '', 'base64url').toString('utf8');
  assert.ok(outline.includes('password ***') && !outline.includes('planted'), outline);
});

test('a plan without a way into the cluster is the one of a deploy that has one, as far as it looked', () => {
  const cloud = (size: number): Outcome => one('database/instance', 'update', [{ field: 'volume.size', before: 40, after: size }]);
  const behind = (more: Outcome): Outcome => ({ ...more, needs: [WAY_IN] });
  const looked = [
    cloud(50),
    one(WAY_IN, 'unchanged', [], { readsOnly: true }),
    behind(one('zitadel/release', 'update', [{ field: 'replicas', before: 2, after: 3 }])),
    behind(one('ingress/nginx', 'delete')),
    { ...one('dns/ownership', 'create'), needs: ['zitadel/release'] },
  ];
  const unlooked = [
    cloud(50),
    one(WAY_IN, 'unknown', [], { readsOnly: true }),
    behind(one('zitadel/release', 'unknown')),
    behind(one('ingress/nginx', 'absent')),
    { ...one('dns/ownership', 'unknown'), needs: ['zitadel/release'] },
  ];
  const approved = planDigest({ ...simple, outcomes: unlooked });
  assert.doesNotThrow(() => refuseOtherPlan(approved, { ...simple, outcomes: looked }, WAY_IN));
  assert.throws(() => refuseOtherPlan(approved, { ...simple, outcomes: [cloud(60), ...looked.slice(1)] }, WAY_IN), OtherPlan);
  assert.throws(() => refuseOtherPlan(approved, { ...simple, outcomes: looked, stack: { name: 'other' } }, WAY_IN), OtherPlan);
  // Who did look is bound to what was seen.
  assert.throws(() => refuseOtherPlan(planDigest({ ...simple, outcomes: looked }), { ...simple, outcomes: unlooked }, WAY_IN), OtherPlan);
});

test('an outline that spells a masked word is left out; the plan is the same', () => {
  const parts: PlanParts = { ...simple, stack: { name: 'whose-outline-is-masked' } };
  const whole = planDigest(parts);
  assert.match(whole, /^[0-9a-f]{64}\../);
  // The outline holds no secret in clear; in its own letters, any word may stand there.
  new Secret(whole.slice(90, 130));
  const short = planDigest(parts);
  assert.match(short, /^[0-9a-f]{64}$/);
  assert.ok(DIGEST_FORM.test(short) && samePlan(whole, short));
});

test('what a values file says beside its secrets is part of the plan', async () => {
  const digestOf = async (told: Graph['told']): Promise<string> => {
    const graph = { told, chartDigests: async () => ({}) } as unknown as Graph;
    return planDigest(await planOf({ name: 'shop' } as Stack, graph, { outcomes: [] } as unknown as Walked, new AbortController().signal));
  };
  const viewer = await digestOf({ LogStore: [{ Password: '***', Role: 'viewer' }] });
  assert.ok(!samePlan(viewer, await digestOf({ LogStore: [{ Password: '***', Role: 'owner' }] })));
  assert.ok(samePlan(viewer, await digestOf({ LogStore: [{ Password: '***', Role: 'viewer' }] })));
});
