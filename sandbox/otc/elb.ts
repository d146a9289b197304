/**
 * Owns Elastic Load Balance (API reference chapter 7): dedicated balancers by v3, shared ones by v2.0, tags of both, and
 * their error shapes. Traffic is forwarded by CCE's cloud controller from these tables.
 */
import { projectOf } from './compute-common.ts';
import { catalogRoutes } from './elb-catalog.ts';
import { forwardingRoutes } from './elb-forwarding.ts';
import { guardRoutes } from './elb-guards.ts';
import { listenerRoutes } from './elb-listeners.ts';
import { balancerRoutes } from './elb-loadbalancers.ts';
import { memberRoutes } from './elb-members.ts';
import { poolRoutes } from './elb-pools.ts';
import { sharedRoutes } from './elb-shared.ts';
import { sharedChildRoutes } from './elb-shared-children.ts';
import { sharedMemberRoutes } from './elb-shared-members.ts';
import { elbTables } from './elb-tables.ts';
import type { Service } from './service.ts';
import { tagRoutes } from './tagging.ts';

const isShared = (path: string): boolean => path.startsWith('/v2.0/lbaas');

export const elb: Service = {
  name: 'elb',
  prefixes: ['elb'],
  routes: [
    ...catalogRoutes,
    ...balancerRoutes,
    ...listenerRoutes,
    ...poolRoutes,
    ...memberRoutes,
    ...guardRoutes,
    ...forwardingRoutes,
    ...sharedRoutes,
    ...sharedChildRoutes,
    ...sharedMemberRoutes,
    ...tagRoutes({
      base: '/v2.0/{project_id}/listeners',
      rows: (call) => elbTables(call.world.store).listeners.where((row) => row.project_id === projectOf(call)),
      name: (row) => row.name,
      save: (call, row, tags) => void elbTables(call.world.store).listeners.update(row.id, { tags }),
      codes: { invalid: 'ELB.0002', missing: 'ELB.1002' },
      longest: { key: 36, value: 43 },
    }),
    ...tagRoutes({
      base: '/v2.0/{project_id}/loadbalancers',
      rows: (call) => elbTables(call.world.store).balancers.where((row) => row.project_id === projectOf(call)),
      name: (row) => row.name,
      save: (call, row, tags) => void elbTables(call.world.store).balancers.update(row.id, { tags }),
      codes: { invalid: 'ELB.0002', missing: 'ELB.1002' },
      longest: { key: 36, value: 43 },
    }),
  ],
  error: (path, { code, message, requestId }) =>
    isShared(path) ? { NeutronError: { type: code, message, detail: '' } } : { error_code: code, error_msg: message, request_id: requestId },
  codes: (path) => (isShared(path) ? { invalid: 'BadRequest', forbidden: 'PolicyNotAuthorized' } : { invalid: 'ELB.8902', forbidden: 'ELB.9803' }),
};
