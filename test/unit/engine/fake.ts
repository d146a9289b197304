/** Owns the world of plain strings that the engine's tests walk over, and a walk's surroundings. */
import { Fault } from '../../../src/engine/fault.ts';
import type { Journal, Outcome } from '../../../src/engine/outcome.ts';
import { type AnyResource, type Needs, type Resource, resource } from '../../../src/engine/resource.ts';

/** A world of plain strings: what exists, by id, and what was done to it, in order. */
export class Fake {
  readonly exists = new Map<string, string>();
  readonly events: string[] = [];
  readonly broken = new Set<string>();
  pauseMs = 0;

  make<N extends Needs>(id: string, needs: N, options: Partial<Resource<N, string, string>> & { value?: string } = {}): Resource<N, string, string> {
    return resource<N, string, string>({
      id,
      title: id,
      needs,
      wanted: true,
      want: () => options.value ?? 'v',
      observe: async () => this.exists.get(id),
      diff: (spec, seen) => (spec === seen ? [] : [{ field: 'value', before: seen, after: spec }]),
      apply: async (spec) => {
        if (this.broken.has(id)) throw new Fault(`${id} is broken`);
        this.events.push(`+${id}`);
        await new Promise((done) => setTimeout(done, this.pauseMs));
        this.exists.set(id, spec);
        return spec;
      },
      destroy: async () => {
        this.events.push(`-${id}`);
        this.exists.delete(id);
      },
      ...options,
    });
  }
}

export const silent: Journal = { begin: () => undefined, say: () => undefined, end: () => undefined };
export const options = (write: boolean, more: object = {}) => ({
  write,
  signal: new AbortController().signal,
  journal: silent,
  mayDelete: () => false,
  ...more,
});
export const verdicts = (outcomes: readonly Outcome[]) => Object.fromEntries(outcomes.map(({ id, verdict }) => [id, verdict]));

export function small(fake: Fake): { vpc: AnyResource; subnet: AnyResource; database: AnyResource; cluster: AnyResource } {
  const vpc = fake.make('vpc', {});
  const subnet = fake.make('subnet', { vpc });
  const database = fake.make('database', { subnet }, { protect: 'data' });
  const cluster = fake.make('cluster', { subnet }, { protect: 'cluster' });
  return { vpc, subnet, database, cluster };
}
