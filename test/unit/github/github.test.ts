/** The runner's side: workflow commands, the log of a walk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommandProcessor, LineCutter, parseCommand } from '../../../sandbox/runner/commands.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { type AnyResource, resource } from '../../../src/engine/resource.ts';
import { runnerJournal } from '../../../src/github/journal.ts';
import { Runner } from '../../../src/github/runner.ts';
import { Secret } from '../../../src/secret.ts';

function recording(env: Record<string, string> = {}): { runner: Runner; log: string[] } {
  const log: string[] = [];
  const runner = new Runner(
    {
      command: (name, properties, message) =>
        log.push(
          `::${name} ${Object.entries(properties)
            .map(([k, v]) => `${k}=${v}`)
            .join(',')}::${message}`,
        ),
      line: (text) => log.push(text),
      file: (name, text) => log.push(`${name}: ${text.replace(/ghadelimiter_[0-9a-f-]+/g, 'EOF').replaceAll('\n', '|')}`),
    },
    env,
  );
  return { runner, log };
}

test('annotations carry the place, what was said and what to do', () => {
  const { runner, log } = recording();
  runner.annotate(
    'error',
    new Fault('region: "x" is not possible', { place: { file: 'zitadel.yaml', line: 3, column: 9 }, hint: 'Did you mean "eu-de"?' }),
  );
  runner.annotate('warning', new Fault('m'.repeat(5000), { status: 409, code: 'VPC.0114', requestId: 'abc' }));
  assert.equal(
    log[0],
    '::error title=zitadel-on-otc,file=zitadel.yaml,line=3,col=9::zitadel.yaml:3:9: region: "x" is not possible\nDid you mean "eu-de"?',
  );
  assert.ok((log[1] ?? '').length < 4096);
});

test('of more errors than GitHub shows, the last one shown says how many are not', () => {
  const faults = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ fault: new Fault(`m${index} ${'x'.repeat(5000)}`, { hint: 'Do.' }) }));
  const told = (count: number): string[] => {
    const { runner, log } = recording();
    runner.errors(faults(count));
    return log;
  };
  assert.equal(told(10).filter((line) => /more error/.test(line)).length, 0);
  assert.match(told(11)[9] ?? '', /::m9 [\s\S]*Do\.\n1 more error stands in the log and the job summary\.$/);
  const thirteen = told(13);
  assert.equal(thirteen.length, 13);
  assert.deepEqual(
    thirteen.flatMap((line, index) => (line.endsWith('3 more errors stand in the log and the job summary.') ? [index] : [])),
    [9],
  );
  assert.ok((thirteen[9] ?? '').length < 4096);
});

test('foreign lines cannot speak to the runner', () => {
  const { runner, log } = recording();
  runner.line('::add-mask::a\n  ::set-output name=x::y\n##[error]z\nplain :: text');
  for (const line of log) assert.ok(!/^\s*::|##\[/.test(line), line);
  assert.equal(log.at(-1), 'plain :: text');
});

test('property: whatever a foreign text holds, the runner reads no command from the log', () => {
  const space = ['\r', '\n', '\r\n', '\v', '\f', '\u0085', '\u2028', '\u2029', '\u00a0', '\u200b', '\ufeff', '\u0000', '\u001b[2K', ' ', '\t'];
  const unit = fc.constantFrom(...space, ...space, '::stop-commands::pwn', '::add-mask::a', '::group::', '::', ':', '##[error]', '##[', '#', 'a');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), fc.constantFrom(...space), (text, before) => {
      const shown: string[] = [];
      const processor = new CommandProcessor((line) => shown.push(line));
      const cutter = new LineCutter((line) => {
        assert.equal(parseCommand(line), undefined, JSON.stringify(line));
        assert.ok(!line.includes('##[') && !/(?!\t)[\p{Cc}\u2028\u2029]/u.test(line), JSON.stringify(line));
        processor.line(line);
      });
      const runner = new Runner({ command: () => undefined, line: (line) => cutter.push(`${line}\n`), file: () => undefined }, {});
      runner.line(`${text}${before}::stop-commands::pwn`);
      runner.group('a title', [text]);
      runner.line('after');
      cutter.end();
      assert.equal(shown.at(-1), 'after');
    }),
    { numRuns: 500 },
  );
});

test('a value with a lone carriage return takes two lines', () => {
  const { runner, log } = recording();
  runner.line('data: a\r::stop-commands::pwn');
  assert.deepEqual(log, ['data: a', '\u200b::stop-commands::pwn']);
  new Secret('of-two\rlines-each');
  runner.line('of-two\rlines-each');
  assert.equal(log.at(-1), '***', 'what is changed is masked before');
});

test('an output that contains a masked word is left out with a warning that names it', () => {
  const { runner, log } = recording();
  new Secret('masked-word-in-output');
  const left = runner.setOutputs({ url: 'https://login.example.com', bad: 'x-masked-word-in-output-y', none: undefined });
  assert.deepEqual(left, ['bad']);
  assert.equal(log.filter((line) => line.startsWith('OUTPUT')).length, 1);
  assert.match(log.join('\n'), /warning.*output bad contains a masked word/);
  assert.ok(!log.some((line) => line.includes('masked-word-in-output')));
});

test('state, summary and debug go where the runner reads them', () => {
  const { runner, log } = recording({ STATE_workspace: '/tmp/x', GITHUB_STEP_SUMMARY: '/tmp/s', RUNNER_DEBUG: '1' });
  assert.equal(runner.state('workspace'), '/tmp/x');
  assert.equal(runner.state('other'), undefined);
  runner.saveState('workspace', '/tmp/y');
  runner.summary('# hello');
  runner.debug('d');
  assert.deepEqual(log, ['STATE: workspace<<EOF|/tmp/y|EOF', 'STEP_SUMMARY: # hello', '::debug ::d']);
  const plain = recording();
  plain.runner.summary('# lost');
  plain.runner.debug('d');
  assert.deepEqual(plain.log, []);
});

function thing(id: string): AnyResource {
  return resource({
    id,
    title: `Thing ${id}`,
    needs: {},
    wanted: true,
    want: () => ({}),
    observe: async () => undefined,
    diff: () => [],
    apply: async () => ({}),
    destroy: async () => undefined,
  });
}

function ended(id: string, more: Partial<Outcome> = {}): Outcome {
  return { id, title: `Thing ${id}`, needs: [], verdict: 'create', changes: [], facts: {}, seconds: 12.3, done: true, ...more };
}

test('log groups come in the order of the ends and are never interleaved; long waits show one line at a time', () => {
  const { runner, log } = recording();
  let now = 0;
  const journal = runnerJournal(runner, () => now);
  const [a, b] = [thing('a'), thing('b')];
  journal.begin(a);
  journal.begin(b);
  journal.say(a, 'BUILD');
  journal.say(b, 'Creating');
  now = 61_000;
  journal.say(a, 'still BUILD');
  journal.end(ended('b', { verdict: 'update', changes: [{ field: 'size', before: 1, after: 2 }] }));
  journal.end(
    ended('a', { verdict: 'failed', done: false, fault: new Fault('refused', { status: 400, code: 'X.1', requestId: 'r', hint: 'Do this.' }) }),
  );
  journal.end(ended('c', { verdict: 'unchanged', done: false, seconds: 0.1 }));
  assert.deepEqual(log, [
    '… Thing a: still BUILD [61 s]',
    '::group ::~ Thing b: updated (12 s)',
    '[0 s] Creating',
    'size: 1 → 2',
    '::endgroup ::',
    '::group ::✗ Thing a: failed (12 s)',
    '[0 s] BUILD',
    '[61 s] still BUILD',
    'refused (400 X.1, request id r)',
    'Do this.',
    '::endgroup ::',
    '✓ Thing c: unchanged',
  ]);
});

test('a difference in the log: values, a secret that only changed, a rule that is added or removed', () => {
  const { runner, log } = recording();
  const rule = 'ingress tcp 22 from 0.0.0.0/0';
  const changes = [
    { field: 'size', after: 2 },
    { field: 'data.config-yaml', why: 'the content differs', secret: true },
    { field: `rule ${rule}`, before: rule },
    { field: `rule ${rule}`, after: rule },
  ];
  runnerJournal(runner).end(ended('a', { verdict: 'update', changes }));
  assert.deepEqual(log.slice(1, -1), [
    'size: nothing → 2',
    'data.config-yaml: changed (the content differs)',
    `rule ${rule}: removed`,
    `rule ${rule}: added`,
  ]);
  log.length = 0;
  const fields = [
    { field: 'size', after: 2 },
    { field: `rule ${rule}`, after: rule },
  ];
  runnerJournal(runner).end(ended('a', { verdict: 'create', done: false, changes: fields }));
  assert.deepEqual(log.slice(1, -1), ['size: 2', `rule ${rule}: added`]);
});
