/**
 * Owns the proof of what a run that only looks says where the way to the API server is not as it should be: what somebody
 * changed in the cloud is a difference that a deploy mends, and no failure; that nobody answers for no such reason is one.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { cloudResources } from '../../../src/cloud/index.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, OTC_SERVERS, served, settled, verdict } from './cloud-world.ts';
import { contextFor, journal, pause, secrets, stack } from './stack.ts';

const { emulator } = cloudWorld();
const seed = new Secret(randomBytes(32).toString('base64url'));

type Rule = { readonly id: string; readonly direction: string; readonly port_range_min: number | null; readonly remote_ip_prefix: string | null };

const bastions = { cluster: { ...stack.cluster, access: 'bastion' as const } };

/** Walks with the bastion's key. @param refusal what knocking at the API server comes to, by default that it answers */
async function go(
  write: boolean,
  changed: Partial<Stack> = bastions,
  refusal?: Fault,
): Promise<{ outcomes: readonly Outcome[]; entrances: string[] }> {
  const entrances: string[] = [];
  const context = {
    ...contextFor(await emulator().connect(), changed),
    secrets: { ...secrets, bastionKeySeed: seed },
    looksOnly: !write,
    reach: async ({ bastion }: { readonly bastion?: { readonly entrance: string } | undefined }) => {
      entrances.push(bastion?.entrance ?? '');
      if (refusal !== undefined) throw refusal;
    },
  };
  const cloud = cloudResources(context, { delegation: served(OTC_SERVERS) });
  const { outcomes } = await walk(cloud.all, { write, findings: !write, signal: new AbortController().signal, journal: journal(), pause });
  return { outcomes, entrances };
}

const broken = (outcomes: readonly Outcome[]): string[] =>
  outcomes.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked').map(({ id }) => id);
const silence = new Fault('no answer', { code: 'ETIMEDOUT' });

test('a stopped bastion: a difference, and the cluster is not looked at; a deploy starts it', async () => {
  settled((await go(true)).outcomes);
  const servers = emulator().store.table<{ id: string; name: string; status: string }>('ecs.servers');
  const [bastion] = servers.where(({ name }) => name.startsWith('shop-bastion-'));
  assert.ok(bastion);
  servers.update(bastion.id, { status: 'SHUTOFF' });
  const { outcomes, entrances } = await go(false);
  assert.deepEqual([broken(outcomes), entrances], [[], []], 'nobody knocks');
  assert.match(verdict(outcomes, 'bastion/server'), /\| update \| status/);
  assert.match(verdict(outcomes, 'cluster/kubeconfig'), /\| unknown/);
  assert.match(
    outcomes.find(({ id }) => id === 'cluster/kubeconfig')?.note ?? '',
    /the bastion that leads to the cluster is SHUTOFF; a deploy starts it/,
  );
  settled((await go(true)).outcomes);
  assert.equal(servers.get(bastion.id)?.status, 'ACTIVE');
});

test('a bastion that a deploy would replace leads a plan into the cluster all the same; one way in that is to be another is named', async () => {
  settled((await go(true)).outcomes);
  const { bastion } = stack.cluster;
  const other = await go(false, { cluster: { ...bastions.cluster, bastion: { ...bastion, flavor: 's3.large.2' } } });
  assert.match(verdict(other.outcomes, 'bastion/server'), /\| replace \| flavor/);
  assert.equal(verdict(other.outcomes, 'cluster/kubeconfig'), 'cluster/kubeconfig | unchanged');
  assert.equal(other.entrances.length, 1, 'it knocks');
  const { outcomes } = await go(false, { cluster: { ...stack.cluster, access: 'eip' } });
  assert.match(
    outcomes.find(({ id }) => id === 'cluster/kubeconfig')?.note ?? '',
    /cluster\.access is eip, and the API server has no public address yet/,
  );
});

for (const [access, id, port] of [
  ['bastion', 'bastion/security-group', 22],
  ['eip', 'cluster/api-access', 5443],
] as const) {
  test(`access ${access}: the rule that lets in taken away is a difference, and what is behind it not looked at`, async () => {
    const changed = { cluster: { ...stack.cluster, access } };
    settled((await go(true, changed)).outcomes);
    const rules = emulator().store.table<Rule>('vpc.security-group-rules');
    const [entrance] = rules.where(
      (rule) => rule.direction === 'ingress' && rule.port_range_min === port && rule.remote_ip_prefix === '198.51.100.0/24',
    );
    assert.ok(entrance);
    rules.remove(entrance.id);
    const { outcomes, entrances } = await go(false, changed, silence);
    assert.deepEqual(broken(outcomes), []);
    assert.match(verdict(outcomes, id), new RegExp(`update \\| rule ingress tcp ${port} from 198\\.51\\.100\\.0/24`));
    const note = outcomes.find((one) => one.id === 'cluster/kubeconfig')?.note ?? '';
    assert.match(note, new RegExp(`no answer\\. .*not in place \\(rule ingress tcp ${port} from 198\\.51\\.100\\.0/24\\)`));
    assert.deepEqual(broken((await go(false, changed)).outcomes), [], 'who is let in for all that looks');
    const refused = new Fault('Unauthorized', { status: 401 });
    assert.ok(broken((await go(false, changed, refused)).outcomes).includes('cluster/kubeconfig'), 'an answer is no silence');
    const healed = await go(true, changed);
    settled(healed.outcomes);
    if (access === 'bastion') assert.notEqual(healed.entrances[0], entrances[0], 'the tunnel that was refused is not waited for');
    assert.ok(broken((await go(false, changed, silence)).outcomes).includes('cluster/kubeconfig'), 'silence without a reason fails');
  });
}

for (const access of ['private', 'bastion'] as const) {
  test(`access eip becomes ${access}: address and rules of the old way in leave only when the new one has proved itself`, async () => {
    const there = (): unknown[] => {
      const ours = emulator()
        .store.table<{ id: string; alias: string; status: string }>('vpc.publicips')
        .where(({ alias }) => alias.startsWith('shop-api-'));
      const [cluster] = emulator()
        .store.table<{ id: string; publicip_id?: string }>('cce.clusters')
        .where(() => true);
      return [ours.map(({ status }) => status !== 'DOWN'), cluster?.publicip_id !== undefined];
    };
    const admitted = (): unknown[] =>
      emulator()
        .store.table<Rule>('vpc.security-group-rules')
        .where((rule) => rule.direction === 'ingress' && rule.port_range_min === 5443 && rule.remote_ip_prefix?.startsWith('198.51.100.') === true)
        .map(({ remote_ip_prefix }) => remote_ip_prefix)
        .sort();
    const [office, home] = ['198.51.100.0/24', '198.51.100.7/32'];
    settled((await go(true, { cluster: { ...stack.cluster, access: 'eip', allow: [office, home] } })).outcomes);
    assert.deepEqual(admitted(), [office, home]);
    // The allow-list is changed with it, so that there is something to go with access private as well.
    const changed = { cluster: { ...stack.cluster, access, allow: [office] } };
    const planned = (await go(false, changed, silence)).outcomes.find(({ id }) => id === 'cluster/former-access');
    const going = access === 'bastion' ? `${office}, ${home}` : home;
    assert.deepEqual([planned?.verdict, planned?.facts['allowed from']?.split(', ').sort().join(', ')], ['delete', going]);
    const { outcomes } = await go(true, changed, silence);
    assert.match(verdict(outcomes, 'cluster/kubeconfig'), /\| failed/);
    assert.match(verdict(outcomes, 'cluster/former-access'), /\| blocked/);
    assert.deepEqual(admitted(), [office, home], 'the old way in still lets in');
    assert.match(verdict(outcomes, 'cluster/cluster'), /\| unchanged/);
    assert.match(verdict(outcomes, 'cluster/eip'), /\| blocked/);
    assert.deepEqual(there(), [[true], true]);
    const proven = (await go(true, changed)).outcomes;
    assert.match(verdict(proven, 'cluster/eip'), /\| delete/);
    assert.deepEqual(broken(proven), []);
    assert.deepEqual(there(), [[], false]);
    assert.deepEqual(admitted(), access === 'bastion' ? [] : [office]);
    inSync((await go(false, changed)).outcomes);
    assert.deepEqual(emulator().defects, []);
  });
}

test('a plan of access private promises nobody outside that a rule lets them in', async () => {
  settled((await go(true)).outcomes);
  const { outcomes } = await go(false, { cluster: { ...stack.cluster, access: 'private' } }, silence);
  const note = outcomes.find(({ id }) => id === 'cluster/kubeconfig')?.note ?? '';
  assert.match(note, /no answer\. This run must be in the VPC or in a network joined to it; only there does a deploy help.*rule ingress tcp 5443/);
});
