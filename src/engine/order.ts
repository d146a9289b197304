/** Owns what the arrows between resources say: the order of a graph, what stands in one place, what follows from what. Pure. */
import type { Outcome } from './outcome.ts';
import type { AnyResource, Change, Maybe, Needs } from './resource.ts';

/** The resource a need stands for. */
export function needed(need: AnyResource | Maybe<AnyResource>): AnyResource {
  return 'maybe' in need ? need.maybe : need;
}

/** All resources of a graph, each after its needs, without repeats. */
export function inOrder(roots: readonly AnyResource[]): AnyResource[] {
  const order = new Set<AnyResource>();
  const add = (resource: AnyResource): void => {
    if (order.has(resource)) return;
    for (const need of Object.values(resource.needs as Needs)) add(needed(need));
    order.add(resource);
  };
  for (const root of roots) add(root);
  const ids = new Set<string>();
  for (const { id } of order) {
    if (ids.has(id)) throw new Error(`two resources are called ${id}`);
    ids.add(id);
  }
  return [...order];
}

/** Both in one cluster, say: where the one could not be looked at, the other cannot either. */
export function inOne(one: AnyResource, other: AnyResource): boolean {
  return one.within !== undefined && one.within === other.within;
}

/** What a resource will take up from what a plan changes of its needs. @param outcomes of its needs */
export function following({ needs, follows = {} }: AnyResource, outcomes: readonly Outcome[]): Change[] {
  const planned = new Set(outcomes.flatMap(({ id, verdict }) => (verdict === 'update' ? [id] : [])));
  return Object.entries(follows).flatMap(([field, names]) => {
    const ids = names.map((name) => needed((needs as Needs)[name] as AnyResource).id).filter((id) => planned.has(id));
    return ids.length === 0 ? [] : [{ field, after: `known after ${ids.join(', ')}`, following: true }];
  });
}
