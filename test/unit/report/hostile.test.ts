/** Whole pages with hostile text in every place: their structure stays what the renderers made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Marked } from 'marked';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { renderComment } from '../../../src/report/comment.ts';
import { inline, prose as proseOf } from '../../../src/report/escape.ts';
import { renderDelta, renderIssue, renderReopening } from '../../../src/report/issue.ts';
import { renderMarkdown } from '../../../src/report/markdown.ts';
import { makeReport, type Report } from '../../../src/report/report.ts';

const pieces = ['</details>', '<details>', '</summary>', '</td>', '|', '\n', '\n\n', '```', '~~~', '`', '<!--', '-->', '<img src=x>', '<script>'];
const more = ['@octocat', 'a@b.example', '#12', 'GH-7', '[x](https://e.example)', '![x](y)', 'https://e.example', 'www.e.example', '::error::x'];
const text = fc.string({
  maxLength: 12,
  unit: fc.constantFrom(...pieces, ...more, '\\', '*', '_', '#', '- ', '1. ', '> ', '\u202e', '\r', 'a', ' ', '&#124;', '&lt;'),
});

/** Text that no renderer escapes or cuts, to compare with. */
const plain = 'plain';

function report(command: string, hostile: () => string): Report {
  const fault = (): Fault =>
    new Fault(hostile(), {
      hint: hostile(),
      resource: hostile(),
      code: hostile(),
      requestId: hostile(),
      place: { file: hostile(), line: 1, column: 1 },
    });
  const outcome = (id: string, more: Partial<Outcome>): Outcome => ({
    ...{ id, title: hostile(), needs: [], verdict: 'update', facts: { id: hostile() }, seconds: 1, done: command === 'deploy' },
    changes: [{ field: hostile(), before: hostile(), after: { inner: hostile() }, why: hostile() }],
    documents: [{ title: hostile(), before: `a\n${hostile()}\n`, after: `b\n${hostile()}\n` }],
    ...more,
  });
  return makeReport({
    command,
    stack: { name: hostile(), region: hostile(), project: hostile() },
    outcomes: [
      outcome('a/one', {}),
      outcome('a/two', { verdict: command === 'deploy' ? 'failed' : 'create', note: hostile(), ...(command === 'deploy' ? { fault: fault() } : {}) }),
      outcome('b/three', { verdict: 'unchanged', changes: [], documents: [], note: hostile() }),
    ],
    ...(command === 'deploy' ? { faults: [fault()] } : {}),
    notices: [fault()],
    versions: { [`part ${hostile()}`]: hostile() },
    nextSteps: [hostile(), hostile()],
    seconds: 1,
    url: `https://login.example.com/${hostile()}`,
    login: { name: hostile(), passwordFrom: hostile() },
  });
}

const mark = { kind: 'comment', command: 'plan', stack: 's', config: 'zitadel.yaml' } as const;
const pages: Readonly<Record<string, (hostile: () => string) => string>> = {
  'summary of a deploy': (hostile) => renderMarkdown(report('deploy', hostile)),
  'summary of a plan': (hostile) => renderMarkdown(report('plan', hostile)),
  'summary of drift': (hostile) => renderMarkdown(report('drift', hostile)),
  'comment of a plan': (hostile) => renderComment(report('plan', hostile), mark, {}),
  'issue about drift': (hostile) =>
    renderIssue(report('drift', hostile), { ...mark, kind: 'drift' }, {}, [{ key: '0'.repeat(12), id: hostile(), text: hostile() }]),
  'comments on the issue': (hostile) =>
    renderDelta(report('drift', hostile), [{ key: '0'.repeat(12), id: 'a/b', text: hostile() }], {}) + renderReopening(report('drift', hostile), {}),
};

const html = (markdown: string): string => new Marked({ gfm: true, breaks: true }).parse(markdown, { async: false });

/** Tags by name with their number; `code` is left out, for a text may need another form of it, and `br`, which a break may add. */
function skeleton(page: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [, name = ''] of html(page).matchAll(/<(\/?[a-z][a-z0-9]*|!--)/g))
    if (!/^\/?(code|br)$/.test(name)) found[name] = (found[name] ?? 0) + 1;
  return found;
}

/** What GitHub would read for mentions and references: the text outside of code. */
function prose(page: string): string {
  return html(page)
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(pre|code)[\s>][\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, '');
}

for (const [what, render] of Object.entries(pages)) {
  test(`property: hostile text leaves the structure of the ${what} alone, mentions nobody and links nowhere`, () => {
    fc.assert(
      fc.property(fc.infiniteStream(text), (stream) => {
        let texts = 0;
        // Something always stands there: an empty text may rightly leave a line out.
        const page = render(() => {
          texts += 1;
          return `x${texts}${stream.next().value ?? ''}`;
        });
        const got = skeleton(page);
        let count = 0;
        const expected = skeleton(
          render(() => {
            count += 1;
            return `${plain}${count}`;
          }),
        );
        const extra = Object.entries(got).filter(
          ([name, count]) =>
            !['details', 'summary', 'pre', 'a'].includes(name.replace('/', '')) && count !== expected[name] && !['p', '/p'].includes(name),
        );
        assert.deepEqual(extra, [], page);
        for (const name of ['details', 'summary', 'pre', 'table', 'p']) assert.equal(got[name] ?? 0, got[`/${name}`] ?? 0, `${name} in ${page}`);
        assert.ok((got['a'] ?? 0) <= (expected['a'] ?? 0), page);
        assert.ok(!/(?<![\w/])@[A-Za-z0-9]/.test(prose(page)), prose(page));
      }),
      { numRuns: 60 },
    );
  });
}

test('the hash of a commit links nowhere, and can be copied from running text', () => {
  const hash = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
  for (const text of [inline(`at ${hash}.`), proseOf(`at ${hash}.`)]) assert.doesNotMatch(prose(text), /\b[0-9a-f]{40}\b/);
  assert.equal(proseOf(`at ${hash}.`), `at \`${hash}\`.`);
  assert.equal(inline(`${hash}${hash}`.slice(0, 64)), `${hash}${hash}`.slice(0, 64), 'a sha256 is none');
});

test('a renderer that escapes nothing would be noticed', () => {
  const leaky = (value: string): string => `| a |\n|---|\n| ${value} |\n`;
  for (const value of ['<img src=x>', 'a\n\n# b', '**x**']) {
    assert.notDeepEqual(skeleton(leaky(value)), skeleton(leaky(plain)), value);
    assert.deepEqual(skeleton(leaky(inline(value))), skeleton(leaky(plain)), value);
  }
  assert.match(prose('by @octocat'), /(?<![\w/])@[A-Za-z0-9]/);
});
