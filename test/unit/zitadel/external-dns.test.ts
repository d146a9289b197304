/** External-dns: what it is given and told, and that it may write nothing but the domain's record. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { Graph } from '../../../src/graph.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import { lookAtGuarded, refusedIn } from '../../../src/run/plan.ts';
import { Secret } from '../../../src/secret.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { externalDnsResources, externalDnsValues, recordAnnotations } from '../../../src/zitadel/external-dns.ts';
import { byId, cloudNeeds, contextOf, fakeCluster, given } from '../kube/fakes.ts';

const journal = { begin: () => undefined, say: () => undefined, end: () => undefined };
const user = { username: 'dns-user', password: new Secret('p: "#w0rd'), domainName: 'OTC00000000001000000001' };
const externalDns = 'dns: { records: external-dns }\n';

async function deploy(more: string, withUser = true) {
  const cluster = fakeCluster();
  const plain = contextOf(cluster, {}, more);
  const context = withUser ? { ...plain, externalDns: user } : plain;
  const resources = externalDnsResources(context, cloudNeeds(), {
    home: given('kube/namespace-zitadel', null),
    release: given('zitadel/release', null),
    gateway: [],
  });
  // The fake installs nothing: what stands after helm has run is the other tests' subject.
  cluster.onUpgrade = () => {
    throw new Error('upgraded');
  };
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) =>
    set.call(cluster.objects, path, path === '/api/v1/namespaces/external-dns' ? { ...object, status: { phase: 'Active' } } : object);
  const { outcomes } = await walk(resources.all, { write: true, signal: new AbortController().signal, journal });
  return { cluster, outcomes, resources };
}

test('it signs in by clouds.yaml alone, made from an object', async () => {
  const { cluster } = await deploy(externalDns);
  const secret = cluster.objects.get('/api/v1/namespaces/external-dns/secrets/zitadel-external-dns-clouds') as unknown as {
    data: Record<string, string>;
  };
  assert.deepEqual(parse(Buffer.from(secret.data['clouds.yaml'] ?? '', 'base64').toString('utf8')), {
    clouds: {
      openstack: {
        auth: {
          auth_url: 'https://iam.eu-de.otc.t-systems.com/v3',
          username: 'dns-user',
          password: 'p: "#w0rd',
          user_domain_name: 'OTC00000000001000000001',
          project_name: 'eu-de',
        },
        region_name: 'eu-de',
        interface: 'public',
        auth_type: 'password',
      },
    },
  });
  assert.ok(!JSON.stringify(cluster.upgrades).includes('w0rd'), 'in no Helm value');
});

test('without a user it says which inputs to give', async () => {
  const { outcomes } = await deploy(externalDns, false);
  const { fault } = outcomes.find(({ id }) => id === 'dns/external-dns-credentials') ?? {};
  assert.match(fault?.hint ?? '', /external-dns-username, external-dns-password and external-dns-domain-name/);
});

test('a run that has what a deploy is given says before the first write that the user is missing, where the Secret would have to be written', async () => {
  const cluster = fakeCluster();
  const needs = { home: given('kube/namespace-zitadel', null), release: given('zitadel/release', null), gateway: [] };
  const plan = async (more: object, options = {}): Promise<{ outcome: Outcome | undefined; outcomes: readonly Outcome[] }> => {
    const { all } = externalDnsResources({ ...contextOf(cluster, {}, externalDns), ...more }, cloudNeeds(), needs);
    const read = { write: false, signal: new AbortController().signal, journal };
    const { outcomes } = await walk(all, { ...read, ...options });
    const guarded = await lookAtGuarded({ roots: all } as unknown as Graph, read);
    return { outcome: outcomes.find(({ id }) => id === 'dns/external-dns-credentials'), outcomes: guarded };
  };
  const ungiven = { ungiven: { externalDns: 'external-dns needs an IAM user, or set dns.records to direct.' } };
  const missing = await plan(ungiven);
  assert.match(missing.outcome?.fault?.message ?? '', /must be written, but its content is not known\. external-dns needs an IAM user/);
  assert.match(refusedIn(missing.outcomes)?.message ?? '', /dns\.records/, 'a deploy stops before its first write');
  assert.equal((await plan({})).outcome?.verdict, 'create', 'a job that only reads');
  assert.equal((await plan({ externalDns: user })).outcome?.verdict, 'create');
  const metadata = { name: 'zitadel-external-dns-clouds', namespace: 'external-dns', labels: ourLabels({ name: 'zitadel-prod' }) };
  const path = '/api/v1/namespaces/external-dns/secrets/zitadel-external-dns-clouds';
  cluster.objects.set('/api/v1/namespaces/external-dns', {
    metadata: { name: 'external-dns' },
    status: { phase: 'Active' },
  } as unknown as KubeObject);
  cluster.objects.set(path, { metadata, data: { 'clouds.yaml': 'eA==' } } as unknown as KubeObject);
  const there = await plan(ungiven);
  assert.deepEqual([there.outcome?.verdict, refusedIn(there.outcomes)], ['unchanged', undefined]);
  cluster.objects.set(path, { metadata, data: { 'clouds.yaml': 'eA==', extra: 'eA==' } } as unknown as KubeObject);
  assert.equal((await plan(ungiven)).outcome?.fault?.forbids, true);
});

test('it may write A records of the domain, in its zone, and deletes nothing', () => {
  const { stack } = contextOf(fakeCluster(), {}, externalDns);
  const values = externalDnsValues(stack, { owner: 'zitadel-prod-dns-1a2b3c', txtPrefix: 'extdns-%{record_type}.' });
  assert.partialDeepStrictEqual(values, {
    policy: 'upsert-only',
    registry: 'txt',
    txtOwnerId: 'zitadel-prod-dns-1a2b3c',
    txtPrefix: 'extdns-%{record_type}.',
    namespaced: true,
    sourceNamespace: 'zitadel',
    sources: ['ingress'],
    managedRecordTypes: ['A'],
    domainFilters: ['login.example.com'],
    provider: { name: 'webhook', webhook: { args: ['--domain-filter=example.com'] } },
  });
});

test('with Envoy Gateway it reads routes, and Gateways in ZITADEL’s namespace alone', () => {
  const { stack } = contextOf(fakeCluster(), {}, `${externalDns}ingress: { controller: envoy-gateway }\n`);
  const values = externalDnsValues(stack, { owner: 'o', txtPrefix: 'extdns-%{record_type}.' });
  assert.deepEqual([values['sources'], values['extraArgs']], [['gateway-httproute'], ['--gateway-namespace=zitadel']]);
  assert.equal('gatewayNamespace' in values, false, 'the chart would leave out the right to list namespaces');
});

test('Ingresses name the public address and the time to live', () => {
  const { stack } = contextOf(fakeCluster(), {}, 'dns: { ttl: 60 }\n');
  assert.deepEqual(recordAnnotations(stack, '203.0.113.9'), {
    'external-dns.alpha.kubernetes.io/target': '203.0.113.9',
    'external-dns.alpha.kubernetes.io/ttl': '60',
  });
});

test('with another choice nothing of it is wanted, and destroy takes the controller before the record', async () => {
  const { outcomes, resources } = await deploy('');
  assert.deepEqual(
    outcomes.filter(({ id }) => id.startsWith('dns/external-dns')).map(({ verdict }) => verdict),
    ['absent', 'absent'],
  );
  const controller = byId(resources.all, 'dns/external-dns');
  assert.equal(await controller.leavesBehind?.(null, { signal: new AbortController().signal, say: () => undefined }), true);
});
