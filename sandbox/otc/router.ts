/** Owns which route answers a path: the services of a host's label, literal segments before placeholders. */
import type { Route, Service } from './service.ts';

export interface Found {
  readonly service: Service;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface Compiled {
  readonly service: Service;
  readonly route: Route;
  readonly segments: readonly string[];
}

const isPlaceholder = (segment: string): boolean => segment.startsWith('{');

/** Segments of a path, decoded; a trailing slash does not matter. */
export const segmentsOf = (path: string): string[] =>
  path
    .replace(/\/+$/, '')
    .split('/')
    .slice(1)
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch (error) {
        if (error instanceof URIError) return segment;
        throw error;
      }
    });

/** At the first difference the literal segment wins. */
function moreLiteral(a: Compiled, b: Compiled): number {
  for (const [index, segment] of a.segments.entries()) {
    const difference = Number(isPlaceholder(segment)) - Number(isPlaceholder(b.segments[index] ?? ''));
    if (difference !== 0) return difference;
  }
  return 0;
}

export class Router {
  readonly #routes = new Map<string, Compiled[]>();

  constructor(services: readonly Service[]) {
    for (const service of services)
      for (const prefix of service.prefixes)
        for (const route of service.routes) {
          const segments = segmentsOf(route.path.replaceAll('{', '%7B').replaceAll('}', '%7D'));
          const key = `${prefix} ${segments.length}`;
          const list = this.#routes.get(key) ?? [];
          list.push({ service, route, segments });
          this.#routes.set(key, list);
        }
    for (const list of this.#routes.values()) list.sort(moreLiteral);
  }

  /** Labels that any service answers. */
  has(prefix: string): boolean {
    return [...this.#routes.keys()].some((key) => key.startsWith(`${prefix} `));
  }

  find(prefix: string, method: string, path: string): Found | undefined {
    const segments = segmentsOf(path);
    const candidates = this.#routes.get(`${prefix} ${segments.length}`) ?? [];
    const match = candidates.find(
      ({ route, segments: pattern }) =>
        route.method === method && pattern.every((part, index) => (isPlaceholder(part) ? segments[index] !== '' : part === segments[index])),
    );
    if (match === undefined) return undefined;
    const params = Object.fromEntries(
      match.segments.flatMap((part, index) => (isPlaceholder(part) ? [[part.slice(1, -1), segments[index] ?? '']] : [])),
    );
    return { service: match.service, route: match.route, params };
  }
}
