import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { STACK_LABEL } from '../../../src/kube/context.ts';
import { DIGEST_LABEL } from '../../../src/kube/release-state.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { TUNNEL_CUT } from '../../../src/tools/helm.ts';
import { fakeCluster, kubeconfig, quiet } from './fakes.ts';
import { digest, make, type Stored, store } from './releases.ts';

test('not there, then installed with labels and complete values, then in sync', async () => {
  const cluster = fakeCluster();
  const { release, changes, deploy } = make(cluster);
  assert.equal(await release.observe({ kubeconfig }, quiet), undefined);
  cluster.onUpgrade = () => store(cluster);
  await deploy();
  assert.deepEqual(await changes(), []);
  assert.deepEqual(cluster.upgrades[0]?.labels, { [STACK_LABEL]: 'zitadel-prod', [DIGEST_LABEL]: digest.slice(0, 63) });
  assert.deepEqual(cluster.upgrades[0]?.values, { a: 1 });
  assert.equal(cluster.upgrades[0]?.forceConflicts, false);
});

test('status, chart, values, owner and pin are each a change', async () => {
  const fields = async (stored: Stored, pinned?: string): Promise<string[] | undefined> => {
    const cluster = fakeCluster();
    store(cluster, stored);
    return (await make(cluster, pinned, stored.labels !== undefined).changes())?.map(({ field }) => field);
  };
  assert.deepEqual(await fields({ status: 'failed' }), ['status']);
  assert.deepEqual(await fields({ version: '9.33.0' }), ['chart']);
  assert.deepEqual(await fields({ values: { a: 2 } }), ['values.a']);
  assert.deepEqual(await fields({}, 'cd'.repeat(32)), ['chart.digest']);
  assert.deepEqual(await fields({}, digest), []);
  assert.deepEqual(await fields({ labels: {} }), ['owner']);
});

test('what was settled when the release was first in place holds; a first install that failed settles nothing', async () => {
  const found = async (...stored: Stored[]): Promise<[string[], number]> => {
    const cluster = fakeCluster();
    for (const one of stored) store(cluster, { values: { a: 1, first: 'x' }, ...one });
    const { release, spec } = make(cluster);
    const seen = await release.observe({ kubeconfig }, quiet);
    assert.ok(seen !== undefined);
    return [release.diff(spec, seen).map(({ field }) => field), release.warnings?.(spec, seen).length ?? 0];
  };
  assert.deepEqual(await found({}), [[], 1]);
  assert.deepEqual(await found({ status: 'failed' }), [['status', 'values.first'], 0]);
  assert.deepEqual(await found({ status: 'superseded' }, { revision: 2, status: 'failed' }), [['status'], 1]);
});

test('other bytes under the installed version are refused before helm is run; a pin accepts them', async () => {
  const cluster = fakeCluster();
  store(cluster, { values: { a: 2 } });
  cluster.chart = { file: '/x.tgz', digest: 'cd'.repeat(32) };
  await assert.rejects(make(cluster).deploy(), /serves other bytes/);
  assert.deepEqual(cluster.writes, []);
  await make(cluster, 'cd'.repeat(32)).deploy();
  assert.deepEqual(cluster.writes, ['upgrade zitadel']);
});

test('pending-upgrade: back to the last good revision by number; pending-install: removed without hooks', async () => {
  const upgraded = fakeCluster();
  store(upgraded, { revision: 2, status: 'superseded' });
  store(upgraded, { revision: 3, status: 'deployed' });
  store(upgraded, { revision: 4, status: 'failed' });
  store(upgraded, { revision: 5, status: 'pending-upgrade' });
  await make(upgraded).deploy();
  assert.deepEqual(upgraded.writes, ['rollback zitadel 3', 'upgrade zitadel']);
  assert.equal(upgraded.upgrades[0]?.forceConflicts, true);
  const installed = fakeCluster();
  store(installed, { status: 'pending-install' });
  installed.onUpgrade = () => store(installed);
  await make(installed).deploy();
  assert.deepEqual(installed.writes, ['uninstall zitadel without hooks', 'upgrade zitadel']);
  assert.equal(installed.upgrades[0]?.forceConflicts, false);
});

test('a tunnel cut under helm: once more, from the state it left; a second cut is the failure', async () => {
  const cut = (): never => {
    throw new Fault('helm upgrade --install zitadel: EOF', { code: TUNNEL_CUT });
  };
  const cluster = fakeCluster();
  store(cluster, { revision: 1, values: { a: 2 } });
  cluster.onUpgrade = () => {
    if (cluster.upgrades.length > 1) return store(cluster, { revision: 4 });
    store(cluster, { revision: 2, status: 'pending-upgrade' });
    cut();
  };
  await make(cluster).deploy();
  assert.deepEqual(cluster.writes, ['upgrade zitadel', 'rollback zitadel 1', 'upgrade zitadel']);
  const first = fakeCluster();
  first.onUpgrade = () => {
    if (first.upgrades.length > 1) return store(first);
    store(first, { status: 'pending-install' });
    cut();
  };
  await make(first).deploy();
  assert.deepEqual(first.writes, ['upgrade zitadel', 'uninstall zitadel without hooks', 'upgrade zitadel']);
  const lost = fakeCluster();
  lost.onUpgrade = cut;
  await assert.rejects(make(lost).deploy(), /EOF/);
  assert.equal(lost.upgrades.length, 2);
});

test('a release that Helm 3 made stays client-side', async () => {
  const cluster = fakeCluster();
  store(cluster, { labels: {}, method: '' });
  await make(cluster, undefined, true).deploy();
  assert.equal(cluster.upgrades[0]?.forceConflicts, false);
});

test('a failed rollout says why, from jobs, pods, events and logs, and what to do', async () => {
  const cluster = fakeCluster();
  const put = (path: string, object: object): void => {
    cluster.objects.set(path, object as KubeObject);
  };
  cluster.onUpgrade = () => {
    const now = new Date().toISOString();
    put('/apis/batch/v1/namespaces/zitadel/jobs/zitadel-init', {
      metadata: { name: 'zitadel-init' },
      status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'too often' }] },
    });
    put('/api/v1/namespaces/zitadel/events/e', {
      metadata: { name: 'e' },
      type: 'Warning',
      reason: 'Failed',
      message: 'failed SASL auth: FATAL: password authentication failed for user "root"',
      lastTimestamp: now,
      involvedObject: { kind: 'Pod', name: 'zitadel-init-x' },
    });
    throw new Fault('helm upgrade --install zitadel: pre-install hooks failed');
  };
  await assert.rejects(make(cluster).deploy(), (error) => {
    assert.ok(error instanceof Fault);
    assert.match(
      error.message,
      /pre-install hooks failed\njob zitadel-init: Failed \(BackoffLimitExceeded\): too often\nevent Pod zitadel-init-x: Failed: failed SASL/,
    );
    assert.match(error.hint ?? '', /database refuses root's password.*Running again continues/);
    return true;
  });
});

test('a cancelled run stays cancelled', async () => {
  const cluster = fakeCluster();
  const control = new AbortController();
  cluster.onUpgrade = () => {
    control.abort();
    throw new Cancelled('stopped');
  };
  const { release, spec } = make(cluster);
  await assert.rejects(release.apply(spec, undefined, [], { signal: control.signal, say: () => undefined }), Cancelled);
});

test('before another chart version, and only then, what must come before it is done', async () => {
  const cluster = fakeCluster();
  const { deploy } = make(cluster);
  cluster.onUpgrade = () => store(cluster, { revision: 4 });
  await deploy();
  store(cluster, { revision: 4, values: { a: 2 } });
  await deploy();
  assert.deepEqual(
    cluster.writes.filter((line) => line.startsWith('before')),
    [],
  );
  store(cluster, { revision: 4, version: '9.33.0' });
  await deploy();
  assert.deepEqual(cluster.writes.slice(-2), ['before 9.33.0 becomes 9.34.0, revision 4', 'upgrade zitadel']);
});

test('a rollback by hand is named beside what it changed; one to what is wanted is no difference', async () => {
  const found = async (stored: Stored) => {
    const cluster = fakeCluster();
    store(cluster, { revision: 4, description: 'Rollback to 2', ...stored });
    return (await make(cluster).changes())?.map(({ field, before }) => `${field}: ${String(before)}`);
  };
  assert.deepEqual(await found({ values: { a: 2 } }), ['revision: 4, rolled back to 2', 'values.a: 2']);
  assert.deepEqual(await found({ version: '9.33.0' }), ['revision: 4, rolled back to 2', 'chart: 9.33.0']);
  assert.deepEqual(await found({}), []);
});

test('a release that hangs is one difference, with what it means', async () => {
  for (const [status, why] of [
    ['pending-upgrade', /was killed/],
    ['pending-install', /was killed/],
    ['pending-rollback', /was killed/],
    ['uninstalling', /was killed/],
    ['failed', /did not end well/],
  ] as const) {
    const cluster = fakeCluster();
    store(cluster, { status });
    const [change, ...others] = (await make(cluster).changes()) ?? [];
    assert.deepEqual([change?.field, change?.before, others], ['status', status, []]);
    assert.match(change?.why ?? '', why);
  }
});
