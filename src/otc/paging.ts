/**
 * Owns reading whole lists: one function for each of the paging styles OTC's services have (summarised in each service's
 * API reference, "Querying …"). Always asks the largest page, so that a tenant a hundred times as large costs pages only.
 */
import { Fault } from '../engine/fault.ts';
import type { Otc, Query } from './client.ts';
import type { Service } from './endpoints.ts';
import type { Shape } from './shape.ts';

export interface List {
  readonly service: Service;
  readonly path: string;
  /** Name of the array in the answer. */
  readonly key: string;
  /** What each of its entries must hold. */
  readonly each: Shape;
  readonly query?: Query | undefined;
  readonly limit: number;
  readonly fresh?: boolean | undefined;
}

type Page = Readonly<Record<string, unknown>>;

/** A service that ignores where a page begins would be asked for ever. */
const MOST_PAGES = 1000;

/**
 * Reads pages until `next` gives no further query.
 * @param next where the page after this one begins; `all` holds the items so far, this page's included
 * @throws Fault where the list does not end
 */
async function pages<T>(
  otc: Otc,
  list: List,
  next: (items: readonly T[], body: Page, all: readonly T[]) => Query | undefined,
  first: Query = {},
): Promise<T[]> {
  const { service, path, key, each, query, limit, fresh } = list;
  const all: T[] = [];
  let more: Query | undefined = first;
  for (let count = 0; more !== undefined; count += 1) {
    if (count === MOST_PAGES)
      throw new Fault(`the list ${path} does not end: ${count} pages with ${all.length} entries were read`, {
        hint: 'Ask OTC support: the service does not say where this list ends.',
      });
    const body: Page = await otc.get<Page>(service, path, { must: { [key]: [each, 'or null'] }, query: { ...query, limit, ...more }, fresh });
    const items = (body[key] ?? []) as T[];
    all.push(...items);
    more = items.length === 0 ? undefined : next(items, body, all);
  }
  return all;
}

/**
 * Marker is the last id; ends at a page that is not full, unless a link says that more follow: a service that gives less
 * than it was asked for must not hide what exists, or it would be made a second time. VPC, subnet, EIP v1; Neutron v2.0; NAT.
 */
export function byMarker<T extends { readonly id: string }>(otc: Otc, list: List): Promise<T[]> {
  return pages<T>(otc, list, (items, body) => {
    const links = body[`${list.key}_links`];
    const goesOn = Array.isArray(links) && (links as { rel?: string }[]).some(({ rel }) => rel === 'next');
    return items.length < list.limit && !goesOn ? undefined : { marker: items.at(-1)?.id };
  });
}

/** Marker from `page_info.next_marker`. ELB v3, VPC v3. */
export function byPageInfo<T>(otc: Otc, list: List): Promise<T[]> {
  return pages<T>(otc, list, (_items, body) => {
    const marker = (body['page_info'] as { next_marker?: string | null } | undefined)?.next_marker;
    return marker ? { marker } : undefined;
  });
}

/** Offset counts records; ends at the total (`total_count`, for DNS inside `metadata`). RDS v3, DNS v2. */
export function byOffset<T>(otc: Otc, list: List): Promise<T[]> {
  const next = (items: readonly T[], body: Page, all: readonly T[]): Query | undefined => {
    const total = body['total_count'] ?? (body['metadata'] as { total_count?: number } | undefined)?.total_count;
    const over = total === undefined ? items.length < list.limit : all.length >= Number(total);
    return over ? undefined : { offset: all.length };
  };
  return pages(otc, list, next, { offset: 0 });
}
