/**
 * Owns the verification from outside as a resource: it observes and never writes, so that plan and drift see a broken
 * certificate or DNS as well. In `deploy` it waits until everything passes, or says which check fails, why and what to do.
 */
import { Fault } from '../engine/fault.ts';
import { type AnyResource, check, type Resource, type Run } from '../engine/resource.ts';
import { until } from '../engine/until.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { after, type CloudNeeds, type Giving, inCluster, type KubeContext, type LoadBalancerSeen } from '../kube/context.ts';
import { collection } from '../kube/paths.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import type { Stack } from '../stack/stack.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { type CheckResult, type Expected, runChecks } from './checks.ts';
import { gatewayAddresses, gatewayPath } from './gateway.ts';
import { urlOf } from './identity.ts';
import { type Probe, type ProbeTarget, probeOf } from './probe.ts';

export interface VerificationSeen {
  readonly checks: readonly CheckResult[];
}

type VerificationNeeds = NeedsCluster & {
  readonly loadBalancer: Giving<LoadBalancerSeen>;
  readonly release: Giving<ReleaseSeen>;
};

/** Minutes, not seconds: DNS and the controllers need their time after a first deploy. */
const SCHEDULE = { firstSeconds: 1, mostSeconds: 10, deadlineSeconds: 900, usualSeconds: 30 };

export interface VerificationOptions {
  readonly release: Giving<ReleaseSeen>;
  /** What must stand before it can pass: ingress controller, certificate. */
  readonly before: readonly AnyResource[];
  readonly probe?: (target: ProbeTarget, signal: AbortSignal) => Probe;
}

export function verification(
  context: KubeContext,
  cloud: CloudNeeds,
  options: VerificationOptions,
): Resource<VerificationNeeds, true, VerificationSeen> {
  const { stack, patient } = context;
  const { release, before, probe: probeFor = probeOf } = options;
  const staging = stack.certificates.issuer === 'letsencrypt-staging';
  const look = async (cluster: Cluster, { eipAddress: address }: LoadBalancerSeen, run: Run): Promise<VerificationSeen> => {
    const { domain } = stack;
    const probe = probeFor({ domain, zone: stack.dns.zone, address, trustedIssuer: !staging }, run.signal);
    try {
      const entrance = stack.ingress.controller === 'envoy-gateway' ? 'Gateway' : 'Ingress';
      const entranceAddresses =
        entrance === 'Gateway'
          ? await addressesOfGateway(cluster, stack, run.signal)
          : await addressesOfIngresses(cluster, stack.zitadel.namespace, domain, run.signal);
      const expected: Expected = { domain, address, staging, entrance, entranceAddresses };
      return { checks: await runChecks(probe, expected) };
    } finally {
      probe.close();
    }
  };
  return check({
    id: 'zitadel/verification',
    title: `Verification of ${urlOf(stack)} from outside`,
    needs: {
      kubeconfig: cloud.kubeconfig,
      loadBalancer: cloud.loadBalancer,
      release,
      ...after([...before, ...cloud.records]),
    },
    wanted: true,
    gate: true,
    ...inCluster(context),
    want: () => true,
    observe: async (needs, run) => {
      const {
        kubeconfig,
        loadBalancer,
        release: there,
      } = needs as { kubeconfig?: Kubeconfig; loadBalancer?: LoadBalancerSeen; release?: ReleaseSeen };
      if (kubeconfig === undefined || loadBalancer === undefined || there === undefined) return undefined;
      const cluster = context.toolbox.cluster(kubeconfig);
      return patient ? lookUntilWell(() => look(cluster, loadBalancer, run), urlOf(stack), run) : look(cluster, loadBalancer, run);
    },
    diff: (_spec, { checks }) =>
      checks
        .filter(({ ok }) => !ok)
        .map(({ name, detail, advice }) => ({ field: name, before: detail, after: 'passes', ...(advice === undefined ? {} : { why: advice }) })),
    facts: ({ checks }) => Object.fromEntries(checks.map(({ name, ok, detail }) => [name, ok ? detail : `fails: ${detail}`])),
  });
}

/** Repeats until all checks pass. @throws Fault at the deadline, naming every check that fails */
async function lookUntilWell(look: () => Promise<VerificationSeen>, url: string, run: Run): Promise<VerificationSeen> {
  let last: VerificationSeen = { checks: [] };
  try {
    return await until(`${url} to pass its verification`, SCHEDULE, run, async () => {
      last = await look();
      const failing = last.checks.filter(({ ok }) => !ok);
      if (failing.length === 0) return { done: true, value: last };
      return { done: false, state: failing.map(({ name, detail }) => `${name}: ${detail}`).join('; ') };
    });
  } catch (error) {
    const failing = last.checks.filter(({ ok }) => !ok);
    if (!(error instanceof Fault) || failing.length === 0) throw error;
    throw new Fault(`${url} does not pass its verification: ${failing.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`, {
      resource: url,
      hint: [...new Set(failing.map(({ advice }) => advice).filter(Boolean))].join(' '),
      cause: error,
    });
  }
}

async function addressesOfGateway(cluster: Cluster, stack: Stack, signal: AbortSignal): Promise<readonly (readonly string[])[]> {
  const live = await cluster.api.get(gatewayPath(stack), signal);
  return live === undefined ? [] : [gatewayAddresses(live)];
}

/** Addresses in the status of each Ingress for the domain. */
async function addressesOfIngresses(
  cluster: Cluster,
  namespace: string,
  domain: string,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const ingresses = await cluster.api.list(collection('networking.k8s.io/v1', 'Ingress', namespace), signal);
  return ingresses
    .filter((ingress) => ((ingress['spec'] as { rules?: { host?: string }[] } | undefined)?.rules ?? []).some(({ host }) => host === domain))
    .map((ingress) => {
      const status = ingress['status'] as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined;
      return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => [ip, hostname]).filter((one) => one !== undefined);
    });
}
