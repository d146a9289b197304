/** The report: verdicts, the Markdown as a whole, foreign text that cannot break out, and the limit of size. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Marked } from 'marked';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import { code, fenced, inline } from '../../../src/report/escape.ts';
import { graphOf } from '../../../src/report/graph.ts';
import { renderJson } from '../../../src/report/json.ts';
import { LARGEST, renderMarkdown } from '../../../src/report/markdown.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import { changesKnown, durationText, hasChanges, makeReport, type ReportParts } from '../../../src/report/report.ts';
import { Secret } from '../../../src/secret.ts';

function outcome(id: string, verdict: Verdict, more: Partial<Outcome> = {}): Outcome {
  return { id, title: `Thing ${id}`, needs: [], verdict, changes: [], facts: {}, seconds: 1, done: false, ...more };
}

const base: ReportParts = {
  command: 'deploy',
  stack: { name: 'zitadel-prod', region: 'eu-de' },
  outcomes: [],
  versions: {},
  seconds: 12,
};

const failed: ReportParts = {
  ...base,
  stack: { name: 'zitadel-prod', region: 'eu-de', project: 'eu-de_iam' },
  outcomes: [
    outcome('network/vpc', 'create', { title: 'VPC zitadel-prod-vpc-1a2b3c', done: true, facts: { id: '99d9d709-8478-4b46-9f3f-2206b1023fd3' } }),
    outcome('network/subnet', 'unchanged', { needs: ['network/vpc'] }),
    outcome('database/instance', 'update', {
      needs: ['network/vpc', 'network/subnet'],
      done: true,
      seconds: 421,
      changes: [{ field: 'volume.size', before: 100, after: 200, why: 'it grows' }],
    }),
    outcome('cluster/cluster', 'failed', {
      needs: ['network/subnet'],
      seconds: 512.4,
      fault: new Fault('quota reached: cluster\nsecond line', {
        status: 400,
        code: 'CCE.01400007',
        requestId: 'a1b2c3',
        hint: 'Ask for more clusters.',
      }),
    }),
    outcome('zitadel/release', 'blocked', { needs: ['cluster/cluster', 'database/instance'], note: 'waits for cluster/cluster' }),
    outcome('cluster/bastion', 'absent'),
  ],
  url: 'https://login.example.com',
  consoleUrl: 'https://login.example.com/ui/console',
  login: { name: 'zitadel-admin@zitadel.login.example.com', passwordFrom: 'derived from stack-secret, see docs/secrets.md' },
  versions: { ZITADEL: 'v4.13.0', Kubernetes: 'v1.33' },
  notices: [new Fault('cluster.allow[0]: open to the whole internet', { hint: 'Name the networks.' })],
  nextSteps: ['Raise the quota.', 'Run this workflow again: it continues where it stopped.'],
  apiCalls: 212,
  planDigest: `${'ab'.repeat(32)}.`,
};

/** Compares with a file beside this one; UPDATE_GOLDEN=1 writes it. */
function golden(name: string, text: string): void {
  const file = new URL(`golden/${name}.txt`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'), `${name}.txt differs; UPDATE_GOLDEN=1 writes it anew`);
}

test('a failed deploy, whole', () => golden('failed.md', renderMarkdown(makeReport(failed))));

test('a plan, whole', () => {
  const outcomes = failed.outcomes.filter(({ verdict }) => !['failed', 'blocked'].includes(verdict)).map((one) => ({ ...one, done: false }));
  golden('plan.md', renderMarkdown(makeReport({ ...failed, command: 'plan', outcomes, nextSteps: [], notices: [] })));
});

test('an error of the stack file has its place', () => {
  const place = { file: 'zitadel.yaml', line: 3, column: 9 };
  golden(
    'config.md',
    renderMarkdown(makeReport({ ...base, faults: [new Fault('region: "eu-dee" is not possible', { place, hint: 'Did you mean "eu-de"?' })] })),
  );
});

test('a failure that begins with its resource’s title says that once', () => {
  const title = 'Helm release zitadel/zitadel (zitadel 9.34.0)';
  const fault = new Fault(`${title} failed: no answer\npod a\npod b`, { hint: 'Look at the pods.' });
  const text = renderMarkdown(makeReport({ ...base, outcomes: [outcome('zitadel/release', 'failed', { title, fault })] }));
  assert.match(text, /\*\*Helm release zitadel\/zitadel \(zitadel 9\.34\.0\):\*\* failed: no answer/);
  assert.match(text, /\| Helm release zitadel\/zitadel \(zitadel 9\.34\.0\) \| [^|]* \| failed: no answer \|/);
});

for (const [what, parts, result, verdict] of [
  ['nothing to do', { outcomes: [outcome('a/b', 'unchanged')] }, 'unchanged', 'zitadel-prod: in sync, nothing to change'],
  [
    'a deploy',
    { outcomes: [outcome('a/b', 'create', { done: true }), outcome('a/c', 'delete', { done: true })] },
    'changed',
    'zitadel-prod: deployed: 1 created, 1 deleted',
  ],
  ['a plan', { command: 'plan', outcomes: [outcome('a/b', 'create')] }, 'changed', 'zitadel-prod: plan: 1 to create'],
  [
    'drift',
    { command: 'drift', outcomes: [outcome('a/b', 'update'), outcome('a/c', 'unchanged')] },
    'drifted',
    'zitadel-prod: drifted: 1 difference (1 medium)',
  ],
  ['no drift', { command: 'drift', outcomes: [outcome('a/b', 'unchanged')] }, 'unchanged', 'zitadel-prod: in sync, nothing to change'],
  ['a check', { command: 'check', outcomes: [outcome('a/b', 'unchanged')] }, 'unchanged', 'zitadel-prod: ready to deploy'],
  [
    'destroyed but the data',
    { command: 'destroy', outcomes: [outcome('a/b', 'delete', { done: true }), outcome('a/c', 'kept')] },
    'changed',
    'zitadel-prod: destroyed: 1 deleted, 1 kept',
  ],
  [
    'a plan that would be refused',
    { command: 'plan', outcomes: [outcome('a/b', 'replace', { refused: true }), outcome('a/c', 'update')] },
    'failed',
    'zitadel-prod: plan: 1 refused, 1 to update',
  ],
  [
    'a plan of destroy',
    { command: 'plan', ofDestroy: true, outcomes: [outcome('a/b', 'delete')] },
    'changed',
    'zitadel-prod: plan of destroy: 1 to delete',
  ],
  [
    'a destroy that finds only what stays',
    { command: 'destroy', outcomes: [outcome('network/vpc', 'kept'), outcome('database/instance', 'kept'), outcome('a/b', 'absent')] },
    'unchanged',
    'zitadel-prod: nothing to do, 2 kept: Thing network/vpc, Thing database/instance',
  ],
  ['one of nothing', { command: 'plan', ofDestroy: true, outcomes: [outcome('a/b', 'absent')] }, 'unchanged', 'zitadel-prod: nothing to do'],
  ['a cancel', { cancelled: true, outcomes: [outcome('a/b', 'create', { done: true })] }, 'failed', 'zitadel-prod: cancelled: 1 created'],
  ['bad inputs', { faults: [new Fault('x'), new Fault('y')] }, 'failed', 'zitadel-prod: deploy failed with 2 errors'],
  ['a stack file that cannot be read', { stack: undefined, faults: [new Fault('x')] }, 'failed', 'deploy failed'],
  ['a blocked resource', { outcomes: [outcome('a/b', 'blocked')] }, 'failed', 'zitadel-prod: deploy did not finish: 1 blocked'],
] as const) {
  test(`verdict of ${what}`, () => {
    const report = makeReport({ ...base, ...parts });
    assert.equal(report.result, result);
    assert.equal(report.verdict, verdict);
  });
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({
    maxLength: 60,
    unit: fc.constantFrom(
      ...'<>/&|`*_~[]()!\\#@:\n\r\t$"\'-+=123. ',
      'a',
      'www.',
      'https://',
      '</details>',
      '@octocat',
      '```',
      '|',
      '<!--',
      '<img src=x>',
      '[x](https://e.example)',
      '\u202e',
    ),
  }),
);

/** Tags that GitHub's Markdown makes of it, beside the ones given. */
function tags(markdown: string, allowed: RegExp): string[] {
  const html = new Marked({ gfm: true, breaks: true }).parse(markdown, { async: false });
  return [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag).filter((tag) => !allowed.test(tag));
}

test('property: foreign text in a line makes no markup, no link, no mention', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const safe = inline(text);
      assert.ok(!/[\n\r|]/.test(safe));
      assert.ok(!/@[A-Za-z0-9]/.test(safe), safe);
      assert.deepEqual(tags(`x ${safe}`, /^<\/?p>$/), [], safe);
      assert.deepEqual(tags(`- ${safe}`, /^<\/?(ul|li)>$/), [], safe);
    }),
    { numRuns: 1000 },
  );
});

test('text that is not escaped would be noticed', () => {
  for (const text of ['<img src=x>', '[x](https://e.example)', 'https://e.example', 'www.e.example', '**x**', '`x`', 'a@b.example'])
    assert.notDeepEqual(tags(`x ${text}`, /^<\/?p>$/), [], text);
});

test('property: foreign text in a cell stays in its cell', () => {
  fc.assert(
    fc.property(hostile, hostile, (one, other) => {
      const markdown = `| a | b |\n|---|---|\n| ${inline(one)} | ${code(other)} |\n| last | row |\n\n<details>\n\nx\n\n</details>\n`;
      const html = new Marked({ gfm: true }).parse(markdown, { async: false });
      assert.equal([...html.matchAll(/<td>/g)].length, 4, markdown);
      assert.equal([...html.matchAll(/<\/details>/g)].length, 1, markdown);
      assert.equal(/<a |<img/.test(html), false, markdown);
    }),
    { numRuns: 600 },
  );
});

test('property: nothing closes a fence from inside', () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), (lines) => {
      const html = new Marked({ gfm: true }).parse(`${fenced(lines, 'diff')}\n\nafter\n`, { async: false });
      assert.match(html, /^<pre><code class="language-diff">[\s\S]*<\/code><\/pre>\n<p>after<\/p>\n$/);
      assert.equal([...html.matchAll(/<pre>/g)].length, 1);
    }),
    { numRuns: 400 },
  );
});

test('never above the limit, however much there is, and the verdict stays', () => {
  const changes = Array.from({ length: 60 }, (_, index) => ({ field: `field${index}`, before: 'x'.repeat(300), after: 'ß'.repeat(300) }));
  const outcomes = Array.from({ length: 300 }, (_, index) =>
    outcome(`a/${index}`, 'update', { changes, title: `Thing ${index} ${'y'.repeat(200)}` }),
  );
  const report = makeReport({ ...base, outcomes });
  for (const largest of [LARGEST, 200_000, 50_000, 500]) {
    const text = renderMarkdown(report, largest);
    assert.ok(Buffer.byteLength(text) <= largest, `${Buffer.byteLength(text)} above ${largest}`);
    assert.match(text, /^## .*zitadel-prod: deployed|^## .*zitadel-prod: deploy/);
  }
});

test('the graph: rooms, colours, no arrow that follows from others, no markup from ids', () => {
  const text = graphOf([
    outcome('network/vpc', 'unchanged'),
    outcome('network/subnet', 'create', { needs: ['network/vpc'] }),
    outcome('cluster/"]-->x', 'failed', { needs: ['network/vpc', 'network/subnet'] }),
    outcome('cluster/gone', 'absent', { needs: ['network/vpc'] }),
  ]);
  assert.deepEqual(
    text.split('\n').filter((line) => line.includes('-->')),
    ['  n0 --> n1', '  n1 --> n2'],
  );
  assert.ok(!text.includes('gone') && text.includes('n2["Thing cluster/ -- x"]:::failed') && text.includes('classDef failed'), text);
});

test('secrets are redacted in every rendering', () => {
  const secret = new Secret('planted-secret-in-report');
  const report = makeReport({
    ...base,
    outcomes: [outcome('a/b', 'failed', { fault: new Fault(`password ${secret.open()} refused`, { hint: secret.open() }), note: secret.open() })],
  });
  for (const text of [renderMarkdown(report), renderJson(report)]) {
    assert.match(text, /\*\*\*|&#42;&#42;&#42;/);
    assert.ok(!text.includes('planted'));
  }
});

test('the JSON report carries verdicts and faults', () => {
  const document = JSON.parse(renderJson(makeReport(failed))) as {
    format: number;
    result: string;
    outcomes: { id: string; fault?: { code: string; requestId: string } }[];
  };
  assert.equal(document.format, 1);
  assert.equal(document.result, 'failed');
  assert.deepEqual(
    document.outcomes.filter(({ fault }) => fault !== undefined).map(({ id, fault }) => [id, fault?.code, fault?.requestId]),
    [['cluster/cluster', 'CCE.01400007', 'a1b2c3']],
  );
});

test('the plan’s digest changes with what would be done, and with nothing else', () => {
  const change = { field: 'x', before: 1, after: 2 };
  const plan = [outcome('a/b', 'update', { changes: [change] })];
  const of = (version: string, stack: unknown, outcomes: readonly Outcome[]): string => planDigest({ version, stack, outcomes, charts: {} });
  const digest = of('1.0.0', { b: 1, a: 2 }, plan);
  const same = plan.map((one) => ({ ...one, seconds: 9, facts: { id: 'x' }, note: 'y' }));
  assert.equal(of('1.0.0', { a: 2, b: 1 }, same), digest);
  assert.notEqual(of('1.0.1', { a: 2, b: 1 }, plan), digest);
  assert.notEqual(of('1.0.0', { a: 2, b: 2 }, plan), digest);
  assert.notEqual(of('1.0.0', { a: 2, b: 1 }, [outcome('a/b', 'update', { changes: [{ ...change, after: 3 }] })]), digest);
  assert.notEqual(planDigest({ version: '1.0.0', stack: { a: 2, b: 1 }, outcomes: plan, charts: { zitadel: 'ab' } }), digest);
  assert.equal(hasChanges(plan), true);
});

test('where a run did not look, nothing found is not the same as nothing to change', () => {
  assert.equal(changesKnown([outcome('a/b', 'unchanged'), outcome('a/c', 'unknown')]), 'unknown');
  assert.equal(changesKnown([outcome('a/b', 'update', { changes: [{ field: 'x' }] }), outcome('a/c', 'unknown')]), 'true');
  assert.equal(changesKnown([outcome('a/b', 'unchanged'), outcome('a/c', 'unknown', { readsOnly: true })]), 'false');
  for (const verdict of ['failed', 'blocked'] as const) {
    assert.equal(changesKnown([outcome('a/b', 'unchanged'), outcome('a/c', verdict)]), 'unknown');
    assert.equal(changesKnown([outcome('a/b', 'unchanged'), outcome('a/c', verdict, { readsOnly: true })]), 'false');
  }
});

test('durations', () => assert.deepEqual([0.04, 9.96, 59.6, 60, 723].map(durationText), ['0 s', '10 s', '1 min', '1 min', '12 min 3 s']));
