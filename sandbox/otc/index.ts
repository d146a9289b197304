/** Owns the list of the cloud's services and names the ways into this room. One line a service. */
import { cce } from './cce.ts';
import { dns } from './dns.ts';
import { ecs } from './ecs.ts';
import { eip } from './eip.ts';
import { elb } from './elb.ts';
import { evs } from './evs.ts';
import { iam } from './iam.ts';
import { ims } from './ims.ts';
import { nat } from './nat.ts';
import { neutron } from './neutron.ts';
import { nova } from './nova.ts';
import { ports } from './ports.ts';
import { rds } from './rds.ts';
import { securityGroup } from './security-group.ts';
import type { Service } from './service.ts';
import { subnet } from './subnet.ts';
import { tags } from './tags.ts';
import { tms } from './tms.ts';
import { vpc } from './vpc.ts';

export { frontDoor } from './front-door.ts';
export { rdsDownloads } from './rds-downloads.ts';
export { seed, trustCce } from './seed.ts';

/** Shared load balancers also answer on the Neutron host, where generic OpenStack clients look for them. */
const lbaas: Service = {
  name: elb.name,
  prefixes: ['vpc'],
  routes: elb.routes.filter(({ path }) => path.startsWith('/v2.0/lbaas/')),
  error: elb.error,
};

export const services: readonly Service[] = [
  iam,
  vpc,
  subnet,
  neutron,
  securityGroup,
  ports,
  eip,
  tags,
  nat,
  dns,
  tms,
  rds,
  cce,
  elb,
  lbaas,
  ecs,
  nova,
  ims,
  evs,
];
