import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { chartRelease } from '../../../src/kube/chart-release.ts';
import { STACK_LABEL } from '../../../src/kube/context.ts';
import { DIGEST_LABEL } from '../../../src/kube/release-state.ts';
import { rivalRelease } from '../../../src/kube/rivals.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { TUNNEL_CUT } from '../../../src/tools/helm.ts';
import { contextOf, type FakeCluster, fakeCluster, given, kubeconfig, quiet } from './fakes.ts';

const digest = 'ab'.repeat(32);
interface Stored {
  revision?: number;
  status?: string;
  version?: string;
  values?: object;
  labels?: Record<string, string>;
  method?: string;
  description?: string;
}

function store(
  cluster: FakeCluster,
  { revision = 1, status = 'deployed', version = '9.34.0', values = { a: 1 }, labels, method = 'ssa', description = 'Upgrade complete' }: Stored = {},
): void {
  const release = {
    name: 'zitadel',
    namespace: 'zitadel',
    version: revision,
    info: { status, description },
    config: values,
    manifest: '',
    hooks: [],
    apply_method: method,
    chart: { metadata: { name: 'zitadel', version, appVersion: 'v4.13.0' } },
  };
  const data = Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64');
  const name = `sh.helm.release.v1.zitadel.v${revision}`;
  const own = labels ?? { [STACK_LABEL]: 'zitadel-prod', [DIGEST_LABEL]: digest.slice(0, 63) };
  const metadata = { name, labels: { owner: 'helm', name: 'zitadel', status, version: String(revision), ...own } };
  cluster.objects.set(`/api/v1/namespaces/zitadel/secrets/${name}`, { metadata, data: { release: data } } as unknown as KubeObject);
}

function make(cluster: FakeCluster, pinned?: string, adopt = false) {
  const release = chartRelease<{ kubeconfig: ReturnType<typeof given<typeof kubeconfig>> }>(
    contextOf(cluster, {}, adopt ? 'adopt: { releases: true }\n' : ''),
    {
      id: 'zitadel/release',
      needs: { kubeconfig: given('k', kubeconfig) },
      wanted: true,
      namespace: 'zitadel',
      release: 'zitadel',
      source: { repository: 'https://charts.zitadel.com', name: 'zitadel', version: '9.34.0', digest: pinned },
      values: () => ({ a: 1 }),
      settled: {
        keep: (before, wanted) => ({ ...wanted, ...(before['first'] === undefined ? {} : { first: before['first'] }) }),
        warnings: ({ first }) => (first === undefined ? [] : [new Fault('the first one holds')]),
      },
      hookObjects: [{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'zitadel-setup', namespace: 'zitadel' } }],
      beforeVersion: async (_needs, { from, to, revision }) => void cluster.writes.push(`before ${from} becomes ${to}, revision ${revision}`),
      timeoutSeconds: 10,
    },
  );
  const spec = release.want({ kubeconfig });
  return {
    release,
    spec,
    changes: async () => {
      const seen = await release.observe({ kubeconfig }, quiet);
      return seen === undefined ? undefined : release.diff(spec, seen);
    },
    deploy: async () =>
      release.apply(
        spec,
        await release.observe({ kubeconfig }, quiet),
        (await release.observe({ kubeconfig }, quiet).then((seen) => seen && release.diff(spec, seen))) ?? [],
        quiet,
      ),
  };
}

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

test("values of somebody else's release are named, never shown", async () => {
  const cluster = fakeCluster();
  store(cluster, { labels: {}, values: { zitadel: { masterkey: 'x123456789012345678901234567891x' } } });
  const changes = await make(cluster, undefined, true).changes();
  assert.doesNotMatch(JSON.stringify(changes), /x1234/);
  assert.deepEqual(
    changes?.map(({ field }) => field),
    ['owner', 'values.a', 'values.zitadel'],
  );
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

test("somebody else's release is refused without consent, whatever its state, and survives destroy", async () => {
  for (const status of ['deployed', 'failed', 'pending-install']) {
    const cluster = fakeCluster();
    store(cluster, { labels: {}, status, values: { a: 2 } });
    const { deploy, release } = make(cluster);
    await assert.rejects(
      deploy(),
      (error) => error instanceof Fault && /not made by this action/.test(error.message) && /adopt: \{ releases: true \}/.test(error.hint ?? ''),
    );
    assert.deepEqual(cluster.writes, []);
    const seen = await release.observe({ kubeconfig }, quiet);
    assert.equal(seen && release.keep?.(seen), 'was not made by this action');
  }
  const consented = fakeCluster();
  store(consented, { labels: {}, values: { a: 2 } });
  await make(consented, undefined, true).deploy();
  assert.deepEqual(consented.writes, ['upgrade zitadel']);
});

test("another stack's release is refused even where taking over is consented to, survives destroy, and is no rival to be taken away", async () => {
  const cluster = fakeCluster();
  store(cluster, { labels: { [STACK_LABEL]: 'other' }, values: { a: 2 } });
  for (const adopt of [false, true]) {
    const { deploy, release } = make(cluster, undefined, adopt);
    await assert.rejects(
      deploy(),
      (error) => error instanceof Fault && /Helm release zitadel\/zitadel .* belongs to stack other/.test(error.message) && error.forbids === true,
    );
    const seen = await release.observe({ kubeconfig }, quiet);
    assert.equal(seen && release.keep?.(seen), 'belongs to stack other');
  }
  await rivalRelease({ namespace: 'zitadel', release: 'zitadel' }, { name: 'zitadel-prod' })(cluster, quiet);
  assert.deepEqual(cluster.writes, []);
  await rivalRelease({ namespace: 'zitadel', release: 'zitadel' }, { name: 'other' })(cluster, quiet);
  assert.deepEqual(cluster.writes, ['uninstall zitadel']);
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

test("somebody else's hook objects, which helm would delete, are refused before the first install; a former release's are not", async () => {
  const path = '/apis/batch/v1/namespaces/zitadel/jobs/zitadel-setup';
  const job = (labels: Record<string, string>): KubeObject => ({ metadata: { name: 'zitadel-setup', namespace: 'zitadel', labels } });
  const cluster = fakeCluster();
  cluster.onUpgrade = () => store(cluster);
  cluster.objects.set(path, job({ app: 'mine' }));
  await assert.rejects(make(cluster).deploy(), /Job zitadel\/zitadel-setup, which the chart would replace, is in the cluster already/);
  assert.deepEqual(cluster.writes, []);
  cluster.objects.set(path, job({ 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': 'zitadel' }));
  await make(cluster).deploy();
  assert.deepEqual(cluster.writes, ['upgrade zitadel']);
});
