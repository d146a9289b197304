/** Whole texts as folded differences: exact, cut at an object, and nothing breaks out of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Marked } from 'marked';
import { documents } from '../../../src/report/documents.ts';
import { lineDiff } from '../../../src/report/line-diff.ts';
import { renderMarkdown } from '../../../src/report/markdown.ts';
import { makeReport } from '../../../src/report/report.ts';

const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd: 1', ' e', ''), { maxLength: 30 }).map((lines) => lines.map((line) => `${line}\n`).join(''));

test('property: a difference with all its context holds both texts', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = lineDiff(before, after, 1000);
      if (before === after) return assert.deepEqual(lines, []);
      const side = (sign: string): string =>
        lines
          .filter((line) => line.startsWith(sign) || line.startsWith(' '))
          .map((line) => `${line.slice(1)}\n`)
          .join('');
      assert.equal(side('-'), before);
      assert.equal(side('+'), after);
    }),
    { numRuns: 500 },
  );
});

test('only what is near a change is shown', () => {
  const before = Array.from({ length: 40 }, (_, index) => `line ${index}`);
  const after = before.map((line, index) => (index === 5 || index === 30 ? `${line} changed` : line));
  assert.deepEqual(lineDiff(before.join('\n'), after.join('\n'), 1), [
    ...['@@', ' line 4', '-line 5', '+line 5 changed', ' line 6'],
    ...['@@', ' line 29', '-line 30', '+line 30 changed', ' line 31'],
  ]);
  assert.deepEqual(lineDiff('', 'a\nb\n'), ['+a', '+b']);
});

test('two texts too long to compare line by line are shown as a whole', () => {
  const long = (word: string): string => Array.from({ length: 2100 }, (_, index) => `${word} ${index}`).join('\n');
  assert.equal(lineDiff(long('a'), long('b')).length, 4200);
});

const many = Array.from({ length: 20 }, (_, index) => ({
  title: `ConfigMap c${index}: stored → rendered`,
  before: 'a: 1\n'.repeat(20),
  after: 'a: 2\n'.repeat(20),
}));

test('cut at an object, with the count left out', () => {
  const shown = documents({ title: 'Helm release', documents: many }, 100);
  assert.equal(shown.split('<details>').length - 1, 3, 'one fold of the release, two of objects');
  assert.match(shown, /manifests, 20 objects/);
  assert.match(shown, /… and 18 more objects/);
  assert.match(shown, /ConfigMap c0: stored → rendered <code>\+20 -20<\/code>/);
  assert.equal(documents({ title: 'Helm release', documents: many }, 0), '');
  assert.equal(documents({ title: 'Helm release' }, 100), '');
  assert.match(documents({ title: 'Helm release', documents: many }, 30), /# … 10 more lines[\s\S]*… and 19 more objects/);
});

test('a summary with manifests of any size stays below the limit, and keeps its verdict', () => {
  const huge = many.map((one) => ({ ...one, after: 'x'.repeat(200_000) }));
  const outcome = { id: 'a/b', title: 'Helm release', needs: [], verdict: 'update', changes: [], facts: {}, seconds: 1, done: false } as const;
  const report = makeReport({ command: 'plan', outcomes: [{ ...outcome, documents: huge }], versions: {}, seconds: 1 });
  const summary = renderMarkdown(report);
  assert.ok(Buffer.byteLength(summary) < 1_000_000);
  assert.match(summary, /^## .*plan: 1 to update/);
});

test('property: no text of a manifest leaves its fold', () => {
  const hostile = fc.string({
    maxLength: 80,
    unit: fc.constantFrom(
      '`',
      '```',
      '~~~',
      '\n',
      '</details>',
      '</code>',
      '<img src=x>',
      '<!--',
      '@octocat',
      '[x](https://e.example)',
      ' ',
      '-',
      '|',
      'a',
    ),
  });
  fc.assert(
    fc.property(hostile, hostile, hostile, (title, before, after) => {
      const shown = documents({ title, documents: [{ title, before, after }] }, 100);
      const html = new Marked({ gfm: true }).parse(`${shown}\n\nlast\n`, { async: false });
      const count = (pattern: RegExp): number => [...html.matchAll(pattern)].length;
      assert.equal(count(/<details>/g), count(/<\/details>/g), html);
      assert.equal(count(/<details>/g), shown === '' ? 0 : 2);
      assert.equal(/<img|<a |<!--/.test(html), false, html);
      assert.match(html, /<p>last<\/p>\n$/);
    }),
    { numRuns: 1000 },
  );
});
