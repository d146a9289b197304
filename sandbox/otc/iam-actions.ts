/**
 * Owns what custom policies are checked for: the action each read needs, and whether policies allow one. Names are those of
 * each service's API reference, chapter "Permissions and Supported Actions" (opentelekomcloud-docs, 2026). Who holds which
 * policy is `auth.ts`'s; the refusal is the front door's.
 */
import type { PolicyDocument } from './tables/iam.ts';

/** The chapter says that the call needs no permission. */
const none = Symbol('no authorization required');
type Needed = string | typeof none;

/** By service of the sandbox: method and path of a route, and its action. */
const actions: Readonly<Record<string, Readonly<Record<string, Needed>>>> = {
  vpc: {
    'GET /v1/{project_id}/vpcs': 'vpc:vpcs:list',
    'GET /v1/{project_id}/vpcs/{vpc_id}': 'vpc:vpcs:get',
    'GET /v3/{project_id}/vpc/vpcs': 'vpc:vpcs:list',
    'GET /v3/{project_id}/vpc/vpcs/{vpc_id}': 'vpc:vpcs:get',
    'GET /v1/{project_id}/quotas': 'vpc:quotas:list',
  },
  subnet: { 'GET /v1/{project_id}/subnets': 'vpc:subnets:get', 'GET /v1/{project_id}/subnets/{subnet_id}': 'vpc:subnets:get' },
  neutron: {
    'GET /v2.0/networks': 'vpc:networks:get',
    'GET /v2.0/networks/{id}': 'vpc:networks:get',
    'GET /v2.0/subnets': 'vpc:subnets:get',
    'GET /v2.0/subnets/{id}': 'vpc:subnets:get',
    'GET /v2.0/routers': 'vpc:routers:get',
    'GET /v2.0/routers/{id}': 'vpc:routers:get',
  },
  'security-group': {
    'GET /v2.0/security-groups': 'vpc:securityGroups:get',
    'GET /v2.0/security-groups/{security_group_id}': 'vpc:securityGroups:get',
    'GET /v2.0/security-group-rules': 'vpc:securityGroupRules:get',
    'GET /v2.0/security-group-rules/{rule_id}': 'vpc:securityGroupRules:get',
    'GET /v1/{project_id}/security-groups': 'vpc:securityGroups:get',
    'GET /v1/{project_id}/security-groups/{security_group_id}': 'vpc:securityGroups:get',
    'GET /v1/{project_id}/security-group-rules': 'vpc:securityGroupRules:get',
    'GET /v1/{project_id}/security-group-rules/{rule_id}': 'vpc:securityGroupRules:get',
    'GET /v3/{project_id}/vpc/security-groups': 'vpc:securityGroups:get',
    'GET /v3/{project_id}/vpc/security-groups/{security_group_id}': 'vpc:securityGroups:get',
    'GET /v3/{project_id}/vpc/security-group-rules': 'vpc:securityGroupRules:get',
    'GET /v3/{project_id}/vpc/security-group-rules/{rule_id}': 'vpc:securityGroupRules:get',
  },
  ports: { 'GET /v2.0/ports': 'vpc:ports:get', 'GET /v2.0/ports/{port_id}': 'vpc:ports:get' },
  eip: {
    'GET /v1/{project_id}/publicips': 'vpc:publicIps:list',
    'GET /v1/{project_id}/publicips/{publicip_id}': 'vpc:publicIps:get',
    'GET /v3/{project_id}/eip/publicips': 'vpc:publicIps:list',
    'GET /v3/{project_id}/eip/publicips/{publicip_id}': 'vpc:publicIps:get',
    'GET /v1/{project_id}/bandwidths': 'vpc:bandwidths:list',
    'GET /v1/{project_id}/bandwidths/{bandwidth_id}': 'vpc:bandwidths:get',
    'GET /v2.0/floatingips': 'vpc:floatingIps:get',
    'GET /v2.0/floatingips/{floatingip_id}': 'vpc:floatingIps:get',
  },
  nat: {
    'GET /v2.0/nat_gateways': 'nat:natGateways:list',
    'GET /v2.0/nat_gateways/{gateway_id}': 'nat:natGateways:get',
    'GET /v2.0/snat_rules': 'nat:snatRules:list',
    'GET /v2.0/snat_rules/{rule_id}': 'nat:snatRules:get',
    'GET /v2.0/dnat_rules': 'nat:dnatRules:list',
    'GET /v2.0/dnat_rules/{rule_id}': 'nat:dnatRules:get',
  },
  dns: {
    'GET /v2/zones': 'dns:zone:list',
    'GET /v2/zones/{zone_id}': 'dns:zone:get',
    'GET /v2/zones/{zone_id}/nameservers': 'dns:zone:list',
    'GET /v2/zones/{zone_id}/recordsets': 'dns:recordset:list',
    'GET /v2/zones/{zone_id}/recordsets/{recordset_id}': 'dns:recordset:get',
    'GET /v2/recordsets': 'dns:recordset:list',
  },
  rds: {
    'GET /v3/{project_id}/datastores/{database_name}': none,
    'GET /v3/{project_id}/flavors/{database_name}': none,
    'GET /v3/{project_id}/storage-type/{database_name}': none,
    'GET /v3/{project_id}/instances': 'rds:instance:list',
    'GET /v3/{project_id}/instances/{instance_id}/backups/policy': 'rds:instance:list',
    'GET /v3/{project_id}/instances/{instance_id}/restore-time': 'rds:instance:list',
    'GET /v3/{project_id}/backups': 'rds:backup:list',
    'GET /v3/{project_id}/configurations': 'rds:param:list',
    'GET /v3/{project_id}/configurations/{config_id}': 'rds:param:list',
    'GET /v3/{project_id}/instances/{instance_id}/configurations': 'rds:param:list',
  },
  cce: {
    'GET /api/v3/projects/{project_id}/clusters': 'cce:cluster:list',
    'GET /api/v3/projects/{project_id}/clusters/{cluster_id}': 'cce:cluster:get',
    'GET /api/v3/projects/{project_id}/clusters/{cluster_id}/clustercert': 'cce:cluster:get',
    // The chapter knows the older form alone; that the newer one needs the same is unverified.
    'POST /api/v3/projects/{project_id}/clusters/{cluster_id}/clustercert': 'cce:cluster:get',
    'GET /api/v3/projects/{project_id}/jobs/{job_id}': 'cce:job:get',
    'GET /api/v3/projects/{project_id}/clusters/{cluster_id}/nodepools': 'cce:nodepool:list',
    'GET /api/v3/projects/{project_id}/clusters/{cluster_id}/nodes': 'cce:node:list',
    'GET /api/v3/projects/{project_id}/clusters/{cluster_id}/nodes/{node_id}': 'cce:node:get',
  },
  elb: {
    'GET /v3/{project_id}/elb/loadbalancers': 'elb:loadbalancers:list',
    'GET /v3/{project_id}/elb/loadbalancers/{loadbalancer_id}': 'elb:loadbalancers:get',
    'GET /v3/{project_id}/elb/loadbalancers/{loadbalancer_id}/statuses': 'elb:loadbalancers:get',
    'GET /v3/{project_id}/elb/listeners': 'elb:listeners:list',
    'GET /v3/{project_id}/elb/listeners/{listener_id}': 'elb:listeners:get',
    'GET /v3/{project_id}/elb/pools': 'elb:pools:list',
    'GET /v3/{project_id}/elb/pools/{pool_id}': 'elb:pools:get',
    'GET /v3/{project_id}/elb/pools/{pool_id}/members': 'elb:members:list',
    'GET /v3/{project_id}/elb/pools/{pool_id}/members/{member_id}': 'elb:members:get',
    'GET /v3/{project_id}/elb/healthmonitors': 'elb:healthmonitors:list',
    'GET /v3/{project_id}/elb/healthmonitors/{healthmonitor_id}': 'elb:healthmonitors:get',
    'GET /v3/{project_id}/elb/l7policies': 'elb:l7policies:list',
    'GET /v3/{project_id}/elb/availability-zones': 'elb:availability-zones:list',
    'GET /v3/{project_id}/elb/quotas': 'elb:quotas:list',
    'GET /v3/{project_id}/elb/quotas/details': 'elb:quotas:list',
    // So the chapter has it, although it only lists.
    'GET /v3/{project_id}/elb/flavors': 'elb:flavors:create',
    'GET /v3/{project_id}/elb/flavors/{flavor_id}': 'elb:flavors:get',
    'GET /v2.0/lbaas/loadbalancers': 'elb:loadbalancers:list',
    'GET /v2.0/lbaas/loadbalancers/{loadbalancer_id}': 'elb:loadbalancers:get',
    'GET /v2.0/lbaas/listeners': 'elb:listeners:list',
    'GET /v2.0/lbaas/pools': 'elb:pools:list',
  },
  ecs: {
    'GET /v1/{project_id}/cloudservers/detail': 'ecs:cloudServers:list',
    'GET /v1/{project_id}/cloudservers/{server_id}': 'ecs:cloudServers:showServer',
    'GET /v1/{project_id}/cloudservers/flavors': 'ecs:cloudServerFlavors:get',
    'GET /v1/{project_id}/cloudservers/limits': 'ecs:cloudServerQuotas:get',
  },
  nova: {
    'GET /v2.1/{project_id}/servers': 'ecs:servers:list',
    'GET /v2.1/{project_id}/servers/detail': 'ecs:servers:list',
    'GET /v2.1/{project_id}/servers/{server_id}': 'ecs:servers:get',
    'GET /v2.1/{project_id}/servers/{server_id}/os-interface': 'ecs:serverInterfaces:get',
    'GET /v2.1/{project_id}/os-keypairs': 'ecs:serverKeypairs:list',
    'GET /v2.1/{project_id}/os-keypairs/{keypair_name}': 'ecs:serverKeypairs:get',
    'GET /v2.1/{project_id}/os-availability-zone': 'ecs:availabilityZones:list',
  },
  ims: { 'GET /v2/cloudimages': 'ims:images:list', 'GET /v2/images': 'ims:images:list', 'GET /v2/images/{image_id}': 'ims:images:get' },
  evs: {
    'GET /v2/{project_id}/volumes/detail': 'evs:volumes:list',
    'GET /v2/{project_id}/cloudvolumes/detail': 'evs:volumes:list',
    'GET /v2/{project_id}/volumes/{volume_id}': 'evs:volumes:get',
    'GET /v2/{project_id}/cloudvolumes/{volume_id}': 'evs:volumes:get',
    'GET /v2/{project_id}/os-quota-sets/{target_project_id}': 'evs:quotas:get',
  },
  iam: { 'GET /v3.0/OS-AGENCY/agencies': 'iam:agencies:listAgencies' },
};

/** The first part of action names, where it is not the sandbox's own name of the service. */
const families: Readonly<Record<string, string>> = {
  subnet: 'vpc',
  neutron: 'vpc',
  'security-group': 'vpc',
  ports: 'vpc',
  eip: 'vpc',
  tags: 'vpc',
  nova: 'ecs',
};

/**
 * The action that policies lack for a call; undefined where they allow it. Reads that no chapter names are open to whoever may
 * do anything in the service at all (unverified); writes that none names need every action of the service.
 */
export function lacking(
  policies: readonly PolicyDocument[],
  call: { readonly service: string; readonly method: string; readonly route: string; readonly writes: boolean },
): string | undefined {
  const { service, method, route, writes } = call;
  const needed = actions[service]?.[`${method} ${route}`];
  if (needed === none) return undefined;
  if (needed !== undefined) return allows(policies, needed) ? undefined : needed;
  const family = families[service] ?? service;
  const write = `${family}:*:${method.toLowerCase()}`;
  if (writes) return allows(policies, write) ? undefined : write;
  const named = Object.entries(actions).flatMap(([name, table]) => ((families[name] ?? name) === family ? Object.values(table) : []));
  return named.length === 0 || family === 'iam' || named.some((one) => one !== none && allows(policies, one)) ? undefined : `${family}:*:get`;
}

/** Denials win; an asterisk stands for any characters, letters count whatever their case (IAM user guide, "Policy Syntax"). */
function allows(policies: readonly PolicyDocument[], action: string): boolean {
  const statements = policies.flatMap(({ Statement }) => Statement).filter(({ Action }) => Action.some((pattern) => matches(pattern, action)));
  return statements.length > 0 && statements.every(({ Effect }) => Effect === 'Allow');
}

function matches(pattern: string, action: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[^\w:-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(action);
}
