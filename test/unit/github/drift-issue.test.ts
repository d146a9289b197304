/** The issue about drift, against the sandbox's GitHub: never a second one, nothing told twice, nothing forgotten. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { DRIFT_LABEL, decide, driftIssue, notLookedAt } from '../../../src/github/drift-issue.ts';
import type { Mark } from '../../../src/report/marker.ts';
import { makeReport, type Report } from '../../../src/report/report.ts';
import { type FakeGithub, fakeGithub, REPOSITORY } from './fake-github.ts';

let hub: FakeGithub = await fakeGithub();
beforeEach(async () => {
  await hub.close();
  hub = await fakeGithub();
});
after(() => hub.close());

function outcome(id: string, more: Partial<Outcome> = {}): Outcome {
  return { id, title: `Thing ${id}`, needs: [], verdict: 'update', changes: [], facts: {}, seconds: 1, done: false, ...more };
}

function drift(fields: readonly string[], more: Partial<Report> = {}): Report {
  const changes = fields.map((field) => ({ field, before: 1, after: 2 }));
  const outcomes = [outcome('database/instance', fields.length === 0 ? { verdict: 'unchanged' } : { changes })];
  return { ...makeReport({ command: 'drift', stack: { name: 'prod', region: 'eu-de' }, outcomes, versions: {}, seconds: 3 }), ...more };
}

const issueMark: Mark = { kind: 'drift', command: 'drift', stack: 'prod/eu-de/', config: 'zitadel.yaml' };
const issues = () => hub.tables.issues.where(({ pullRequest }) => !pullRequest);
const tell = async (report: Report) => driftIssue(await hub.connect(), REPOSITORY, report, issueMark, {});

test('the issue: opened, left, edited, closed, reopened', async () => {
  assert.equal(await tell(drift([])), 'nothing');
  assert.equal(await tell(drift(['volume.size', 'port'])), 'open');
  assert.equal(issues()[0]?.title, 'ZITADEL has drifted: prod in eu-de');
  assert.deepEqual(issues()[0]?.labels, [DRIFT_LABEL]);
  assert.equal(await tell(drift(['volume.size', 'port'])), 'nothing');
  assert.equal(await tell(drift(['port', 'volume.size'])), 'nothing', 'the order is no difference');
  assert.equal(said().length, 0);
  assert.equal(await tell(drift(['volume.size', 'flavor_ref'])), 'edit');
  assert.match(said()[0] ?? '', /\*\*New\*\*\n\n- .*flavor_ref\n\n\*\*Gone\*\*\n\n- .*port/);
  assert.equal(await tell(drift([], { result: 'failed' })), 'nothing');
  assert.equal(issues()[0]?.state, 'open');
  assert.equal(await tell(drift([])), 'close');
  assert.match(said()[1] ?? '', /No difference is left/);
  assert.equal(await tell(drift([])), 'nothing');
  assert.equal(await tell(drift(['volume.size'])), 'reopen');
  assert.equal(issues().length, 1);
  assert.equal(issues()[0]?.state, 'open');
  assert.equal(said().length, 3);
});

test('another stack has an issue of its own; a taken label is put back', async () => {
  await tell(drift(['port']));
  const other = { ...issueMark, stack: 'other/eu-nl/', config: 'other.yaml' };
  assert.equal(await driftIssue(await hub.connect(), REPOSITORY, drift(['port']), other, {}), 'open');
  const [first] = issues();
  hub.tables.issues.update(first?.id ?? '', { labels: [] });
  assert.equal(await tell(drift(['volume.size'])), 'edit');
  assert.deepEqual(
    issues().map(({ labels }) => labels),
    [[DRIFT_LABEL], [DRIFT_LABEL]],
  );
});

test('one that was closed by hand with its label taken off is opened again, with its label; a clean run does not look for it', async () => {
  await tell(drift(['port']));
  const [first] = issues();
  hub.tables.issues.update(first?.id ?? '', { labels: [], state: 'closed' });
  hub.asked.length = 0;
  assert.equal(await tell(drift([])), 'nothing');
  assert.deepEqual(hub.asked, [`GET /repos/${REPOSITORY}/issues`, `GET /repos/${REPOSITORY}/issues`], 'with the label, and open without it');
  assert.equal(await tell(drift(['port'])), 'reopen');
  assert.deepEqual(
    issues().map(({ number, state, labels }) => [number, state, labels]),
    [[first?.number, 'open', [DRIFT_LABEL]]],
  );
});

test('a lost answer opens no second issue; two runs at the same time leave one open', async () => {
  await (await hub.connect()).call('POST', `/repos/${REPOSITORY}/labels`, { name: DRIFT_LABEL });
  hub.loseAnswer('POST');
  await tell(drift(['port']));
  assert.equal(issues().length, 1);
  hub.tables.issues.remove(issues()[0]?.id ?? '');
  await Promise.all([tell(drift(['port'])), tell(drift(['port']))]);
  assert.equal(issues().filter(({ state }) => state === 'open').length, 1);
});

test('property: over any nights at most one issue, open exactly when the last run that did not fail found something', async () => {
  const night = fc.oneof(fc.constant('failed' as const), fc.subarray(['volume.size', 'port', 'backup_strategy', 'flavor_ref']));
  await fc.assert(
    fc.asyncProperty(fc.array(night, { minLength: 1, maxLength: 8 }), async (nights) => {
      await hub.close();
      hub = await fakeGithub();
      let [last, told] = ['', 0];
      for (const found of nights) {
        const before = hub.tables.comments.all().length;
        const report = found === 'failed' ? drift([], { result: 'failed' }) : drift(found);
        await tell(report);
        const now = found === 'failed' ? last : [...found].sort().join();
        const said = hub.tables.comments.all().length - before;
        assert.equal(said, now === last || (last === '' && issues().length === 1 && told === 0) ? 0 : 1);
        if (now !== '') told += 1;
        last = now;
        assert.ok(issues().length <= 1);
        assert.equal(issues()[0]?.state === 'open', last !== '');
      }
    }),
    { numRuns: 25 },
  );
});

test('what is done with the issue, as a table', () => {
  const open = { state: 'open', digest: 'a' } as const;
  const closed = { state: 'closed', digest: 'a' } as const;
  assert.deepEqual(
    [
      decide('failed', 'b', open),
      decide('unchanged', '', undefined),
      decide('unchanged', '', closed),
      decide('unchanged', '', open),
      decide('drifted', 'a', undefined),
      decide('drifted', 'a', open),
      decide('drifted', 'b', open),
      decide('drifted', 'a', closed),
      decide('drifted', 'a', { state: 'open', digest: undefined }),
    ],
    ['nothing', 'nothing', 'nothing', 'close', 'open', 'nothing', 'edit', 'reopen', 'edit'],
  );
});

/** A night in which each resource is what it is given: a drifted field, in sync, or not looked at. */
function night(states: Readonly<Record<string, string>>): Report {
  const outcomes = Object.entries(states).map(([id, state]) => {
    if (state === 'blind') return outcome(id, { verdict: 'unknown', note: 'no way into the cluster' });
    return outcome(id, state === '' ? { verdict: 'unchanged' } : { changes: [{ field: state, before: 1, after: 2 }] });
  });
  return makeReport({ command: 'drift', stack: { name: 'prod', region: 'eu-de' }, outcomes, versions: {}, seconds: 3 });
}

const said = () => hub.tables.comments.all().map((row) => row.body);

test('what is new is told although something could not be looked at; that stays, with a word, and keeps the issue open', async () => {
  assert.equal(await tell(night({ release: 'replicas', network: '' })), 'open');
  assert.equal(await tell(night({ release: 'blind', network: 'rule 5432' })), 'edit');
  const body = issues()[0]?.body ?? '';
  assert.match(body, /\| Thing network \| rule 5432 \|/);
  assert.match(body, /could not look at it, so it may be there still:\*\*\n\n- medium: Thing release: replicas\n/);
  assert.match(said()[0] ?? '', /^\*\*New\*\*\n\n- .*: Thing network: rule 5432\n\n1 other stays: not looked at in this run\./);
  assert.equal(await tell(night({ release: 'blind', network: 'rule 5432' })), 'nothing');
  assert.equal(await tell(night({ release: 'blind', network: '' })), 'edit');
  assert.match(said()[1] ?? '', /^\*\*Gone\*\*\n\n- .*: Thing network: rule 5432\n\n1 other stays/);
  assert.equal(issues()[0]?.state, 'open');
  assert.equal(await tell(night({ release: 'replicas', network: '' })), 'edit', 'it is looked at again');
  assert.equal(said().length, 2, 'which is nothing new');
  assert.equal(await tell(night({ release: '', network: 'blind' })), 'close', 'of the network it shows nothing');
});

test('an issue whose memory somebody took away stays open until a run has seen everything', async () => {
  await tell(night({ release: 'replicas', network: '' }));
  const forget = () =>
    hub.tables.issues.update(issues()[0]?.id ?? '', { body: (issues()[0]?.body ?? '').replace(/<!-- zitadel-on-otc:findings.*/, '') });
  forget();
  assert.equal(await tell(night({ release: 'blind', network: 'port' })), 'edit');
  assert.match(issues()[0]?.body ?? '', /- what this issue showed before: its hidden last line cannot be read\n/);
  assert.equal(await tell(night({ release: 'blind', network: '' })), 'edit');
  assert.equal(await tell(night({ release: 'blind', network: '' })), 'nothing');
  assert.equal(await tell(night({ release: '', network: '' })), 'close');
});

test('property: over any nights the issue shows what is found and what was not seen to be gone, and tells each once', async () => {
  const state = fc.constantFrom('', '', 'blind', 'replicas', 'port');
  const nights = fc.array(fc.record({ release: state, network: state, database: state }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(nights, async (all) => {
      await hub.close();
      hub = await fakeGithub();
      let shown = new Set<string>();
      for (const states of all) {
        const [before, wasOpen] = [said().length, issues()[0]?.state === 'open'];
        const had = issues().length;
        await tell(night(states));
        const found = Object.entries(states).flatMap(([id, is]) => (['', 'blind'].includes(is) ? [] : [`Thing ${id}: ${is}`]));
        const stays = [...shown].filter((one) => Object.entries(states).some(([id, is]) => is === 'blind' && one.startsWith(`Thing ${id}:`)));
        const now = new Set([...found, ...stays]);
        assert.equal(issues()[0]?.state === 'open', now.size > 0);
        const news = [...now].some((one) => !shown.has(one)) || [...shown].some((one) => !now.has(one));
        assert.equal(said().length - before, news && (wasOpen || had > 0) ? 1 : 0);
        const body = issues()[0]?.body ?? '';
        if (now.size > 0)
          for (const one of ['release', 'network', 'database'].flatMap((id) => [`Thing ${id}: replicas`, `Thing ${id}: port`])) {
            const row = one.replace(': ', ' | ');
            assert.equal(body.includes(`| ${row} |`), found.includes(one), one);
            assert.equal(body.includes(`- medium: ${one}\n`), stays.includes(one), one);
          }
        shown = now;
      }
    }),
    { numRuns: 25 },
  );
});

test('what a run did not look at, of what an issue shows', () => {
  const shown = [
    { key: '1'.repeat(12), id: 'a/one', text: 'x' },
    { key: '2'.repeat(12), id: 'a/two', text: 'y' },
    { key: '3'.repeat(12), id: '', text: '' },
  ];
  const kept = (more: Partial<Outcome>): string =>
    notLookedAt({ outcomes: [outcome('a/one', more)], findings: [] }, shown)
      .map(({ key }) => key[0])
      .join('');
  assert.equal(kept({ verdict: 'unknown' }), '13', 'also that of which it remembers the key alone');
  assert.equal(kept({ verdict: 'unknown', readsOnly: true }), '13');
  assert.equal(kept({ verdict: 'absent', note: 'no way into the cluster' }), '13', 'not asked for, and not looked for');
  assert.equal(kept({ verdict: 'update', note: 'the rest is known after a/two' }), '13');
  assert.equal(kept({ verdict: 'absent' }), '');
  assert.equal(kept({ verdict: 'unchanged' }), '');
});
