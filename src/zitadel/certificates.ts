/**
 * Owns how ZITADEL's certificate comes about: cert-manager, the DNS01 solver for OTC with its credentials, two
 * ClusterIssuers, the Certificate. With `certificates.issuer: existing` none of it is wanted.
 */
import type { AnyResource, Resource } from '../engine/resource.ts';
import { type AppliedSeen, type AppliedSpec, applied, type NeedsCluster } from '../kube/applied.ts';
import { chartRelease } from '../kube/chart-release.ts';
import { after, type CloudNeeds, type Giving, type KubeContext, ourLabels } from '../kube/context.ts';
import { namespace } from '../kube/namespace.ts';
import type { Manifest } from '../kube/paths.ts';
import { type SecretSeen, secretObject } from '../kube/secret.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import { secretNames, tlsSecretName } from './identity.ts';
import { certificateState, readiness, untilIssued } from './issuance.ts';

const NAMESPACE = 'cert-manager';
/** The solver's release, as the blueprint calls it; its Deployment carries the chart's name behind (chart 0.1.4). */
const SOLVER = 'acme-dns';
const SOLVER_DEPLOYMENT = `${SOLVER}-cert-manager-webhook-opentelekomcloud`;

const ACME = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;
type Issuer = keyof typeof ACME;

export interface CertificateResources {
  readonly all: readonly AnyResource[];
  readonly certificate: Resource<NeedsCluster, AppliedSpec, AppliedSeen>;
}

/** @param home ZITADEL's namespace, where the certificate's Secret lives */
export function certificateResources(context: KubeContext, cloud: CloudNeeds, home: AnyResource): CertificateResources {
  const { stack } = context;
  const wanted = stack.certificates.issuer !== 'existing';
  const { kubeconfig } = cloud;
  const space = namespace(context, cloud, { name: NAMESPACE, wanted });
  const certManager = chartRelease<NeedsCluster>(context, {
    id: 'certificates/cert-manager',
    needs: { kubeconfig, space, ...after(cloud.workloads) },
    wanted,
    namespace: NAMESPACE,
    release: 'cert-manager',
    source: { repository: 'https://charts.jetstack.io', name: 'cert-manager', ...stack.certificates.certManager },
    values: () => certManagerValues,
    timeoutSeconds: 600,
    usualSeconds: 60,
  });
  const { acme } = context;
  const credentials = secretObject<NeedsCluster>(context, {
    id: 'certificates/solver-credentials',
    needs: { kubeconfig, space },
    wanted,
    namespace: NAMESPACE,
    name: secretNames.solver,
    keys: ['accessKey', 'secretKey'],
    content: () => (acme === undefined ? undefined : () => ({ accessKey: acme.accessKey.open(), secretKey: acme.secretKey.open() })),
    ungiven: context.ungiven?.acme,
    prove: () => cloud.prove('solver'),
    inputs: 'acme-access-key and acme-secret-key (a permanent access key with DNS rights; the solver takes no temporary ones)',
  });
  const solver = chartRelease<NeedsCluster & { credentials: Giving<SecretSeen> }>(context, {
    id: 'certificates/solver',
    needs: { kubeconfig, certManager, credentials },
    wanted,
    namespace: NAMESPACE,
    release: SOLVER,
    source: {
      repository: 'https://akyriako.github.io/cert-manager-webhook-opentelekomcloud/',
      name: 'cert-manager-webhook-opentelekomcloud',
      ...stack.certificates.solver,
    },
    // Without the chart's opentelekomcloud.* values, which would put the key into Helm's release.
    values: () => ({ certManager: { namespace: NAMESPACE, serviceAccountName: 'cert-manager' } }),
    // It keeps the first credentials it sees (v0.1.3).
    restart: { deployment: SOLVER_DEPLOYMENT, stamp: (needs) => needs.credentials.changed },
    restartsFor: ['credentials'],
    timeoutSeconds: 600,
  });
  const issuers = (Object.keys(ACME) as Issuer[]).map((issuer) => clusterIssuer(context, cloud, { issuer, wanted, certManager, solver }));
  const certificate = certificateObject(context, cloud, { wanted, home, issuers, solver });
  return { all: [space, certManager, credentials, solver, ...issuers, certificate], certificate };
}

/** Public resolvers only: the VPC's would answer from a private zone of the same name (platform facts D.2). */
const certManagerValues = {
  crds: { enabled: true, keep: true },
  dns01RecursiveNameservers: '1.1.1.1:53,8.8.8.8:53',
  dns01RecursiveNameserversOnly: true,
};

/** Name of an issuer: the blueprint's, with `-staging` behind for the staging one. */
export function issuerName({ certificates }: Pick<Stack, 'certificates'>, issuer: Issuer): string {
  return issuer === 'letsencrypt' ? certificates.issuerName : `${certificates.issuerName}-staging`;
}

interface IssuerOptions {
  readonly issuer: Issuer;
  readonly wanted: boolean;
  readonly certManager: AnyResource;
  readonly solver: AnyResource;
}

function clusterIssuer(context: KubeContext, cloud: CloudNeeds, { issuer, wanted, certManager, solver }: IssuerOptions): AnyResource {
  const { stack } = context;
  const name = issuerName(stack, issuer);
  const keyRef = (key: string): object => ({ name: secretNames.solver, key });
  const webhook = {
    groupName: 'acme.opentelekomcloud.com',
    solverName: 'opentelekomcloud',
    // Public DNS is served by eu-de for eu-nl as well.
    config: {
      region: stack.region === 'eu-nl' ? 'eu-de' : stack.region,
      accessKeySecretRef: keyRef('accessKey'),
      secretKeySecretRef: keyRef('secretKey'),
    },
  };
  return applied<NeedsCluster>(context, {
    id: issuer === 'letsencrypt' ? 'certificates/issuer-production' : 'certificates/issuer-staging',
    title: `ClusterIssuer ${name}`,
    needs: { kubeconfig: cloud.kubeconfig, certManager, solver },
    wanted,
    identity: { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', metadata: { name } },
    resource: 'clusterissuer.cert-manager.io',
    fields: () => ({
      metadata: { labels: ourLabels(stack) },
      spec: {
        acme: {
          email: stack.contact,
          server: ACME[issuer],
          privateKeySecretRef: { name: `${name}-tls-key` },
          solvers: [{ selector: { dnsZones: [stack.dns.zone] }, dns01: { webhook } }],
        },
      },
    }),
    madeWith: { 'spec.acme.server': ACME[issuer], 'spec.acme.solvers': `DNS01 in ${stack.dns.zone}` },
    // Only the issuer in use must be registered; an outage of the other one's server is no reason to stop.
    ...(stack.certificates.issuer === issuer ? { usable: (live: KubeObject) => readiness(live) } : {}),
    schedule: { firstSeconds: 1, mostSeconds: 5, deadlineSeconds: 300, usualSeconds: 5 },
  });
}

interface CertificateOptions {
  readonly wanted: boolean;
  readonly home: AnyResource;
  readonly issuers: readonly AnyResource[];
  readonly solver: AnyResource;
}

function certificateObject(
  context: KubeContext,
  cloud: CloudNeeds,
  { wanted, home, issuers, solver }: CertificateOptions,
): CertificateResources['certificate'] {
  const { stack } = context;
  const { namespace: space } = stack.zitadel;
  const secretName = tlsSecretName(stack);
  const identity: Manifest = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'zitadel-tls', namespace: space } };
  return applied<NeedsCluster>(context, {
    id: 'certificates/certificate',
    title: `Certificate ${space}/zitadel-tls`,
    needs: { kubeconfig: cloud.kubeconfig, home, solver, ...after(issuers), ...zoneNeeds(cloud) },
    wanted,
    identity,
    resource: 'certificate.cert-manager.io',
    fields: () => ({
      metadata: { labels: ourLabels(stack) },
      spec: {
        secretName,
        dnsNames: [stack.domain],
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
        issuerRef: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: issuerName(stack, stack.certificates.issuer as Issuer) },
      },
    }),
    madeWith: { 'spec.dnsNames': stack.domain, 'spec.issuerRef.name': issuerName(stack, stack.certificates.issuer as Issuer) },
    usable: (live) => certificateState(live, new Date()),
    settle: (cluster, run) => untilIssued(cluster, { name: 'zitadel-tls', namespace: space }, run),
    facts: (live) => {
      const { notAfter, renewalTime } = (live['status'] ?? {}) as { notAfter?: string; renewalTime?: string };
      return { ...(notAfter === undefined ? {} : { notAfter }), ...(renewalTime === undefined ? {} : { renewalTime }) };
    },
  });
}

function zoneNeeds(cloud: CloudNeeds): Record<string, CloudNeeds['zone'][number]> {
  return Object.fromEntries(cloud.zone.map((need, index) => [`zone${index}`, need]));
}
