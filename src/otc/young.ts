/**
 * Owns knowing what this run made a moment ago. A service answers from several places, and some of them say 404 for a while about what
 * another has just made: that is no answer to whether it exists.
 */

/** Milliseconds for which something counts as young. */
const YOUTH = 60_000;

export class Young {
  /** When each was made, by id. */
  readonly #made = new Map<string, number>();

  /** Takes notice of a call that was carried out, and of its answer. */
  heard({ method, path }: { readonly method: string; readonly path: string }, answer: unknown, now: number): void {
    if (method === 'POST') for (const id of idsOf(answer)) this.#made.set(id, now);
    // What this run took away itself is gone when the service says so.
    if (method === 'DELETE') for (const id of path.split('/')) this.#made.delete(id);
  }

  /** Whether a path leads to something young. */
  names(path: string, now: number): boolean {
    return path.split('/').some((id) => now - (this.#made.get(id) ?? Number.NEGATIVE_INFINITY) < YOUTH);
  }
}

/** `{ id }`, `{ vpc: { id } }` and `{ metadata: { uid } }`. */
function idsOf(answer: unknown): string[] {
  if (typeof answer !== 'object' || answer === null) return [];
  const parts = [answer, ...Object.values(answer).filter((part: unknown) => typeof part === 'object' && part !== null)];
  return parts.flatMap(({ id, uid }: { id?: unknown; uid?: unknown }) => [id, uid]).filter((id) => typeof id === 'string');
}
