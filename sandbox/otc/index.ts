/** Owns the list of the cloud's services and names the ways into this room. One line a service. */
import { dns } from './dns.ts';
import { eip } from './eip.ts';
import { iam } from './iam.ts';
import { nat } from './nat.ts';
import { neutron } from './neutron.ts';
import { ports } from './ports.ts';
import { securityGroup } from './security-group.ts';
import type { Service } from './service.ts';
import { subnet } from './subnet.ts';
import { tags } from './tags.ts';
import { vpc } from './vpc.ts';

export { frontDoor } from './front-door.ts';
export { seed } from './seed.ts';

export const services: readonly Service[] = [iam, vpc, subnet, neutron, securityGroup, ports, eip, tags, nat, dns];
