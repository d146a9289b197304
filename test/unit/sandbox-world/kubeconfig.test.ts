/** The kubeconfig of a world: a context for each cluster that is up, the newest one current. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Store } from '../../../sandbox/otc/store.ts';
import { watchKubeconfig } from '../../../sandbox/world/kubeconfig.ts';

interface Config {
  readonly 'current-context': string;
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string } }[];
  readonly users: readonly { readonly name: string; readonly user: Readonly<Record<string, string>> }[];
}

test('each cluster has its context, by its name', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'kubeconfig');
  const store = new Store(() => undefined);
  const faults: string[] = [];
  const clusters = { credentials: async (id: string) => ({ caPem: 'ca', certPem: `certificate of ${id}`, keyPem: 'key' }) };
  const stop = await watchKubeconfig({ store, clusters, restored: new Set(), log: (_room, line) => faults.push(line) }, file, 'http://way');
  context.after(stop);
  const table = store.table<{ id: string; name: string; phase: string; internal_address: string }>('cce.clusters');
  /** Server and certificate that a context leads to. */
  const read = async () => {
    const config = JSON.parse(await readFile(file, 'utf8')) as Config;
    const leads = config.contexts.map(({ name, context: { cluster, user } }) => {
      const server = config.clusters.find((one) => one.name === cluster)?.cluster.server;
      const certificate = config.users.find((one) => one.name === user)?.user['client-certificate-data'] ?? '';
      return [name, server, Buffer.from(certificate, 'base64').toString()];
    });
    return { current: config['current-context'], leads };
  };
  const until = async (count: number) => {
    for (let tries = 0; ; tries += 1) {
      const found = await read();
      if (found.leads.length === count || tries === 100) return found;
      await sleep(20);
    }
  };
  assert.deepEqual(await read(), { current: 'there-is-no-available-cluster-in-this-world', leads: [] });
  const first = ['ant', 'https://10.0.0.1:5443', 'certificate of 11111111-a'];
  table.insert({ id: '11111111-a', name: 'ant', phase: 'Available', internal_address: '10.0.0.1' });
  assert.deepEqual(await until(1), { current: 'ant', leads: [first] });
  table.insert({ id: '22222222-b', name: 'bee', phase: 'Creating', internal_address: '10.0.0.2' });
  table.update('22222222-b', { phase: 'Available' });
  const second = ['bee', 'https://10.0.0.2:5443', 'certificate of 22222222-b'];
  assert.deepEqual(await until(2), { current: 'bee', leads: [first, second] });
  // In another project.
  table.insert({ id: '33333333-c', name: 'ant', phase: 'Available', internal_address: '10.0.0.3' });
  const third = ['ant', 'https://10.0.0.3:5443', 'certificate of 33333333-c'];
  assert.deepEqual(await until(3), { current: 'ant', leads: [['ant-11111111', ...first.slice(1)], second, third] });
  table.remove('33333333-c');
  assert.deepEqual(await until(2), { current: 'bee', leads: [first, second] });
  assert.deepEqual(faults, []);
});
