/** What ZITADEL keeps in the database and what leads there: its role's password, the login app's token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tag } from '../../../src/kube/context.ts';
import { Secret } from '../../../src/secret.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { type FakeCluster, fakeCluster } from '../kube/fakes.ts';
import { activate, deploy, secrets } from './deployment.ts';

const tokenPath = '/api/v1/namespaces/zitadel/secrets/login-client';

function jobsEnd(cluster: FakeCluster, type: 'Complete' | 'Failed'): void {
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) => {
    const status = { conditions: [{ type, status: 'True', message: 'Job has reached the specified backoff limit' }] };
    return set.call(cluster.objects, path, /\/jobs\//.test(path) && object['status'] === undefined ? { ...object, status } : object);
  };
}

const rotated = { ...secrets, databaseUserPassword: new Secret('User-Password-2') };
const jobWrites = (writes: readonly string[]): string[] => writes.map((write) => write.replace(/\/api(s)?\/.*\/(\w+)\/([\w-]+)$/, '$2 $3'));

test("another password of ZITADEL's own role is set in the database by a Job, then in the Secret, then the release rolls", async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Complete');
  cluster.writes.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 5));
  const outcomes = await deploy(cluster, { secrets: rotated });
  assert.deepEqual(
    outcomes.get('zitadel/config')?.changes.map(({ field }) => field),
    ["password of ZITADEL's database role", 'data.config-yaml'],
  );
  const take = ['delete job zitadel/zitadel-role-password', 'delete secret zitadel/zitadel-role-password'];
  const make = ['apply jobs zitadel-role-password', 'apply secrets zitadel-role-password'];
  assert.deepEqual(jobWrites(cluster.writes), [...take, ...make, ...take, 'apply secrets zitadel-config-ext', 'upgrade zitadel']);
  cluster.writes.length = 0;
  await deploy(cluster, { secrets: rotated });
  assert.deepEqual(cluster.writes, []);
});

test('where the database refuses the new password, the Secret keeps the former one and the next run tries again', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Failed');
  cluster.writes.length = 0;
  const failed = await deploy(cluster, { secrets: rotated });
  assert.match(failed.get('zitadel/config')?.fault?.message ?? '', /password of the database role zitadel could not be set: Job has reached/);
  assert.equal(failed.get('zitadel/release')?.verdict, 'blocked');
  assert.ok(!cluster.writes.some((write) => write.endsWith('zitadel-config-ext')));
  assert.ok(!cluster.objects.has('/api/v1/namespaces/zitadel/secrets/zitadel-role-password'), "root's password does not stay behind");
  jobsEnd(cluster, 'Complete');
  const again = await deploy(cluster, { secrets: rotated });
  assert.equal(again.get('zitadel/config')?.verdict, 'update');
});

test("the Job holds nothing secret, and the statement no password; somebody else's Job is left alone", async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Complete');
  const seen: string[] = [];
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) => {
    if (path.endsWith('/zitadel-role-password')) seen.push(JSON.stringify(object));
    return set.call(cluster.objects, path, object);
  };
  await deploy(cluster, { secrets: rotated });
  const [job = '', secret = ''] = seen;
  for (const password of [rotated.databaseUserPassword, rotated.databaseRootPassword]) assert.ok(!job.includes(password.open()));
  assert.match(job, /"PGSSLMODE","value":"verify-ca"/);
  assert.match(job, /"secretKeyRef":\{"name":"zitadel-role-password","key":"password"\}/);
  assert.ok(secret.includes('ALTER ROLE') && secret.includes('SCRAM-SHA-256$4096:') && !secret.includes(rotated.databaseUserPassword.open()));
  const foreign = { metadata: { name: 'zitadel-role-password', namespace: 'zitadel', labels: {} } } as KubeObject;
  cluster.objects.set('/apis/batch/v1/namespaces/zitadel/jobs/zitadel-role-password', foreign);
  const outcomes = await deploy(cluster);
  assert.match(outcomes.get('zitadel/config')?.fault?.message ?? '', /Job zitadel\/zitadel-role-password is in the cluster already/);
  assert.ok(cluster.objects.has('/apis/batch/v1/namespaces/zitadel/jobs/zitadel-role-password'));
});

test('the login app’s token is kept beside the database once setup has made it, and brought back in a new cluster', async () => {
  const token = 'the-token-of-the-login-app-which-is-made-once';
  const made = (cluster: FakeCluster): FakeCluster => {
    const data = { pat: Buffer.from(token).toString('base64') };
    cluster.objects.set(tokenPath, { metadata: { name: 'login-client', namespace: 'zitadel' }, data } as unknown as KubeObject);
    return cluster;
  };
  const tags: Tag[] = [];
  const first = made(activate(fakeCluster()));
  const outcomes = await deploy(first, { tags });
  assert.deepEqual([outcomes.get('zitadel/login-token')?.verdict, tags.length > 0], ['create', true]);
  assert.equal((await deploy(first, { tags })).get('zitadel/login-token')?.verdict, 'unchanged');
  assert.equal((await deploy(first, { tags, secrets: {}, write: false })).get('zitadel/login-token')?.verdict, 'unchanged');

  const other = activate(fakeCluster());
  jobsEnd(other, 'Complete');
  await deploy(other, { tags });
  const order = jobWrites(other.writes).filter((write) => /login-client|upgrade zitadel|jobs|config-ext/.test(write));
  assert.deepEqual(order, ['apply jobs zitadel-role-password', 'apply secrets zitadel-config-ext', 'apply secrets login-client', 'upgrade zitadel']);
  const there = other.objects.get(tokenPath) as unknown as { data: { pat: string } };
  assert.equal(Buffer.from(there.data.pat, 'base64').toString(), token);

  other.objects.delete(tokenPath);
  const plan = await deploy(other, { tags, secrets: {}, write: false });
  assert.deepEqual(
    plan.get('zitadel/login-token')?.changes.map(({ field, before }) => [field, before]),
    [['Secret zitadel/login-client', 'missing']],
  );
  const untagged = await deploy(first, { tags: [], write: false });
  const { verdict, title } = untagged.get('zitadel/login-token') ?? {};
  assert.deepEqual([verdict, title], ['create', "Copy of the login app's token, in tags of the database"], 'the Secret is there, its copy is gone');
  const healed = await deploy(other, { tags });
  assert.deepEqual([healed.get('zitadel/login-token')?.verdict, other.objects.has(tokenPath)], ['update', true]);
});

test('a login token that differs from the kept one is neither kept nor overwritten; a lost one is said with the way out', async () => {
  const tags: Tag[] = [];
  const cluster = activate(fakeCluster());
  const put = (pat: string): void => {
    const data = { pat: Buffer.from(pat).toString('base64') };
    cluster.objects.set(tokenPath, { metadata: { name: 'login-client', namespace: 'zitadel' }, data } as unknown as KubeObject);
  };
  put('the-token-of-the-login-app-which-is-made-once');
  await deploy(cluster, { tags });
  const before = [...tags];
  put('another-token-that-somebody-wrote-by-hand');
  const differs = await deploy(cluster, { tags });
  assert.match(differs.get('zitadel/login-token')?.fault?.hint ?? '', /delete the Secret and deploy.*take the tags zitadel-login-token-/);
  assert.deepEqual(tags, before);
  tags.length = 0;
  cluster.objects.delete(tokenPath);
  const lost = await deploy(cluster, { tags });
  assert.match(lost.get('zitadel/login-token')?.fault?.message ?? '', /login app's token is lost/);
});
