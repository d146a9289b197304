import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../../../src/engine/fault.ts';
import type { Change } from '../../../src/engine/resource.ts';
import { outcomeOf } from '../../../src/engine/visiting.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { KubeContext } from '../../../src/kube/context.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import { CHANGED, secretObject } from '../../../src/kube/secret.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { contextOf, type FakeCluster, fakeCluster, given, kubeconfig, quiet } from './fakes.ts';

const path = '/api/v1/namespaces/zitadel/secrets/s';
type Ahead = NonNullable<Parameters<typeof secretObject>[1]['ahead']>;
function make(context: KubeContext, content: Record<string, string> | undefined, createOnly?: string, ahead?: Ahead, prove?: () => Promise<void>) {
  return secretObject<{ kubeconfig: ReturnType<typeof given<typeof kubeconfig>> }>(context, {
    id: 'zitadel/s',
    needs: { kubeconfig: given('k', kubeconfig) },
    wanted: true,
    namespace: 'zitadel',
    name: 's',
    keys: Object.keys(content ?? { a: '' }),
    content: () => (content === undefined ? undefined : () => content),
    inputs: 'stack-secret',
    ...(createOnly === undefined ? {} : { createOnly }),
    ...(ahead === undefined ? {} : { ahead }),
    ...(prove === undefined ? {} : { prove }),
  });
}
const stored = (cluster: FakeCluster): Record<string, unknown> => cluster.objects.get(path) as unknown as Record<string, unknown>;

test('applied once, in sync afterwards; content is data in base64, never in what is seen', async () => {
  const cluster = fakeCluster();
  const secret = make(contextOf(cluster), { 'config-yaml': 'password: Top-Secret-1' });
  assert.equal(await secret.observe({ kubeconfig }, quiet), undefined);
  const spec = secret.want({ kubeconfig });
  const seen = await secret.apply(spec, undefined, [], quiet);
  assert.deepEqual(stored(cluster)['data'], { 'config-yaml': Buffer.from('password: Top-Secret-1').toString('base64') });
  assert.deepEqual(secret.diff(spec, seen), []);
  assert.doesNotMatch(JSON.stringify({ ...seen, cluster: undefined }), /Top-Secret|cGFzc3dvcmQ/);
  const again = await secret.observe({ kubeconfig }, quiet);
  assert.ok(again !== undefined);
  assert.deepEqual(secret.diff(spec, again), []);
});

test('a change of content is named by key alone and gives a new stamp', async () => {
  const cluster = fakeCluster();
  const context = contextOf(cluster);
  const before = await make(context, { a: 'one-value', b: 'same' }).apply(
    make(context, { a: 'one-value', b: 'same' }).want({ kubeconfig }),
    undefined,
    [],
    quiet,
  );
  const secret = make(context, { a: 'two-value', b: 'same' });
  const spec = secret.want({ kubeconfig });
  assert.deepEqual(secret.diff(spec, before), [{ field: 'data.a', why: 'the content differs', secret: true }]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const after = await secret.apply(spec, before, [], quiet);
  assert.notEqual(after.changed, before.changed);
  assert.equal((stored(cluster)['metadata'] as { annotations: Record<string, string> }).annotations[CHANGED], after.changed);
});

test('content is proved before it is written, and where a plan would write it; what is there already is not', async () => {
  const cluster = fakeCluster();
  const asked: string[] = [];
  const proving = (content: string, refuses = false) => {
    const prove = async (): Promise<void> => {
      asked.push(content);
      if (refuses) throw new Error('refused by the service');
    };
    return make(contextOf(cluster), { a: content }, undefined, undefined, prove);
  };
  const walked = async (secret: ReturnType<typeof make>, write: boolean) =>
    (
      await walk([secret], { write, signal: quiet.signal, journal: { begin: () => undefined, say: () => undefined, end: () => undefined } })
    ).outcomes.at(-1);
  await walked(proving('one-value'), true);
  const before = stored(cluster);
  assert.equal((await walked(proving('one-value', true), true))?.verdict, 'unchanged');
  for (const write of [false, true]) {
    const outcome = await walked(proving('two-value', true), write);
    assert.deepEqual([outcome?.verdict, outcome?.fault?.message], ['failed', 'refused by the service']);
  }
  assert.equal(stored(cluster), before);
  assert.deepEqual(asked, ['one-value', 'two-value', 'two-value']);
});

test('without the secret it is not compared, and cannot be made', async () => {
  const cluster = fakeCluster();
  const seen = await make(contextOf(cluster), { a: 'one-value' }).apply(
    make(contextOf(cluster), { a: 'one-value' }).want({ kubeconfig }),
    undefined,
    [],
    quiet,
  );
  const unknown = make(contextOf(cluster), undefined);
  assert.deepEqual(unknown.diff(unknown.want({ kubeconfig }), seen), []);
  await assert.rejects(
    unknown.apply(unknown.want({ kubeconfig }), undefined, [], quiet),
    (error: Error & { hint?: string }) => error.hint === 'Give stack-secret.',
  );
});

test('a create-only Secret is immutable, and a differing one is an error that changes nothing', async () => {
  const cluster = fakeCluster();
  const context = contextOf(cluster);
  const first = make(context, { masterkey: 'k'.repeat(32) }, 'the wrong key');
  const seen = await first.apply(first.want({ kubeconfig }), undefined, [], quiet);
  assert.equal(stored(cluster)['immutable'], true);
  assert.deepEqual(first.diff(first.want({ kubeconfig }), seen), []);
  const other = make(context, { masterkey: 'x'.repeat(32) }, 'the wrong key');
  assert.throws(() => other.diff(other.want({ kubeconfig }), seen), /holds another masterkey than this run: the wrong key/);
  // Made by a faster run between looking and creating: refused as well, unless it is the same.
  await assert.rejects(other.apply(other.want({ kubeconfig }), undefined, [], quiet), /holds another masterkey/);
  await first.apply(first.want({ kubeconfig }), undefined, [], quiet);
  assert.deepEqual((stored(cluster)['data'] as { masterkey: string }).masterkey, Buffer.from('k'.repeat(32)).toString('base64'));
});

test("destroy takes ours, and leaves somebody else's", async () => {
  const cluster = fakeCluster();
  const secret = make(contextOf(cluster), { a: 'one-value' });
  const seen = await secret.apply(secret.want({ kubeconfig }), undefined, [], quiet);
  const foreign = { ...seen, keptFor: 'belongs to stack other' };
  assert.equal(secret.keep?.(foreign), 'belongs to stack other');
  await secret.destroy(foreign, quiet);
  assert.equal(cluster.objects.has(path), true);
  await secret.destroy(seen, quiet);
  assert.equal(cluster.objects.has(path), false);
});

test('another writer is the one difference of an edited Secret, with and without the content, until we write it again', async () => {
  const cluster = fakeCluster();
  const secret = make(contextOf(cluster), { a: 'one-value' });
  await secret.apply(secret.want({ kubeconfig }), undefined, [], quiet);
  const live = cluster.objects.get(path);
  assert.ok(live);
  const managed = (manager: string, fields: string, time: string): object => ({
    manager,
    time: `2026-11-26T10:${time}Z`,
    fieldsV1: { [fields]: {} },
  });
  const found = async (ours: string, content: Record<string, string> | undefined): Promise<Change[]> => {
    const owners = [
      managed('kubectl-edit', 'f:data', '10:00'),
      managed('labeller', 'f:metadata', '30:00'),
      managed('zitadel-on-otc', 'f:data', ours),
    ];
    cluster.objects.set(path, { ...live, metadata: { ...live.metadata, managedFields: owners } } as typeof live);
    const looking = make(contextOf(cluster), content);
    const seen = await looking.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    return looking.diff(looking.want({ kubeconfig }), seen);
  };
  const why = 'written by kubectl-edit, not by this action';
  assert.deepEqual(await found('09:00', undefined), [{ field: 'data', why }]);
  assert.deepEqual(await found('09:00', { a: 'one-value' }), [{ field: 'data', why }]);
  assert.deepEqual(await found('09:00', { a: 'two-value' }), [{ field: 'data', why: `${why}; other content in a` }]);
  const digestOf = async (content: Record<string, string> | undefined, ours = '09:00'): Promise<string> => {
    const changes = await found(ours, content);
    const outcome = outcomeOf(secret, changes.length === 0 ? 'unchanged' : 'update', 0, undefined, { changes });
    return planDigest({ version: '1', stack: {}, charts: {}, outcomes: [outcome] });
  };
  const digests = [await digestOf(undefined), await digestOf({ a: 'one-value' }), await digestOf({ a: 'two-value' })];
  assert.equal(new Set(digests).size, 1, 'one plan, whatever secrets the job has');
  // Of a key that was taken out nobody is the owner.
  const { data: _, ...emptied } = live;
  cluster.objects.set(path, emptied as typeof live);
  for (const content of [undefined, { a: 'one-value' }]) {
    const looking = make(contextOf(cluster), content);
    const seen = await looking.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    assert.deepEqual(looking.diff(looking.want({ kubeconfig }), seen), [{ field: 'data.a', why: 'the key is missing' }]);
  }
  // He owns a field beside us for ever; what counts is who wrote last.
  assert.deepEqual([await found('11:00', undefined), await found('11:00', { a: 'one-value' })], [[], []]);
  assert.notEqual(await digestOf(undefined, '11:00'), digests[0], 'not the plan of a Secret that nobody touched');
});

test('a key that was added, under whatever name, is a difference with and without the content, and is taken away', async () => {
  const cluster = fakeCluster();
  const secret = make(contextOf(cluster), { a: 'one-value' });
  await secret.apply(secret.want({ kubeconfig }), undefined, [], quiet);
  const live = cluster.objects.get(path) as KubeObject & { data: Record<string, string> };
  const managedFields = [{ manager: 'zitadel-on-otc', time: '2026-11-26T10:00:00Z', fieldsV1: { 'f:data': { 'f:extra': {} } } }];
  const data = { ...live.data, extra: Buffer.from('slipped-in').toString('base64') };
  cluster.objects.set(path, { ...live, data, metadata: { ...live.metadata, managedFields } } as typeof live);
  const change = { field: 'data.extra', before: 'present', why: 'added by others' };
  for (const content of [undefined, { a: 'one-value' }]) {
    const looking = make(contextOf(cluster), content);
    const seen = await looking.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    assert.deepEqual(looking.diff(looking.want({ kubeconfig }), seen), [change]);
  }
  const seen = await secret.observe({ kubeconfig }, quiet);
  const said: string[] = [];
  const after = await secret.apply(secret.want({ kubeconfig }), seen, [change], { ...quiet, say: (line) => void said.push(line) });
  assert.deepEqual([secret.diff(secret.want({ kubeconfig }), after), Object.keys(stored(cluster)['data'] as object)], [[], ['a']]);
  assert.deepEqual(cluster.writes.slice(-2), [`PUT ${path}`, `apply ${path}`], 'an apply alone leaves it');
  assert.doesNotMatch(said.join(), /slipped|c2xpcHBlZ/);
});

test("somebody else's Secret of our name is refused, whatever it holds; by consent it is taken over", async () => {
  const cluster = fakeCluster();
  const data = { a: Buffer.from('one-value').toString('base64') };
  const foreign = { metadata: { name: 's', namespace: 'zitadel', resourceVersion: '7' }, data } as unknown as KubeObject;
  cluster.objects.set(path, foreign);
  for (const content of [{ a: 'one-value' }, { a: 'two-value' }, undefined]) {
    const secret = make(contextOf(cluster), content);
    const seen = await secret.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    assert.throws(
      () => secret.diff(secret.want({ kubeconfig }), seen),
      (error: Fault) =>
        /Secret zitadel\/s is in the cluster already/.test(error.message) && /Remove it, or .*adopt: \{ releases: true \}/.test(error.hint ?? ''),
    );
  }
  const context = contextOf(cluster, {}, 'adopt: { releases: true }\n');
  const secret = make(context, { a: 'two-value' });
  const seen = await secret.observe({ kubeconfig }, quiet);
  assert.ok(seen);
  const changes = secret.diff(secret.want({ kubeconfig }), seen);
  assert.deepEqual(
    changes.map(({ field }) => field),
    ['owner', 'data.a'],
  );
  const after = await secret.apply(secret.want({ kubeconfig }), seen, changes, quiet);
  assert.deepEqual([after.ours, secret.diff(secret.want({ kubeconfig }), after)], [true, []]);
});

test("another stack's Secret is refused even where taking over is consented to, and where its content is the same", async () => {
  const cluster = fakeCluster();
  const data = { a: Buffer.from('one-value').toString('base64') };
  cluster.objects.set(path, { metadata: { name: 's', namespace: 'zitadel', labels: ourLabels({ name: 'other' }) }, data } as unknown as KubeObject);
  const secret = make(contextOf(cluster, {}, 'adopt: { releases: true }\n'), { a: 'one-value' });
  const seen = await secret.observe({ kubeconfig }, quiet);
  assert.ok(seen);
  assert.throws(() => secret.diff(secret.want({ kubeconfig }), seen), /Secret zitadel\/s .* belongs to stack other/);
  assert.equal(secret.keep?.(seen), 'belongs to stack other');
});

test('a create-only Secret of somebody else keeps its content when it is taken over', async () => {
  const cluster = fakeCluster();
  const data = { masterkey: Buffer.from('k'.repeat(32)).toString('base64') };
  cluster.objects.set(path, { metadata: { name: 's', namespace: 'zitadel' }, data } as unknown as KubeObject);
  const context = contextOf(cluster, {}, 'adopt: { releases: true }\n');
  const secret = make(context, { masterkey: 'k'.repeat(32) }, 'the wrong key');
  const seen = await secret.observe({ kubeconfig }, quiet);
  const after = await secret.apply(secret.want({ kubeconfig }), seen, [], quiet);
  assert.deepEqual([after.ours, stored(cluster)['data']], [true, data]);
  const other = make(context, { masterkey: 'x'.repeat(32) }, 'the wrong key');
  assert.throws(() => seen && other.diff(other.want({ kubeconfig }), seen), /holds another masterkey/);
});

test('what must be so elsewhere is made so first, and again where a run died behind it', async () => {
  const cluster = fakeCluster();
  const done: string[] = [];
  let fails = false;
  const ahead = (unseen: boolean): Ahead => ({
    parts: ({ a = '' }) => ({ 'the password': a.split(' ')[0] ?? '' }),
    carryOut: async () => {
      done.push(`before ${cluster.writes.length} writes`);
      if (fails) throw new Error('killed');
    },
    unseen: () => unseen,
  });
  const first = make(contextOf(cluster), { a: 'one-value x' }, undefined, ahead(false));
  let seen = await first.apply(first.want({ kubeconfig }), undefined, [], quiet);
  assert.deepEqual(done, []);
  const beside = make(contextOf(cluster), { a: 'one-value y' }, undefined, ahead(true));
  seen = await beside.apply(beside.want({ kubeconfig }), seen, [], quiet);
  assert.deepEqual(done, [], 'another part of the content needs nothing elsewhere');
  const rotated = make(contextOf(cluster), { a: 'two-value y' }, undefined, ahead(false));
  assert.deepEqual(
    rotated.diff(rotated.want({ kubeconfig }), seen).map(({ field, secret }) => [field, secret]),
    [
      ['the password', true],
      ['data.a', true],
    ],
  );
  fails = true;
  await assert.rejects(rotated.apply(rotated.want({ kubeconfig }), seen, [], quiet), /killed/);
  fails = false;
  const again = await rotated.observe({ kubeconfig }, quiet);
  await rotated.apply(rotated.want({ kubeconfig }), again, [], quiet);
  assert.deepEqual(done, ['before 2 writes', 'before 2 writes']);
  cluster.objects.delete(path);
  const blind = make(contextOf(cluster), { a: 'two-value y' }, undefined, ahead(true));
  await blind.apply(blind.want({ kubeconfig }), undefined, [], quiet);
  assert.equal(done.length, 3);
});
