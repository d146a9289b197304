/** Owns a project's limits of servers and what is used of them, as ECS and Nova both tell them (API reference 9.1; ECS reference, Querying Tenant Quotas). */
import { projectOf, quotaOf } from './compute-common.ts';
import { ecsFlavorOf } from './server-catalog.ts';
import { ecsTables } from './server-make.ts';
import type { Call } from './service.ts';
import type { ServerGroupRow } from './tables/compute.ts';

export function serverLimits(call: Call) {
  const { store } = call.world;
  const mine = (row: { readonly project_id: string }): boolean => row.project_id === projectOf(call);
  const rows = ecsTables(store).servers.where(mine);
  const flavors = rows.map((row) => ecsFlavorOf(row.flavor_id));
  const sum = (of: 'vcpus' | 'ram'): number => flavors.reduce((total, flavor) => total + (flavor?.[of] ?? 0), 0);
  const quota = (name: string, usual: number): number => quotaOf(store, `ecs.${name}`, usual);
  return {
    maxTotalInstances: quota('servers', 200),
    totalInstancesUsed: rows.length,
    maxTotalCores: quota('cores', 800),
    totalCoresUsed: sum('vcpus'),
    maxTotalRAMSize: quota('ram', 1_638_400),
    totalRAMUsed: sum('ram'),
    maxTotalKeypairs: -1,
    maxServerMeta: 128,
    maxPersonality: 5,
    maxPersonalitySize: 10_240,
    maxServerGroups: 10,
    maxServerGroupMembers: 16,
    totalServerGroupsUsed: store.table<ServerGroupRow>('nova.server-groups').where(mine).length,
    maxSecurityGroups: -1,
    maxSecurityGroupRules: -1,
    maxTotalFloatingIps: -1,
    maxImageMeta: 128,
    totalSecurityGroupsUsed: 0,
    totalFloatingIpsUsed: 0,
  };
}
