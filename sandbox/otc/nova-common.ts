/** Owns what Nova's files share: the server of the path, microversions, pages and links, and what ECS's common rules refuse, in Nova's words. */
import { AllocationFailure } from './allocate.ts';
import { projectOf } from './compute-common.ts';
import { hostOf } from './hosts.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
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

/** The newest microversion is 2.60. */
export const newest = 60;

/** The minor microversion that a call asks for: 55 of `compute 2.55`; 1 where it names none. */
export function minorOf(call: Call): number {
  const asked = call.headers['openstack-api-version']?.replace(/^compute /, '') ?? call.headers['x-openstack-nova-api-version'] ?? '2.1';
  return asked === 'latest' ? newest : Number(/^2\.(\d+)$/.exec(asked)?.[1] ?? 1);
}

/** Says which microversion answers, and refuses newer ones, as OpenStack's Nova does (unverified for OTC). */
export const microversioned = (route: Route): Route => ({
  ...route,
  async handle(call): Promise<Reply> {
    const minor = minorOf(call);
    if (minor > newest)
      throw new Refusal(406, 'computeFault', `Version 2.${minor} is not supported by the API. Minimum is 2.1 and maximum is 2.${newest}.`);
    const reply = await route.handle(call);
    const names = { 'OpenStack-API-Version': `compute 2.${minor}`, 'X-OpenStack-Nova-API-Version': `2.${minor}` };
    return { ...reply, headers: { ...names, Vary: Object.keys(names).join(', '), ...reply.headers } };
  },
});

/** `links` of an object of Nova. */
export const linksOf = (call: Call, kind: 'servers' | 'flavors' | 'images', id: string) =>
  ['/v2.1', ''].map((version) => ({
    rel: version === '' ? 'bookmark' : 'self',
    href: `https://${hostOf('ecs', call.region)}${version}/${projectOf(call)}/${kind}/${id}`,
  }));

/**
 * A list's answer: at most `limit` (1000) items after `marker`, `<name>_links` where more follow.
 * @param id what markers name of an item
 * @throws Refusal 400 for an unknown marker or a limit that is no number
 */
export function novaPage<T>(call: Call, name: string, items: readonly T[], id: (item: T) => string, view: (item: T) => unknown): Reply {
  const marker = call.query.get('marker') || null;
  const limit = Number(call.query.get('limit') ?? 1000);
  if (!Number.isInteger(limit) || limit < 0) throw new Refusal(400, 'badRequest', `Invalid input for query parameters: limit ${limit}.`);
  const start = marker === null ? 0 : items.findIndex((item) => id(item) === marker) + 1;
  if (marker !== null && start === 0) throw new Refusal(400, 'badRequest', `marker [${marker}] not found`);
  const shown = items.slice(start, start + Math.min(limit, 1000));
  const last = shown.at(-1);
  const query = new URLSearchParams(call.query);
  if (last !== undefined) query.set('marker', id(last));
  const more = last !== undefined && start + shown.length < items.length;
  const next = more ? { [`${name}_links`]: [{ rel: 'next', href: `https://${call.host}${call.path}?${query}` }] } : {};
  return { status: 200, body: { [name]: shown.map(view), ...next } };
}
