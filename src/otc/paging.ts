/**
 * Owns reading whole lists: one function for each of the paging styles OTC's services have (summarised in each service's
 * API reference, "Querying …"). Always asks the largest page, so that a tenant a hundred times as large costs pages only.
 */
import type { Otc, Query } from './client.ts';
import type { Service } from './endpoints.ts';

export interface List {
  readonly service: Service;
  readonly path: string;
  /** Name of the array in the answer. */
  readonly key: string;
  readonly query?: Query | undefined;
  readonly limit: number;
  readonly fresh?: boolean | undefined;
}

type Page = Readonly<Record<string, unknown>>;

async function page<T>(otc: Otc, list: List, more: Query): Promise<{ items: T[]; body: Page }> {
  const body = await otc.get<Page>(list.service, list.path, { ...list.query, ...more }, list.fresh);
  const items = body[list.key];
  return { items: Array.isArray(items) ? (items as T[]) : [], body };
}

/**
 * Marker is the last id; ends at a page that is not full, unless a link says that more follow: a service that gives less
 * than it was asked for must not hide what exists, or it would be made a second time. VPC, subnet, EIP v1; Neutron v2.0; NAT.
 */
export async function byMarker<T extends { readonly id: string }>(otc: Otc, list: List): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, body } = await page<T>(otc, list, { limit: list.limit, marker: all.at(-1)?.id });
    all.push(...items);
    const links = body[`${list.key}_links`];
    const goesOn = Array.isArray(links) && (links as { rel?: string }[]).some(({ rel }) => rel === 'next');
    if (items.length === 0 || (items.length < list.limit && !goesOn)) return all;
  }
}

/** Marker from `page_info.next_marker`. ELB v3, VPC v3. */
export async function byPageInfo<T>(otc: Otc, list: List): Promise<T[]> {
  const all: T[] = [];
  let marker: string | undefined;
  do {
    const { items, body } = await page<T>(otc, list, { limit: list.limit, marker });
    all.push(...items);
    const next = (body['page_info'] as { next_marker?: string | null } | undefined)?.next_marker;
    marker = items.length === 0 || !next ? undefined : next;
  } while (marker !== undefined);
  return all;
}

/** Offset counts records; ends at the total (`total_count`, for DNS inside `metadata`). RDS v3, DNS v2. */
export async function byOffset<T>(otc: Otc, list: List): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, body } = await page<T>(otc, list, { limit: list.limit, offset: all.length });
    all.push(...items);
    const total = body['total_count'] ?? (body['metadata'] as { total_count?: number } | undefined)?.total_count;
    if (items.length === 0 || (total === undefined ? items.length < list.limit : all.length >= Number(total))) return all;
  }
}
