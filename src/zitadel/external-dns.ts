/**
 * Owns external-dns in the cluster (`dns.records: external-dns`): its namespace, the credentials that it signs in with, the
 * Helm release, and what Ingresses, or the Gateway and its routes, must say for it. It may write the domain's A record and nothing else. Whose the
 * record is, and how it changes hands without a gap, is `cloud/dns-ownership.ts`'s and `cloud/dns-record.ts`'s.
 */
import { stringify } from 'yaml';
import type { AnyResource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { chartRelease } from '../kube/chart-release.ts';
import { after, type CloudNeeds, type ExternalDnsNeeds, type ExternalDnsUser, type Giving, type KubeContext } from '../kube/context.ts';
import { namespace } from '../kube/namespace.ts';
import { type SecretSeen, secretObject } from '../kube/secret.ts';
import type { Stack } from '../stack/stack.ts';
import { fullName } from './identity.ts';

const NAMESPACE = 'external-dns';
/** Not `external-dns`, which a controller of the user's own may be called; the chart names its objects like the release. */
export const EXTERNAL_DNS_RELEASE = 'zitadel-external-dns';
const SECRET = 'zitadel-external-dns-clouds';
const CHANGED = 'zitadel-on-otc/credentials-changed';
const WEBHOOK = { repository: 'ghcr.io/inovex/external-dns-openstack-webhook', tag: '2.3.0' };

export interface ExternalDnsResources {
  readonly all: readonly AnyResource[];
  /** Stands once the controller keeps the A record. */
  readonly ownership: AnyResource;
}

export interface ExternalDnsOptions {
  /** ZITADEL's namespace, the only one that it reads. */
  readonly home: AnyResource;
  /** ZITADEL's, which annotates the Ingresses or routes. */
  readonly release: AnyResource;
  /** The Gateway with the definitions of its kinds, without which the controller ends; empty where there are Ingresses. */
  readonly gateway: readonly AnyResource[];
}

export function externalDnsResources(context: KubeContext, cloud: CloudNeeds, { home, release, gateway }: ExternalDnsOptions): ExternalDnsResources {
  const { stack, externalDns: user } = context;
  const wanted = stack.dns.records === 'external-dns';
  const { kubeconfig } = cloud;
  const space = namespace(context, cloud, { name: NAMESPACE, wanted });
  const credentials = secretObject<NeedsCluster>(context, {
    id: 'dns/external-dns-credentials',
    // The zone stands first: the user must see it.
    needs: { kubeconfig, space, ...after(cloud.zone) },
    wanted,
    namespace: NAMESPACE,
    name: SECRET,
    keys: ['clouds.yaml'],
    content: () => (user === undefined ? undefined : () => ({ 'clouds.yaml': cloudsYaml(stack, user, cloud.externalDns) })),
    ungiven: context.ungiven?.externalDns,
    prove: () => cloud.prove('externalDns'),
    inputs: 'external-dns-username, external-dns-password and external-dns-domain-name (an IAM user with DNS rights; it takes no access keys)',
  });
  const installed = chartRelease<NeedsCluster & { credentials: Giving<SecretSeen> }>(context, {
    id: 'dns/external-dns',
    // The records stand behind it, so that destroy takes the controller away before the record that it would make anew.
    needs: { kubeconfig, credentials, home, ...after([...cloud.workloads, ...cloud.zone, ...cloud.records, ...gateway]) },
    wanted,
    namespace: NAMESPACE,
    release: EXTERNAL_DNS_RELEASE,
    source: { repository: 'https://kubernetes-sigs.github.io/external-dns/', name: 'external-dns', ...stack.dns.externalDns },
    // The webhook signs in once, when it starts: other credentials, another pod.
    restartsFor: ['credentials'],
    values: ({ credentials: { changed } }) => ({ ...externalDnsValues(stack, cloud.externalDns), podAnnotations: { [CHANGED]: changed } }),
    timeoutSeconds: 300,
    usualSeconds: 30,
  });
  // While it lives it makes the record anew: at destroy it must be gone before the record, not with the cluster.
  const controller: typeof installed = { ...installed, leavesBehind: async () => true };
  const ownership = cloud.externalDns.handOver({
    resource: `${byGateway(stack) ? 'httproute' : 'ingress'}/${stack.zitadel.namespace}/${fullName(stack.zitadel.release)}`,
    logs: `kubectl -n ${NAMESPACE} logs deploy/${EXTERNAL_DNS_RELEASE} --all-containers`,
    after: { controller, release },
  });
  return { all: [space, credentials, controller, ownership], ownership };
}

/** What clouds.yaml must hold for the webhook, which looks for the cloud `openstack` (webhook 2.3.0, README). */
function cloudsYaml({ dns }: Stack, { username, password, domainName }: ExternalDnsUser, { identityUrl, region }: ExternalDnsNeeds): string {
  const auth = { auth_url: identityUrl, username, password: password.open(), user_domain_name: domainName, project_name: dns.project };
  return stringify({ clouds: { openstack: { auth, region_name: region, interface: 'public', auth_type: 'password' } } });
}

function byGateway({ ingress }: Pick<Stack, 'ingress'>): boolean {
  return ingress.controller === 'envoy-gateway';
}

/** Values of chart 1.21.1: A records of the domain, in its zone, from ZITADEL's Ingresses or routes, under an owner id of its own. */
export function externalDnsValues(stack: Stack, { owner, txtPrefix }: Pick<ExternalDnsNeeds, 'owner' | 'txtPrefix'>): Record<string, unknown> {
  const { dns, domain, zitadel } = stack;
  return {
    // Never deletes: the record goes with destroy, not with an Ingress that is missing for a moment.
    policy: 'upsert-only',
    registry: 'txt',
    txtOwnerId: owner,
    txtPrefix,
    interval: '1m',
    triggerLoopOnEvent: true,
    ...(byGateway(stack)
      ? {
          sources: ['gateway-httproute'],
          // By argument: with the chart's own value for it there is no right to list namespaces, which v0.21.0 does all the same (`source/gateway.go`).
          extraArgs: [`--gateway-namespace=${zitadel.namespace}`],
        }
      : { sources: ['ingress'] }),
    annotationPrefix: ANNOTATIONS,
    namespaced: true,
    sourceNamespace: zitadel.namespace,
    managedRecordTypes: ['A'],
    domainFilters: [domain],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    provider: {
      name: 'webhook',
      webhook: {
        image: WEBHOOK,
        args: [`--domain-filter=${dns.zone}`],
        extraVolumeMounts: [{ name: 'clouds', mountPath: '/etc/openstack/', readOnly: true }],
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
      },
    },
    extraVolumes: [{ name: 'clouds', secret: { secretName: SECRET } }],
  };
}

/** The default up to v0.21; v0.22 has another one (`source/annotations`). */
const ANNOTATIONS = 'external-dns.alpha.kubernetes.io/';

/**
 * What external-dns reads on an Ingress (its annotations reference, v0.21). The target must be named: CCE writes the private
 * address into the status besides the public one. They always stand there, so that the record can change hands, and so that
 * a controller of the user's own makes the right record, too.
 */
export function recordAnnotations(stack: Pick<Stack, 'dns'>, address: string): Record<string, string> {
  return { ...targetAnnotation(address), ...ttlAnnotation(stack) };
}

/** Of Gateway API, the target is read on the Gateway and nowhere else (its page "Gateway API Route Sources"). */
export function targetAnnotation(address: string): Record<string, string> {
  return { [`${ANNOTATIONS}target`]: address };
}

/** And all others on the routes, each of them: routes that differ in it ask for different records. */
export function ttlAnnotation({ dns }: Pick<Stack, 'dns'>): Record<string, string> {
  return { [`${ANNOTATIONS}ttl`]: String(dns.ttl) };
}
