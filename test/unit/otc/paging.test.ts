/** Twins of `paging.ts`: how each style of list goes on, and that none goes on for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Otc, Query } from '../../../src/otc/client.ts';
import { byMarker, byOffset, byPageInfo } from '../../../src/otc/paging.ts';

const list = { service: 'vpc', path: '/v1/p/vpcs', key: 'rows', each: {}, limit: 2 } as const;
const rows = ['a', 'b', 'c'].map((id) => ({ id }));
/** A service that answers as `answer` says, and the queries that it was sent. */
function service(answer: (query: Query) => unknown): { readonly otc: Otc; readonly asked: Query[] } {
  const asked: Query[] = [];
  const get = async (_service: string, _path: string, { query = {} }: { query?: Query }): Promise<unknown> => {
    asked.push(query);
    return answer(query);
  };
  return { otc: { get } as unknown as Otc, asked };
}

test('each style asks for the page after the last one, and ends', async () => {
  const after = ({ marker }: Query) => rows.filter(({ id }) => marker === undefined || id > String(marker)).slice(0, 2);
  const marked = service((query) => ({ rows: after(query) }));
  assert.deepEqual(await byMarker(marked.otc, list), rows);
  assert.deepEqual(
    marked.asked.map(({ marker }) => marker),
    [undefined, 'b'],
  );
  const told = service((query) => ({ rows: after(query), page_info: query['marker'] === undefined ? { next_marker: 'b' } : {} }));
  assert.deepEqual(await byPageInfo(told.otc, list), rows);
  const counted = service(({ offset }) => ({ rows: rows.slice(Number(offset), Number(offset) + 2), total_count: 3 }));
  assert.deepEqual(await byOffset(counted.otc, list), rows);
  assert.deepEqual(
    counted.asked.map(({ offset }) => offset),
    [0, 2],
  );
});

test('a service that ignores where a page begins is not asked for ever', async () => {
  const same = () => ({ rows: rows.slice(0, 2), page_info: { next_marker: 'b' } });
  for (const read of [byMarker<{ id: string }>, byPageInfo, byOffset]) {
    const { otc, asked } = service(same);
    await assert.rejects(read(otc, list), /the list \/v1\/p\/vpcs does not end: 1000 pages with 2000 entries/);
    assert.equal(asked.length, 1000);
  }
});
