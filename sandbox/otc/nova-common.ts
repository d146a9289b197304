/** Owns what Nova's files share: the server of the path, the microversion, and what ECS's common rules refuse, in Nova's words. */
import { AllocationFailure } from './allocate.ts';
import { projectOf } from './compute-common.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal } from './service.ts';
import type { ServerRow } from './tables/compute.ts';

/** The server of the path. @throws Refusal */
export function novaServerOf(call: Call): ServerRow {
  const id = call.params['server_id'] ?? '';
  const row = ecsTables(call.world.store).servers.get(id);
  if (row === undefined || row.hidden === true || row.project_id !== projectOf(call))
    throw new Refusal(404, 'itemNotFound', `Instance ${id} could not be found.`);
  return row;
}

/** @throws Refusal */
export function inNova<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AllocationFailure)
      throw new Refusal(error.reason === 'taken' ? 409 : 400, error.reason === 'taken' ? 'conflictingRequest' : 'badRequest', error.message);
    if (!(error instanceof Refusal)) throw error;
    if (error.code === 'Ecs.0001') throw new Refusal(403, 'forbidden', 'Quota exceeded for instances: Requested 1, but the quota is already used.');
    throw new Refusal(error.status, 'badRequest', error.message);
  }
}

/** The minor microversion that a call asks for: 55 of `compute 2.55`; 1 where it names none. */
export function minorOf(call: Call): number {
  const asked = call.headers['openstack-api-version']?.replace(/^compute /, '') ?? call.headers['x-openstack-nova-api-version'] ?? '2.1';
  return Number(/^2\.(\d+)$/.exec(asked)?.[1] ?? 1);
}
