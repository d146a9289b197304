/** Owns the wiring of all cloud resources: who needs whom. What each of them is stands in a file of its own. */
import { type AnyResource, maybe, type Run } from '../engine/resource.ts';
import type { Eip } from '../otc/eip.ts';
import { zonesOf } from '../stack/defaults.ts';
import { type AgencyResource, agency } from './agency.ts';
import { type ApiAccess, apiAccess, type FormerAccess, formerAccess } from './api-access.ts';
import { type BastionResource, bastion } from './bastion.ts';
import { throughBastion } from './bastion-access.ts';
import { type BastionGroup, bastionGroup } from './bastion-group.ts';
import { type ClusterResource, cluster, releaseAddress } from './cluster.ts';
import type { CloudContext } from './context.ts';
import { type DatabaseResource, database } from './database.ts';
import { type DatabaseCa, databaseCa } from './database-ca.ts';
import { type Delegation, delegation } from './delegation.ts';
import type { DelegationPort } from './delegation-query.ts';
import { type ExistingRecordCheck, existingRecord } from './dns-existing-record.ts';
import { type FormerRecords, formerRecords } from './dns-former-record.ts';
import { type DnsRecord, dnsRecord } from './dns-record.ts';
import { type DnsZone, dnsZone } from './dns-zone.ts';
import { type EipResource, eip } from './eip.ts';
import { type FormerCluster, type FormerDatabase, type FormerLoadBalancer, formerCluster, formerDatabase, formerLoadBalancer } from './former.ts';
import { type KeyPairResource, nodeKeyPair } from './key-pair.ts';
import { type Kubeconfig, kubeconfig } from './kubeconfig.ts';
import { type LoadBalancerResource, loadBalancer } from './load-balancer.ts';
import { type LockGroup, lockGroup } from './lock-place.ts';
import { type NatGatewayResource, natGateway, type SnatRuleResource, snatRule } from './nat-gateway.ts';
import { type NodeGroups, nodeGroups } from './node-groups.ts';
import { type NodePoolResource, nodePool } from './node-pool.ts';
import { type Preflight, preflight } from './preflight.ts';
import {
  type ClientGroup,
  type ClientRules,
  clientGroup,
  clientRules,
  type DatabaseGroup,
  databaseGroup,
  type FormerRules,
  formerRules,
} from './security-group.ts';
import { type SubnetResource, subnet } from './subnet.ts';
import { type VpcResource, vpc } from './vpc.ts';

export { backup, upgradeBackupName } from './backup.ts';
export type { CloudContext, Handed } from './context.ts';
export { tagDatabase } from './database.ts';
export { secretAtDestroy } from './database-farewell.ts';
export { externalDnsNeeds } from './external-dns-needs.ts';
export { prove } from './handed.ts';
export { takeLock } from './lock.ts';
export { remainsOf } from './remains.ts';
export { type GetText, runnerAddress } from './runner-address.ts';
export { closeDoors, type Door, type OpenDoor, runnerDoor } from './runner-door.ts';

export interface CloudResources {
  readonly preflight: Preflight;
  readonly agency: AgencyResource;
  readonly lock: LockGroup;
  readonly vpc: VpcResource;
  readonly subnetCluster: SubnetResource;
  /** The cluster's subnet where one serves both. */
  readonly subnetDatabase: SubnetResource;
  readonly natEip: EipResource;
  readonly natGateway: NatGatewayResource;
  readonly snatRule: SnatRuleResource;
  readonly securityGroupClient: ClientGroup;
  readonly securityGroupDatabase: DatabaseGroup;
  readonly securityRulesClient: ClientRules;
  readonly formerRules: FormerRules;
  readonly zone: DnsZone;
  readonly delegation: Delegation;
  readonly database: DatabaseResource;
  readonly databaseCa: DatabaseCa;
  readonly formerDatabase: FormerDatabase;
  readonly clusterEip: EipResource;
  readonly cluster: ClusterResource;
  readonly formerCluster: FormerCluster;
  readonly apiAccess: ApiAccess;
  readonly formerAccess: FormerAccess;
  readonly keyPair: KeyPairResource;
  /** One for each zone of the region; those the stack does not use are not wanted. */
  readonly nodePools: readonly NodePoolResource[];
  readonly nodeGroups: NodeGroups;
  readonly bastionGroup: BastionGroup;
  readonly bastionEip: EipResource;
  readonly bastion: BastionResource;
  readonly kubeconfig: Kubeconfig;
  readonly loadBalancerEip: EipResource;
  readonly loadBalancer: LoadBalancerResource;
  readonly formerLoadBalancer: FormerLoadBalancer;
  readonly record: DnsRecord;
  readonly formerRecords: FormerRecords;
  readonly existingRecord: ExistingRecordCheck;
  /** What a deploy takes away again before it ends, dependents first. */
  readonly passing: readonly AnyResource[];
  /** All of them, for a walk. */
  readonly all: readonly AnyResource[];
}

/** Mbit/s of the addresses that only carry the API server's traffic and the nodes' pulls. */
const API_BANDWIDTH = 10;
const NAT_BANDWIDTH = 100;

export interface CloudPorts {
  readonly delegation?: DelegationPort;
}

/** All cloud resources of a stack, wired. */
export function cloudResources(context: CloudContext, ports: CloudPorts = {}): CloudResources {
  const { stack } = context;
  const looked = preflight(context);
  const trust = agency(context, { preflight: looked });
  const checked = { preflight: looked, agency: maybe(trust) };
  const lock = lockGroup(context, checked);
  const gates = { ...checked, lock: maybe(lock) };
  const network = vpc(context, gates);
  const subnetCluster = subnet(context, 'cluster', network);
  const ownDatabaseSubnet = subnet(context, 'database', network);
  const subnetDatabase = stack.network.subnets.single ? subnetCluster : ownDatabaseSubnet;
  const natEip = eip(context, gates, {
    id: 'network/nat-eip',
    role: 'nat',
    wanted: stack.network.egress === 'nat-gateway',
    bandwidth: NAT_BANDWIDTH,
  });
  const gateway = natGateway(context, { vpc: network, subnet: subnetCluster });
  const snat = snatRule(context, { gateway, subnet: subnetCluster, eip: natEip });
  const client = clientGroup(context, gates);
  const guarded = databaseGroup(context, client);
  const clientRuleSet = clientRules(context, { client, database: guarded });
  const zone = dnsZone(context, gates);
  const delegated = delegation(context, zone, ports.delegation);
  const delegationFirst = { delegation: maybe(delegated) };
  const instance = database(context, { vpc: network, subnet: subnetDatabase, group: maybe(guarded), ...gates, ...delegationFirst });
  const ca = databaseCa(context, instance);
  const former = formerDatabase(context, {
    vpc: maybe(network),
    subnet: maybe(ownDatabaseSubnet),
    subnetCluster: maybe(subnetCluster),
    group: maybe(guarded),
  });
  const publicApi = stack.cluster.existing === undefined && stack.cluster.access === 'eip';
  const release = (address: Eip, run: Run): Promise<void> => releaseAddress(context, address, run);
  const clusterEip = eip(context, gates, { id: 'cluster/eip', role: 'api', wanted: publicApi, bandwidth: API_BANDWIDTH, release });
  const kubernetes = cluster(context, { vpc: network, subnet: subnetCluster, eip: maybe(clusterEip), ...gates, ...delegationFirst });
  const access = apiAccess(context, { cluster: kubernetes, vpc: network });
  const keyPair = nodeKeyPair(context);
  const zones = [...new Set([...zonesOf[stack.region], ...stack.cluster.nodes.zones])];
  const poolNeeds = { cluster: kubernetes, access, subnet: subnetCluster, client: maybe(client), egress: maybe(snat) };
  const nodePools = zones.map((one) => nodePool(context, one, keyPair, poolNeeds));
  const attached = nodeGroups(context, { cluster: kubernetes, access, subnet: subnetCluster, client: maybe(client) }, nodePools);
  const use = { wanted: throughBastion(context), passing: stack.cluster.access === 'bastion' && !stack.cluster.bastion.keep };
  const sshGroup = bastionGroup(context, { cluster: kubernetes }, use);
  const sshEip = eip(context, gates, { id: 'bastion/eip', role: 'bastion', bandwidth: API_BANDWIDTH, ...use });
  const sshServer = bastion(context, { vpc: network, subnet: subnetCluster, cluster: kubernetes, group: sshGroup, eip: sshEip }, use);
  const credentials = kubeconfig(context, {
    vpc: network,
    cluster: kubernetes,
    access: maybe(access),
    bastion: maybe(sshServer),
    bastionGroup: maybe(sshGroup),
  });
  const ownBalancer = stack.loadBalancer.existing === undefined;
  const balancerEip = eip(context, gates, { id: 'load-balancer/eip', role: 'elb', wanted: ownBalancer, bandwidth: stack.loadBalancer.bandwidth });
  const balancer = loadBalancer(context, { vpc: network, subnet: subnetCluster, eip: maybe(balancerEip) });
  const record = dnsRecord(context, { zone, loadBalancer: balancer });
  const kept = existingRecord(context, { loadBalancer: balancer }, ports.delegation);
  const named = {
    preflight: looked,
    agency: trust,
    lock,
    vpc: network,
    subnetCluster,
    natEip,
    natGateway: gateway,
    snatRule: snat,
    securityGroupClient: client,
    securityGroupDatabase: guarded,
    securityRulesClient: clientRuleSet,
    formerRules: formerRules(context, { client, database: guarded, rules: clientRuleSet }),
    zone,
    delegation: delegated,
    database: instance,
    databaseCa: ca,
    formerDatabase: former,
    clusterEip,
    cluster: kubernetes,
    formerCluster: formerCluster(context, { vpc: maybe(network), subnet: maybe(subnetCluster), eip: maybe(clusterEip) }),
    apiAccess: access,
    formerAccess: formerAccess(context, { cluster: kubernetes, vpc: network, access }),
    keyPair: keyPair.leftover,
    nodeGroups: attached,
    bastionGroup: sshGroup,
    bastionEip: sshEip,
    bastion: sshServer,
    kubeconfig: credentials,
    loadBalancerEip: balancerEip,
    loadBalancer: balancer,
    formerLoadBalancer: formerLoadBalancer(context, { vpc: maybe(network), subnet: maybe(subnetCluster), eip: maybe(balancerEip) }),
    record,
    formerRecords: formerRecords(context, { zone, loadBalancer: balancer }),
    existingRecord: kept,
  };
  const passing = use.passing ? [sshServer, sshEip, sshGroup] : [];
  return { ...named, subnetDatabase, nodePools, passing, all: [...Object.values(named), ownDatabaseSubnet, ...nodePools] };
}
