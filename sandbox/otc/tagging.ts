/**
 * Owns the tag calls that several services offer in the same form (API reference 2.4, 8.3): one, batch, list, project-wide
 * and query by tag. A service gives its rows and its limits and gets routes; what a row is remains its own matter.
 */
import { either, integer, list, object, read, required, string } from './fields.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Tag } from './tables/network.ts';

export interface Taggable {
  readonly id: string;
  readonly tags: readonly Tag[];
}

export interface TagOptions<T extends Taggable> {
  /** Path of the collection: `/v2.0/{project_id}/vpcs`. */
  readonly base: string;
  /** The caller's rows. */
  rows(call: Call): readonly T[];
  name(row: T): string;
  save(call: Call, row: T, tags: readonly Tag[]): void;
  readonly codes: { readonly invalid: string; readonly missing: string };
  /** Longest key and value. */
  readonly longest: { readonly key: number; readonly value: number };
}

const tagShape = object({ key: required(string), value: string });
const oneShape = object({ tag: required(tagShape) });
const batchShape = object({ action: required(string), tags: required(list(tagShape)) });
const wantedShape = list(object({ key: required(string), values: list(string) }));
const queryShape = object({
  action: required(string),
  limit: either(integer, string),
  offset: either(integer, string),
  tags: wantedShape,
  tags_any: wantedShape,
  not_tags: wantedShape,
  not_tags_any: wantedShape,
  matches: list(object({ key: required(string), value: required(string) })),
});

const mostTags = 20;
/** What keys and values may hold (API reference 2.4). */
const letters = /^[\p{L}\p{N}_@-]+$/u;

export function tagRoutes<T extends Taggable>(options: TagOptions<T>): Route[] {
  const { base, codes, longest } = options;
  const find = (call: Call): T => {
    const row = options.rows(call).find(({ id }) => id === call.params['resource_id']);
    if (row === undefined) throw new Refusal(404, codes.missing, `Resource ${call.params['resource_id'] ?? ''} does not exist.`);
    return row;
  };
  const check = ({ key, value = '' }: { readonly key: string; readonly value?: string | undefined }): Tag => {
    if (key.length < 1 || key.length > longest.key || !letters.test(key))
      throw new Refusal(400, codes.invalid, `Tag key ${key} is invalid: 1 to ${longest.key} letters, digits, -, _ or @.`);
    if (value.length > longest.value || !(value === '' || letters.test(value)))
      throw new Refusal(400, codes.invalid, `Tag value of ${key} is invalid: 0 to ${longest.value} letters, digits, -, _ or @.`);
    return { key, value };
  };
  const add = (call: Call, row: T, more: readonly Tag[]): void => {
    const tags = [...row.tags.filter(({ key }) => !more.some((tag) => tag.key === key)), ...more];
    if (tags.length > mostTags) throw new Refusal(400, codes.invalid, `The number of tags exceeds ${mostTags}.`);
    options.save(call, row, tags);
  };
  const batch = (call: Call): Reply => {
    const { action, tags } = read(batchShape, call.body);
    const row = find(call);
    if (new Set(tags.map(({ key }) => key)).size < tags.length) throw new Refusal(400, codes.invalid, 'Duplicate tag keys.');
    if (action === 'create') add(call, row, tags.map(check));
    else if (action === 'delete')
      options.save(
        call,
        row,
        row.tags.filter(({ key }) => !tags.some((tag) => tag.key === key)),
      );
    else throw new Refusal(400, codes.invalid, `action must be create or delete, not ${action}.`);
    return { status: 204 };
  };
  const query = (call: Call): Reply => {
    const wanted = read(queryShape, call.body);
    const limit = Number(wanted.limit ?? 1000);
    if (limit < 1 || limit > 1000) throw new Refusal(400, codes.invalid, 'limit must be between 1 and 1000.');
    const has = (row: T, { key, values = [] }: { readonly key: string; readonly values?: readonly string[] | undefined }): boolean =>
      row.tags.some((tag) => tag.key === key && (values.length === 0 || values.includes(tag.value)));
    const found = options
      .rows(call)
      .filter(
        (row) =>
          (wanted.tags ?? []).every((tag) => has(row, tag)) &&
          (wanted.tags_any === undefined || wanted.tags_any.length === 0 || wanted.tags_any.some((tag) => has(row, tag))) &&
          !(wanted.not_tags !== undefined && wanted.not_tags.length > 0 && wanted.not_tags.every((tag) => has(row, tag))) &&
          !(wanted.not_tags_any ?? []).some((tag) => has(row, tag)) &&
          (wanted.matches ?? []).every(({ key, value }) => key !== 'resource_name' || options.name(row).includes(value)),
      );
    if (wanted.action === 'count') return { status: 200, body: { total_count: found.length } };
    if (wanted.action !== 'filter') throw new Refusal(400, codes.invalid, `action must be filter or count, not ${wanted.action}.`);
    const offset = Number(wanted.offset ?? 0);
    const resources = found
      .slice(offset, offset + limit)
      .map((row) => ({ resource_id: row.id, resource_name: options.name(row), resource_detail: null, tags: row.tags }));
    return { status: 200, body: { resources, total_count: found.length } };
  };
  return [
    {
      method: 'POST',
      path: `${base}/{resource_id}/tags`,
      body: required(oneShape),
      handle: (call) => {
        add(call, find(call), [check(read(oneShape, call.body).tag)]);
        return { status: 204 };
      },
    },
    { method: 'POST', path: `${base}/{resource_id}/tags/action`, body: required(batchShape), handle: batch },
    { method: 'GET', path: `${base}/{resource_id}/tags`, handle: (call) => ({ status: 200, body: { tags: find(call).tags } }) },
    {
      method: 'DELETE',
      path: `${base}/{resource_id}/tags/{key}`,
      handle: (call) => {
        const row = find(call);
        if (!row.tags.some(({ key }) => key === call.params['key']))
          throw new Refusal(404, codes.missing, `Tag ${call.params['key'] ?? ''} does not exist.`);
        options.save(
          call,
          row,
          row.tags.filter(({ key }) => key !== call.params['key']),
        );
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: `${base}/tags`,
      handle: (call) => {
        const values = new Map<string, Set<string>>();
        for (const { key, value } of options.rows(call).flatMap((row) => row.tags)) values.set(key, (values.get(key) ?? new Set()).add(value));
        return { status: 200, body: { tags: [...values].map(([key, set]) => ({ key, values: [...set] })) } };
      },
    },
    { method: 'POST', path: `${base}/resource_instances/action`, reads: true, body: required(queryShape), handle: query },
  ];
}
