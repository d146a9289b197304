/**
 * Owns the picture of the deployment in code: the one place where all resources are put together. Who needs whom among
 * the cloud's resources stands in `cloud/index.ts`, among the cluster's in `zitadel/index.ts`; here the two meet.
 */
import {
  backup,
  type CloudContext,
  cloudResources,
  type Door,
  externalDnsNeeds,
  type Handed,
  prove,
  remainsOf,
  secretAtDestroy,
  tagDatabase,
  upgradeBackupName,
} from './cloud/index.ts';
import type { Outcome } from './engine/outcome.ts';
import { type AnyResource, maybe, type Run } from './engine/resource.ts';
import type { Walked } from './engine/walk.ts';
import { chartDigests, isChartRelease } from './kube/chart-digest.ts';
import type { CloudNeeds, ExternalDnsUser, KubeContext } from './kube/context.ts';
import type { Otc } from './otc/client.ts';
import { Secret } from './secret.ts';
import { namesFor } from './stack/names.ts';
import type { DerivedSecrets } from './stack/secrets.ts';
import type { Stack } from './stack/stack.ts';
import { reach } from './tools/reach.ts';
import type { Toolbox } from './tools/toolbox.ts';
import { clusterResources } from './zitadel/index.ts';

export interface GraphOptions {
  readonly stack: Stack;
  readonly otc: Otc;
  readonly secrets: DerivedSecrets;
  readonly toolbox: Toolbox;
  /** This run's own way in, where the stack admits `runner`. */
  readonly door?: Door | undefined;
  /** True for a command that only looks. */
  readonly looksOnly: boolean;
  /** The DNS01 solver's permanent key, where there is one. */
  readonly acme: { readonly accessKey: string; readonly secretKey: Secret } | undefined;
  /** The user with whom external-dns signs in, where there is one. */
  readonly externalDns: ExternalDnsUser | undefined;
  /** What of both is given for pods alone, and must be proved. */
  readonly handed: Handed;
  /** ZITADEL configuration out of the user's values file, secrets still closed. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** What of that is no secret. */
  readonly told: Readonly<Record<string, unknown>>;
  /** True where verification is repeated until it passes. */
  readonly patient: boolean;
  /** True for `check`, which asks for what a first deploy needs whatever is there. */
  readonly checks: boolean;
  /** What a deploy with these inputs has for the pods, besides external-dns's user; undefined for a run that need not have any of it. */
  readonly given: { readonly acme: boolean } | undefined;
  /** Ids of what taking the lock made: the same for all graphs of a run. */
  readonly madeByLock: Set<string>;
}

export interface Graph {
  readonly roots: readonly AnyResource[];
  /** What `check` looks at: can this stack be deployed at all? */
  readonly readiness: readonly AnyResource[];
  readonly cloudContext: CloudContext;
  /** What of the configuration that goes into a Secret is no secret. */
  readonly told: Readonly<Record<string, unknown>>;
  /** Id of the resource that leads into the cluster: who has no way in sees nothing behind it. */
  readonly wayIn: string;
  /** What a deploy takes away again before it ends, dependents first. */
  readonly passing: readonly AnyResource[];
  /** What destroy looks for besides. */
  readonly remains: readonly AnyResource[];
  /** Outputs of the action that are facts of resources. */
  readonly outputs: Readonly<Record<string, { readonly resource: AnyResource; readonly fact: string }>>;
  /** sha256 of each chart that a deploy would install now, by the release's id, after a walk. @throws Fault */
  chartDigests(walked: Walked, signal: AbortSignal): Promise<Record<string, string>>;
  /** Whether ZITADEL stands, by the outcomes of a walk. */
  runs(outcomes: readonly Outcome[]): boolean;
  /** Login name of the first administrator, as ZITADEL's release knows it. */
  login(outcomes: readonly Outcome[]): string | undefined;
  /** Whether the stack file consents to delete a resource that holds data. */
  consented(resource: AnyResource): boolean;
  /** What `destroy` must say of the secret given, and whether it must not begin. @throws Fault where the database is to go and cannot be looked at */
  secretAtDestroy(run: Run): ReturnType<typeof secretAtDestroy>;
}

/** All resources of a stack, wired. @throws Fault for a choice that is not offered */
export function buildGraph({
  stack,
  otc,
  secrets,
  toolbox,
  door,
  looksOnly,
  acme,
  externalDns,
  handed,
  configuration,
  told,
  patient,
  checks,
  given,
  madeByLock,
}: GraphOptions): Graph {
  const ungiven = given === undefined ? {} : missingInputs(stack, given.acme, externalDns !== undefined);
  const cloudContext: CloudContext = {
    otc,
    stack,
    secrets,
    names: namesFor(stack.name, otc.projectId),
    madeByLock,
    clustersTaken: new Set(),
    handed: {
      solver: stack.certificates.issuer === 'existing' ? undefined : handed.solver,
      externalDns: stack.dns.records === 'external-dns' ? handed.externalDns : undefined,
    },
    missingInputs: Object.values(ungiven),
    checks,
    door,
    looksOnly,
    approach: toolbox.approach,
    reach: (kubeconfig, run) =>
      reach(toolbox.cluster(kubeconfig).api, { access: stack.cluster.access, server: kubeconfig.server, patient: !looksOnly }, run),
  };
  const cloud = cloudResources(cloudContext);
  const kubeContext: KubeContext = {
    stack,
    secrets,
    toolbox,
    configuration,
    patient,
    within: cloud.cluster,
    backup: async (id, change, run) => {
      const { names } = cloudContext;
      await backup(
        otc,
        { id, name: id },
        upgradeBackupName(names('upgrade'), change),
        `Before the ZITADEL chart ${change.from} became ${change.to}`,
        run,
      );
    },
    tagDatabase: stack.database.existing === undefined ? (id, tags) => tagDatabase(cloudContext, id, tags) : undefined,
    externalDns,
    ungiven,
    acme: acme === undefined ? undefined : { accessKey: new Secret(acme.accessKey, 'access-key'), secretKey: acme.secretKey },
  };
  const needs: CloudNeeds = {
    kubeconfig: cloud.kubeconfig,
    cluster: cloud.cluster,
    loadBalancer: cloud.loadBalancer,
    database: cloud.database,
    databaseCa: cloud.databaseCa,
    workloads: [...cloud.nodePools.filter(({ wanted }) => wanted), maybe(cloud.nodeGroups), maybe(cloud.snatRule), maybe(cloud.securityRulesClient)],
    zone: [cloud.zone, maybe(cloud.delegation)],
    records: [maybe(cloud.record), maybe(cloud.existingRecord)],
    externalDns: externalDnsNeeds(cloudContext, cloud),
    prove: (pod) => prove(cloudContext, pod),
  };
  const cluster = clusterResources(kubeContext, needs);
  const consents = new Map<AnyResource, boolean>([
    [cloud.database, stack.destroy.database],
    [cloud.formerDatabase, stack.destroy.database],
    [cloud.zone, stack.destroy.zone],
  ]);
  return {
    roots: [...cloud.all, ...cluster.all],
    readiness: [cloud.preflight, cloud.agency, cloud.delegation],
    cloudContext,
    told,
    wayIn: cloud.kubeconfig.id,
    passing: cloud.passing,
    remains: remainsOf(cloudContext),
    outputs: {
      'public-ip': { resource: cloud.loadBalancer, fact: 'address' },
      'load-balancer-id': { resource: cloud.loadBalancer, fact: 'id' },
      'cluster-id': { resource: cloud.cluster, fact: 'id' },
      'database-id': { resource: cloud.database, fact: 'id' },
      'database-host': { resource: cloud.database, fact: 'host' },
    },
    chartDigests: ({ seen }, signal) => chartDigests(cluster.all.filter(isChartRelease), seen, toolbox.charts, signal),
    runs: (outcomes) =>
      outcomes.some(
        ({ id, verdict, done }) => id === cluster.release.id && (verdict === 'unchanged' || verdict === 'update' || (verdict === 'create' && done)),
      ),
    login: (outcomes) => outcomes.find(({ id }) => id === cluster.release.id)?.facts['login'],
    consented: (resource) => consents.get(resource) ?? false,
    secretAtDestroy: (run) => secretAtDestroy(cloudContext, [cloud.database, cloud.formerDatabase], run),
  };
}

/** Credentials that pods will need, that no later step can derive, and that were not given: what to say, by whose they are. */
function missingInputs({ certificates, dns }: Stack, acme: boolean, externalDns: boolean): NonNullable<KubeContext['ungiven']> {
  return {
    ...(certificates.issuer === 'existing' || acme
      ? {}
      : {
          acme: 'The DNS01 solver needs a permanent access key: give acme-access-key and acme-secret-key, or bring a certificate (certificates.issuer: existing).',
        }),
    ...(dns.records !== 'external-dns' || externalDns
      ? {}
      : {
          externalDns:
            'external-dns needs an IAM user: give external-dns-username, external-dns-password and external-dns-domain-name, or set dns.records to direct.',
        }),
  };
}
