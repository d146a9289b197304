import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Turns } from '../../../src/engine/turns.ts';

/** Work that goes on until it is told to end. */
function works(
  turns: Turns,
  names: string,
  signal?: AbortSignal,
): { readonly begun: string[]; end(name: string): void; readonly all: Promise<unknown> } {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const all = Promise.all(
    [...names].map((name) =>
      turns.take(() => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      }, signal),
    ),
  );
  return { begun, all, end: (name) => ends.get(name)?.() };
}

test('so many at a time, the others in their order, also after one that failed', async () => {
  const turns = new Turns(2);
  const failing = turns.take(() => Promise.reject(new Error('no')));
  await assert.rejects(failing, /no/);
  const { begun, end, all } = works(turns, 'abcd');
  await tick();
  assert.deepEqual(begun, ['a', 'b']);
  end('b');
  await tick();
  assert.deepEqual(begun, ['a', 'b', 'c']);
  for (const name of 'ac') end(name);
  await tick();
  end('d');
  await all;
  const again = works(turns, 'xyz');
  await tick();
  assert.deepEqual(again.begun, ['x', 'y'], 'no place was lost');
});

test('nobody waits on after the signal, or where waiting is pointless; places are not handed out twice', async () => {
  const turns = new Turns(1);
  const cancel = new AbortController();
  const first = works(turns, 'ab', cancel.signal);
  await tick();
  cancel.abort();
  await tick();
  assert.deepEqual(first.begun, ['a', 'b'], 'b sees itself that it is too late');
  first.end('b');
  const second = works(turns, 'cd');
  await tick();
  assert.deepEqual(second.begun, [], 'a still has the one place');
  turns.releaseAll();
  await tick();
  assert.deepEqual(second.begun, ['c', 'd']);
  for (const name of 'cd') second.end(name);
  first.end('a');
  await Promise.all([first.all, second.all]);
  const third = works(turns, 'ef');
  await tick();
  assert.deepEqual(third.begun, ['e']);
});
