/** Owns the tags of VPCs, subnets and EIPs (API reference 2.4). The form of the calls is shared: `tagging.ts`. */
import type { Service } from './service.ts';
import { networkTables } from './tables/network.ts';
import { tagRoutes } from './tagging.ts';
import { projectOfCall, vpcCodes, vpcError } from './vpc-common.ts';

const limits = { codes: { invalid: 'VPC.1801', missing: 'VPC.1802' }, longest: { key: 36, value: 43 } };

export const tags: Service = {
  name: 'tags',
  prefixes: ['vpc'],
  codes: vpcCodes('VPC.1801'),
  error: vpcError,
  routes: [
    ...tagRoutes({
      ...limits,
      base: '/v2.0/{project_id}/vpcs',
      rows: (call) => networkTables(call.world.store).vpcs.where((row) => row.tenant_id === projectOfCall(call)),
      name: (row) => row.name,
      save: (call, row, now) => void networkTables(call.world.store).vpcs.update(row.id, { tags: now }),
    }),
    ...tagRoutes({
      ...limits,
      base: '/v2.0/{project_id}/subnets',
      rows: (call) => networkTables(call.world.store).subnets.where((row) => row.tenant_id === projectOfCall(call)),
      name: (row) => row.name,
      save: (call, row, now) => void networkTables(call.world.store).subnets.update(row.id, { tags: now }),
    }),
    ...tagRoutes({
      ...limits,
      base: '/v2.0/{project_id}/publicips',
      rows: (call) => networkTables(call.world.store).publicIps.where((row) => row.tenant_id === projectOfCall(call)),
      name: (row) => row.alias,
      save: (call, row, now) => void networkTables(call.world.store).publicIps.update(row.id, { tags: now }),
    }),
  ],
};
