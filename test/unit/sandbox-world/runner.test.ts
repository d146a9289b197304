/** The runner's treatment of output: commands, masks, files, and the summary in a terminal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandProcessor, LineCutter, parseCommand, parseFileCommands } from '../../../sandbox/runner/commands.ts';
import { Masks } from '../../../sandbox/runner/masks.ts';
import { asTree, readFlowchart } from '../../../sandbox/runner/mermaid.ts';
import { renderSummary, widthOf } from '../../../sandbox/runner/summary.ts';

const processed = (...lines: readonly string[]) => {
  const shown: string[] = [];
  const processor = new CommandProcessor((line) => shown.push(line));
  for (const line of lines) processor.line(line);
  return { shown, processor };
};

describe('masks', () => {
  it('cover values, their lines and their encoded forms', () => {
    const masks = new Masks();
    masks.add('first-line-secret\nsecond "quoted" & line');
    for (const text of [
      'first-line-secret',
      'second "quoted" & line',
      JSON.stringify({ a: 'second "quoted" & line' }),
      `u=${encodeURIComponent('second "quoted" & line')}`,
      Buffer.from('first-line-secret').toString('base64'),
    ]) {
      assert.doesNotMatch(masks.apply(text), /first-line|quoted|Zmlyc3QtbGluZS1zZWNyZXQ/, text);
    }
  });

  it('cover base64 at every offset', () => {
    const masks = new Masks();
    masks.add('S3cretS3cretS3cret');
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const text = Buffer.from(`${before}S3cretS3cretS3cretzz`).toString('base64');
      assert.match(masks.apply(text), /\*\*\*/, before);
    }
  });

  it('are not made of nothing', () => {
    const masks = new Masks();
    masks.add('  \n');
    assert.equal(masks.apply('a  b'), 'a  b');
    assert.deepEqual(masks.values(), []);
  });
});

describe('workflow commands', () => {
  it('are read with their escapes', () => {
    assert.deepEqual(parseCommand('::error file=a%2Cb.yml,line=1::one%0Atwo%25'), {
      name: 'error',
      properties: { file: 'a,b.yml', line: '1' },
      data: 'one\ntwo%',
    });
    assert.equal(parseCommand('text ::error::x'), undefined);
    assert.equal(parseCommand('https://host::1'), undefined);
  });

  it('mask from the next line on, and never show the mask', () => {
    const { shown, processor } = processed('topsecret1', '::add-mask::topsecret1', 'a topsecret1 b', '::warning title=T topsecret1::topsecret1!');
    assert.deepEqual(shown, ['topsecret1', 'a *** b', '##[warning]***!']);
    assert.deepEqual(processor.annotations, [{ level: 'warning', title: 'T ***', message: '***!' }]);
  });

  it('stop and resume with a token', () => {
    const { shown } = processed('::stop-commands::abc', '::add-mask::shown-as-is', '::abc::', '::group::G', 'in', '::endgroup::', 'out');
    assert.deepEqual(shown, ['::add-mask::shown-as-is', '▼ G', '  in', 'out']);
  });

  it('are found in output that comes in pieces', () => {
    const lines: string[] = [];
    const cutter = new LineCutter((line) => lines.push(line));
    for (const piece of ['::add', '-mask::x\r\nta', 'il']) cutter.push(piece);
    cutter.end();
    assert.deepEqual(lines, ['::add-mask::x', 'tail']);
  });

  it('begin behind a lone carriage return as well, also where that ends a piece, and behind any white space of .NET', () => {
    const lines: string[] = [];
    const cutter = new LineCutter((line) => lines.push(line));
    for (const piece of ['a\r', '\nb\r', '::stop-commands::x\rc\r']) cutter.push(piece);
    cutter.end();
    assert.deepEqual(lines, ['a', 'b', '::stop-commands::x', 'c']);
    for (const space of ['\u0085', '\u00a0', '\u2028', '\v\t']) assert.equal(parseCommand(`${space}::group::x`)?.name, 'group');
    assert.equal(parseCommand('\u200b::group::x'), undefined);
  });

  it('in files are lines and blocks', () => {
    assert.deepEqual(parseFileCommands('a=1=2\nb<<E\nx\n\ny\nE\n'), { a: '1=2', b: 'x\n\ny' });
    assert.throws(() => parseFileCommands('b<<E\nx\n'), /delimiter not found/);
    assert.throws(() => parseFileCommands('nonsense'), /Invalid format/);
  });
});

describe('a summary in a terminal', () => {
  const terminal = { columns: 80, colour: false };

  it('shows tables in columns, links with their address, folded parts with their title', () => {
    const text = renderSummary(
      '## Done ✅\n\n| Resource | s |\n|---|--:|\n| **vpc** `x` | 12 |\n\n<details><summary>More</summary>\n\nSee [here](https://a.test)\n\n</details>',
      terminal,
    );
    assert.match(text, /^Done ✅$/m);
    assert.match(text, /^ {2}Resource {3}s$/m);
    assert.match(text, /^ {2}vpc x {5}12$/m);
    assert.match(text, /▸ More\n\nSee here \(https:\/\/a\.test\)/);
    assert.doesNotMatch(text, /[<|*]/);
  });

  it('sets what is folded in a list item below its text', () => {
    const text = renderSummary(
      '- **release:** failed\n  - **What to do:** Run again.\n\n  <details><summary>2 more lines</summary>\n\n  ```text\n  pod a\n  pod b\n  ```\n\n  </details>\n',
      terminal,
    );
    assert.equal(text, '  • release: failed\n    • What to do: Run again.\n    ▸ 2 more lines\n        pod a\n        pod b');
  });

  it('shows a Mermaid graph as a tree', () => {
    const graph = readFlowchart(
      'flowchart LR\n  subgraph r0["network"]\n    n0["vpc"]:::ok\n    n1["subnet"]\n  end\n  n0 --> n1\n  n1 --> n2["db"]\n  n0 --> n2\n  classDef ok fill:#fff\n  class r0 room\n  class n2 failed',
    );
    assert.equal(
      asTree(graph, (label, name) => `${label}${name === undefined ? '' : `(${name})`}`),
      'network/vpc(ok)\n└ network/subnet\n  └ db(failed)  ← also network/vpc',
    );
  });

  it('measures pictographs as two columns', () => {
    assert.equal(widthOf('✅ ok'), 5);
  });
});
