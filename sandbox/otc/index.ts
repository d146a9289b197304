/** Owns the list of the cloud's services and names the ways into this room. One line a service. */
import { iam } from './iam.ts';
import type { Service } from './service.ts';

export { frontDoor } from './front-door.ts';
export { seed } from './seed.ts';

export const services: readonly Service[] = [iam];
