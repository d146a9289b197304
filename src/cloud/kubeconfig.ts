/**
 * Owns the credentials for the cluster: a client certificate of one day from CCE, and the address it is used at, always
 * with TLS verified. Kept in memory; how it reaches kubectl and helm is `tools/`'s business.
 */
import { asFault, Cancelled, Fault, NotLooked } from '../engine/fault.ts';
import { type Maybe, type PartlySeen, type Resource, type Run, resource } from '../engine/resource.ts';
import { type Cluster, type ClusterCertificates, createClusterCertificates, listClusters } from '../otc/cce.ts';
import { mask } from '../secret.ts';
import { API_PORT, type ApiAccess } from './api-access.ts';
import type { BastionResource } from './bastion.ts';
import { bastionAccess, throughBastion } from './bastion-access.ts';
import { type BastionGroup, SSH_PORT } from './bastion-group.ts';
import type { ClusterResource } from './cluster.ts';
import { endpointsOf } from './cluster-spec.ts';
import type { CloudContext } from './context.ts';
import type { VpcResource } from './vpc.ts';
import type { KubeconfigSeen } from './way-in.ts';

type Needs = {
  readonly vpc: VpcResource;
  readonly cluster: ClusterResource;
  readonly access: Maybe<ApiAccess>;
  readonly bastion: Maybe<BastionResource>;
  readonly bastionGroup: Maybe<BastionGroup>;
};
export type Kubeconfig = Resource<Needs, null, KubeconfigSeen>;

/** The shortest validity that CCE gives. */
const VALID_DAYS = 1;

export function kubeconfig(context: CloudContext, needs: Needs): Kubeconfig {
  const { otc, stack, names, secrets } = context;
  const { existing } = stack.cluster;
  const issued = new Map<string, Promise<ClusterCertificates>>();
  const issue = ({ metadata, status }: Cluster): Promise<ClusterCertificates> => {
    // The credentials name the server's addresses: others need others.
    const key = `${metadata.uid} ${JSON.stringify(status.endpoints)}`;
    let promise = issued.get(key);
    if (promise === undefined) {
      promise = createClusterCertificates(otc, metadata.uid, VALID_DAYS);
      issued.set(key, promise);
    }
    return promise;
  };
  const isOurs = ({ metadata }: Cluster): boolean =>
    existing === undefined ? metadata.name === names('cce') : metadata.uid === existing.id || metadata.name === existing.name;
  // `external` skips TLS verification; this context is the same address with verification.
  const wanted = stack.cluster.access === 'eip' ? 'externalTLSVerify' : 'internal';
  const throughDoor = stack.cluster.access === 'eip' && existing === undefined;
  /** The handshake with the bastion, unless a door has to be opened first; what is wrong with it shows where it is used. */
  const approach = async ({ status }: Cluster, run: Run): Promise<void> => {
    const { internal } = endpointsOf(status.endpoints);
    if (stack.cluster.access !== 'bastion' || secrets.bastionKeySeed === undefined || context.door !== undefined || internal === undefined) return;
    const [seen, group] = await Promise.all([needs.bastion.maybe.observe({}, run), needs.bastionGroup.maybe.observe({}, run)]);
    if (seen?.status === 'ACTIVE' && seen.address !== undefined) await context.approach?.(bastionAccess(context, seen, group), internal);
  };
  /** Rules that lead to the API server and are not there: taken away by hand, or new in the stack file. */
  const closed = ({ vpc, cluster, access, bastionGroup }: PartlySeen<Needs>): string[] => {
    if (vpc === undefined || cluster === undefined) return [];
    const [rules, ssh] = [needs.access.maybe, needs.bastionGroup.maybe];
    return [
      ...(access === undefined ? [] : rules.diff(rules.want({ cluster, vpc }), access)),
      ...(bastionGroup === undefined || !ssh.wanted ? [] : ssh.diff(ssh.want({ cluster }), bastionGroup)),
    ].flatMap(({ field, after }) => (after === undefined ? [] : [field]));
  };
  /** @throws NotLooked where a run that only looks finds why it is not let in; a deploy puts that right before it comes here */
  const reached = async (seen: KubeconfigSeen, found: PartlySeen<Needs>, run: Run): Promise<void> => {
    try {
      await context.reach?.(seen, run);
    } catch (error) {
      const missing = closed(found);
      if (context.looksOnly !== true || error instanceof Cancelled || asFault(error).status !== undefined || missing.length === 0) throw error;
      // A rule opens no way from outside to a private address.
      const mended =
        stack.cluster.access === 'private'
          ? `This run must be in the VPC or in a network joined to it; only there does a deploy help, which puts in place ${missing.join(', ')}`
          : `What leads there is not in place (${missing.join(', ')}); a deploy mends it`;
      throw new NotLooked(`not looked at: ${asFault(error).message}. ${mended}`);
    }
  };
  return resource<Needs, null, KubeconfigSeen>({
    id: 'cluster/kubeconfig',
    title: 'Credentials for the cluster',
    needs,
    within: needs.cluster,
    wanted: true,
    readsOnly: true,
    prefetch: async (run) => {
      // Begun with the first lists, not after cluster and bastion were compared.
      const found = (await listClusters(otc)).find(isOurs);
      if (found?.status.phase === 'Available') await Promise.all([issue(found), approach(found, run)]);
    },
    want: () => null,
    // Opening the door for this run is the one write of this look; it is gone when the run ends.
    observe: async (found, run) => {
      const { cluster, access, bastion, bastionGroup } = found;
      if (cluster === undefined || cluster.status.phase !== 'Available') return undefined;
      // That it has none is the cluster's own difference, and a deploy binds it before it comes here.
      if (throughDoor && context.looksOnly === true && (cluster.endpoints.external === undefined || cluster.unbound === true))
        throw new NotLooked(
          'not looked at: cluster.access is eip, and the API server has no public address yet; a deploy gives it one, and a former way in is not used any more',
        );
      if (throughDoor && access !== undefined) await context.door?.open(access.control, API_PORT, run);
      // One that a deploy would replace is no need that is met, and leads there all the same.
      const present = bastion ?? (throughBastion(context) ? await needs.bastion.maybe.observe({}, run) : undefined);
      const way = stack.cluster.access === 'bastion' ? { bastion: bastionAccess(context, present, bastionGroup) } : {};
      if ('bastion' in way && bastionGroup !== undefined) await context.door?.open(bastionGroup, SSH_PORT, run);
      const seen = { ...credentials(await issue(cluster), wanted, cluster.name), ...way };
      await reached(seen, found, run);
      return seen;
    },
    diff: () => [],
    apply: async () => {
      throw new Error('credentials are only read');
    },
    destroy: async () => undefined,
    facts: ({ server }) => ({ server }),
  });
}

/** The credentials of one context, every leaf masked. @throws Fault where the context is missing or incomplete */
export function credentials(answer: ClusterCertificates, wanted: string, clusterName: string): KubeconfigSeen {
  for (const { user } of answer.users) {
    for (const data of Object.values(user)) if (typeof data === 'string') maskData(data);
  }
  for (const { cluster } of answer.clusters) maskData(cluster['certificate-authority-data'] ?? '');
  const context = answer.contexts.find(({ name }) => name === wanted)?.context;
  if (context === undefined) {
    throw new Fault(`cluster ${clusterName} offers no access "${wanted}", only ${answer.contexts.map(({ name }) => name).join(', ')}`, {
      resource: clusterName,
      hint: wanted === 'internal' ? 'Run inside the VPC.' : 'Bind an EIP to the API server, or set cluster.access to private or bastion.',
    });
  }
  const cluster = answer.clusters.find(({ name }) => name === context.cluster)?.cluster;
  const user = answer.users.find(({ name }) => name === context.user)?.user;
  const certificateAuthority = cluster?.['certificate-authority-data'];
  const clientCertificate = user?.['client-certificate-data'];
  const clientKey = user?.['client-key-data'];
  if (cluster === undefined || !certificateAuthority || !clientCertificate || !clientKey) {
    throw new Fault(`the credentials of cluster ${clusterName} are incomplete for "${wanted}"`, {
      resource: clusterName,
      hint: 'Run again in a few minutes.',
    });
  }
  return { server: cluster.server, certificateAuthority, clientCertificate, clientKey };
}

/** Masks base64 data and the lines of the PEM inside it, but not the PEM's head and foot, which are no secret. */
function maskData(base64: string): void {
  if (base64 === '') return;
  mask(base64);
  for (const line of Buffer.from(base64, 'base64').toString('utf8').split('\n')) if (!line.startsWith('-----')) mask(line);
}
