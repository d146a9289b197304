/**
 * Owns what every cluster resource is given: the stack, its secrets, the toolbox, and the form of what the cloud's
 * resources hand over. It knows the cloud only by these shapes.
 */
import { Fault } from '../engine/fault.ts';
import type { AnyResource, Maybe, Needs, Resource, Run } from '../engine/resource.ts';
import type { Secret } from '../secret.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';
import type { Stack } from '../stack/stack.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import type { Cluster, Toolbox } from '../tools/toolbox.ts';

/** A release about to get another chart version. */
export interface VersionChange {
  readonly from: string;
  readonly to: string;
  /** Helm's revision that is in place. */
  readonly revision: number;
}

export interface KubeContext {
  readonly stack: Stack;
  /** Absent secrets are not compared; where one is needed to create something, that is a fault naming the input. */
  readonly secrets: DerivedSecrets;
  readonly toolbox: Toolbox;
  /** ZITADEL configuration lifted out of the user's values, secrets still closed; belongs into the configuration Secret. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Keys for the DNS01 solver: `acme-access-key` and `acme-secret-key`, else the permanent access key in use. */
  readonly acme?: { readonly accessKey: Secret; readonly secretKey: Secret } | undefined;
  /** The user with whom external-dns signs in; the webhook reads no access keys (external-dns-openstack-webhook 2.3.0). */
  readonly externalDns?: ExternalDnsUser | undefined;
  /**
   * Credentials for pods that were not given to a run which has what a deploy is given, in whole sentences: where they would have to be
   * written, that is said before anything is.
   */
  readonly ungiven?: { readonly acme?: string; readonly externalDns?: string };
  /** True in `deploy`: verification is repeated until it passes or runs out of time. */
  readonly patient: boolean;
  /** Makes a backup of the database and waits for it, before something changes that cannot be taken back. */
  readonly backup?: ((databaseId: string, change: VersionChange, run: Run) => Promise<void>) | undefined;
  /** Puts tags on the database instance; undefined where that is not ours to tag. */
  readonly tagDatabase?: ((databaseId: string, tags: readonly Tag[]) => Promise<void>) | undefined;
  /** The cluster, which takes what is in it along when it is destroyed. */
  readonly within?: AnyResource | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: any resource that yields this, whatever it needs
export type Giving<Seen> = Resource<any, any, Seen>;

export interface ExternalDnsUser {
  readonly username: string;
  readonly password: Secret;
  readonly domainName: string;
}

export interface LoadBalancerSeen {
  readonly id: string;
  /** The public address. */
  readonly eipAddress: string;
  /** True for a dedicated load balancer (ELB v3 `guaranteed`), which CCE calls class `performance`. */
  readonly guaranteed: boolean;
}

export interface DatabaseSeen {
  readonly id: string;
  /** Address or name that pods connect to. */
  readonly host: string;
  readonly port: number;
  readonly tags?: readonly Tag[];
}

/** A tag on the database instance. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface CloudNeeds {
  readonly kubeconfig: Giving<Kubeconfig>;
  /** `version` as in `v1.33`. */
  readonly cluster: Giving<{ readonly id: string; readonly name: string; readonly version: string }>;
  readonly loadBalancer: Giving<LoadBalancerSeen>;
  readonly database: Giving<DatabaseSeen>;
  /** The CA that signs the database's certificate, PEM, one or more certificates. */
  readonly databaseCa: Giving<{ readonly pem: string }>;
  /** What must stand before pods can run: node pools, egress. */
  readonly workloads: readonly (AnyResource | Maybe<AnyResource>)[];
  /** What must stand before an ACME order can succeed: zone, delegation. */
  readonly zone: readonly (AnyResource | Maybe<AnyResource>)[];
  /** What must stand before the domain leads to the load balancer: the A record. */
  readonly records: readonly (AnyResource | Maybe<AnyResource>)[];
  readonly externalDns: ExternalDnsNeeds;
  /** One sign-in with what a pod is to be given. @throws Fault where the pod could not do its work with that */
  prove(pod: 'solver' | 'externalDns'): Promise<void>;
}

/** What external-dns and the cloud must agree upon, and the resource that hands the A record over to it. */
export interface ExternalDnsNeeds {
  /** By which the controller knows its own records. */
  readonly owner: string;
  readonly txtPrefix: string;
  /** `https://host/v3` of IAM, as clouds.yaml has it. */
  readonly identityUrl: string;
  /** Region in which public DNS is managed. */
  readonly region: string;
  handOver(options: { readonly resource: string; readonly logs: string; readonly after: Needs }): AnyResource;
}

/** A list of needs under numbered names, for resources that only wait for them. */
export function after(list: readonly (AnyResource | Maybe<AnyResource>)[]): Record<string, AnyResource | Maybe<AnyResource>> {
  return Object.fromEntries(list.map((need, index) => [`after${index}`, need]));
}

/** The cluster to read from, or nothing while it does not exist. */
export function clusterIn(context: KubeContext, needs: { readonly kubeconfig?: Kubeconfig | undefined }): Cluster | undefined {
  return needs.kubeconfig === undefined ? undefined : context.toolbox.cluster(needs.kubeconfig);
}

/** The cluster to write to: a resource that needs `kubeconfig` has it by the time it is wanted. */
export function clusterOf(context: KubeContext, needs: unknown): Cluster {
  return context.toolbox.cluster((needs as { readonly kubeconfig: Kubeconfig }).kubeconfig);
}

/** Label that names the stack, on objects and on Helm's stored revisions. */
export const STACK_LABEL = 'zitadel-on-otc/stack';

/** Labels on every object that we make. `managed-by` is not Helm's or the chart's, whose clean-up Job would delete it. */
export function ourLabels(stack: Pick<Stack, 'name'>): Record<string, string> {
  return {
    'app.kubernetes.io/managed-by': 'zitadel-on-otc',
    'app.kubernetes.io/part-of': 'zitadel',
    [STACK_LABEL]: stack.name,
  };
}

type Labels = Readonly<Record<string, string>> | undefined;

/** The other stack that an object belongs to. */
export function otherStack(labels: Labels, stack: Pick<Stack, 'name'>): string | undefined {
  const owner = labels?.[STACK_LABEL];
  return owner === stack.name ? undefined : owner;
}

/** Why `destroy` leaves an object where it is: it is not this stack's. */
export function keptFor(labels: Labels, stack: Pick<Stack, 'name'>): string | undefined {
  const other = otherStack(labels, stack);
  if (other !== undefined) return `belongs to stack ${other}`;
  return labels?.['app.kubernetes.io/managed-by'] === 'zitadel-on-otc' ? undefined : 'was not made by this action';
}

/** Whether we made an object, for this stack. */
export function isOurs(labels: Labels, stack: Pick<Stack, 'name'>): boolean {
  return keptFor(labels, stack) === undefined;
}

const OWN_INSTEAD =
  'To go on using an ingress controller of your own set "ingress.controller: existing", a certificate of your own "certificates.issuer: existing".';

/** What to do where another stack is in the cluster. */
export const ONE_STACK =
  'One cluster takes one stack: name another cluster under cluster.existing, or leave that out. "adopt" takes nothing over that belongs to a stack. ' +
  `Where that stack is gone for good, take the label ${STACK_LABEL} off what it left.`;

/**
 * What somebody else made is not changed without consent: destroy would take it as ours. What another stack has is not changed at all.
 * @param owner that stack
 * @param instead how to go on with what is there, in a sentence; empty where there is no way
 * @throws Fault that names the ways out
 */
export function refuseForeign(what: string, owner: string | undefined, { adopt }: Pick<Stack, 'adopt'>, instead = OWN_INSTEAD): void {
  if (owner !== undefined) {
    const details = { resource: what, finding: 'owner', forbids: true, hint: ONE_STACK };
    throw new Fault(`${what} is in the cluster already and belongs to stack ${owner}; it was left as it is`, details);
  }
  if (adopt.releases) return;
  const way =
    'remove it, or let this action take it over by "adopt: { releases: true }" in the stack file: its settings are then replaced, and destroy removes it.';
  throw new Fault(`${what} is in the cluster already and was not made by this action; it was left as it is`, {
    resource: what,
    finding: 'owner',
    hint: instead === '' ? `R${way.slice(1)}` : `${instead} Else ${way}`,
  });
}

/** The mark of what goes along with the cluster. */
export function inCluster({ within }: Pick<KubeContext, 'within'>): { readonly within?: AnyResource } {
  return within === undefined ? {} : { within };
}
