/** The comment and the issue, against the sandbox's GitHub: never a second one, whatever happens on the way. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../../src/engine/outcome.ts';
import type { GithubFault } from '../../../src/github/api.ts';
import { cannotTell, DRIFT_LABEL, decide, driftIssue } from '../../../src/github/drift-issue.ts';
import { type Publishing, publish } from '../../../src/github/publish.ts';
import { Runner } from '../../../src/github/runner.ts';
import { pullRequestOf, stickyComment } from '../../../src/github/sticky-comment.ts';
import { type Mark, markLine } from '../../../src/report/marker.ts';
import { makeReport, type Report } from '../../../src/report/report.ts';
import { Secret } from '../../../src/secret.ts';
import { BOT, type FakeGithub, fakeGithub, REPOSITORY, USER } from './fake-github.ts';

let hub: FakeGithub = await fakeGithub();
beforeEach(async () => {
  await hub.close();
  hub = await fakeGithub();
});
after(() => hub.close());

const pull = { repository: REPOSITORY, number: 7 };
const mark: Mark = { kind: 'comment', command: 'plan', stack: 'prod/eu-de/', config: 'zitadel.yaml' };
const body = (text: string, of: Mark = mark): string => `${markLine(of)}\n${text}\n`;
const comments = () => hub.tables.comments.all();

function comment(id: number, text: string, login = 'github-actions[bot]', type: 'Bot' | 'User' = 'Bot'): void {
  const time = '2026-01-01T00:00:00Z';
  const row = { id: String(id), repository: REPOSITORY, issue: 7, body: text, user: { login, type }, createdAt: time, updatedAt: time };
  hub.tables.comments.insert(row);
}

test('a comment is made once, then updated in place', async () => {
  const github = await hub.connect();
  assert.equal(await stickyComment(github, pull, mark, body('one')), 'created');
  assert.equal(await stickyComment(github, pull, mark, body('two')), 'updated');
  assert.equal(await stickyComment(github, pull, mark, body('two')), 'unchanged');
  assert.deepEqual(
    comments().map((row) => row.body),
    [body('two')],
  );
});

test('it is found behind three pages of others', async () => {
  for (let id = 1; id <= 250; id += 1) comment(id, `chat ${id}`, 'octocat', 'User');
  comment(900, body('old'));
  assert.equal(await stickyComment(await hub.connect(), pull, mark, body('new')), 'updated');
  assert.equal(comments().length, 251);
  assert.equal(hub.asked.filter((line) => line.startsWith('GET')).length, 3);
});

test('another stack, another command, and a forged marker are left alone', async () => {
  comment(1, body('other stack', { ...mark, stack: 'other/eu-de/', config: 'other.yaml' }));
  comment(2, body('drift', { ...mark, command: 'drift' }));
  comment(3, body('forged'), 'mallory', 'User');
  comment(4, `quoted\n${body('not on the first line')}`);
  assert.equal(await stickyComment(await hub.connect(), pull, mark, body('mine')), 'created');
  assert.deepEqual(
    comments()
      .slice(0, 4)
      .map((row) => row.body.includes('mine')),
    [false, false, false, false],
  );
});

test('a personal token takes the comments of its own user alone', async () => {
  comment(1, body('a bot’s'));
  comment(2, body('mine'), 'octocat', 'User');
  assert.equal(await stickyComment(await hub.connect(USER), pull, mark, body('new')), 'updated');
  assert.deepEqual(
    comments().map((row) => row.body),
    [body('a bot’s'), body('new')],
  );
});

test('a stack file that cannot be read and the plan after it share one comment', async () => {
  const github = await hub.connect();
  await stickyComment(github, pull, { ...mark, stack: '' }, body('broken', { ...mark, stack: '' }));
  assert.equal(await stickyComment(github, pull, mark, body('plan')), 'updated');
  assert.equal(comments().length, 1);
});

test('an answer that was lost makes no second comment', async () => {
  hub.loseAnswer('POST');
  await stickyComment(await hub.connect(), pull, mark, body('one'));
  assert.equal(comments().length, 1);
  assert.equal(hub.asked.filter((line) => line.startsWith('POST')).length, 1);
});

test('two runs at the same time leave one comment', async () => {
  const [one, other] = await Promise.all([hub.connect(), hub.connect()]);
  await Promise.all([stickyComment(one, pull, mark, body('one')), stickyComment(other, pull, mark, body('other'))]);
  assert.equal(comments().length, 1);
});

test('a secondary rate limit is waited for, as long as it says, within the budget', async () => {
  hub.set({ limitedWrites: 2, retryAfter: 7, limitStatus: 429 });
  await stickyComment(await hub.connect(), pull, mark, body('one'));
  assert.deepEqual(hub.slept, [7000, 7000]);
  hub.set({ limitedWrites: 1, retryAfter: 0, limitStatus: 403 });
  await stickyComment(await hub.connect(), pull, mark, body('two'));
  assert.deepEqual(hub.slept, [7000, 7000, 60_000]);
  hub.set({ limitedWrites: 1, retryAfter: 500 });
  await assert.rejects(
    stickyComment(await hub.connect(), pull, mark, body('three')),
    (error: GithubFault) => error.status === 429 || error.status === 403,
  );
  assert.equal(hub.slept.length, 3);
});

test('a missing permission is a fault that names it', async () => {
  hub.set({ permissions: { issues: 'read', pull_requests: 'read' } });
  await assert.rejects(stickyComment(await hub.connect(), pull, mark, body('x')), (error: GithubFault) => {
    assert.match(error.message, /Resource not accessible by integration/);
    assert.match(error.hint ?? '', /issues: write or pull-requests: write/);
    assert.ok(error.requestId);
    return true;
  });
  assert.equal(hub.slept.length, 0);
});

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
  const said = () => hub.tables.comments.all().map((row) => row.body);
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

function publishing(env: Record<string, string> = {}, inputs: Partial<Publishing['inputs']> = {}): { publishing: Publishing; log: string[] } {
  const log: string[] = [];
  const runner = new Runner(
    { command: (name, { title = '' }, message) => log.push(`${name} ${title}: ${message}`), line: (text) => log.push(text), file: () => undefined },
    {},
  );
  const given = { githubToken: new Secret(BOT), comment: true, driftIssue: false, config: 'zitadel.yaml', ...inputs };
  const all = { GITHUB_REPOSITORY: REPOSITORY, GITHUB_REF: 'refs/pull/7/merge', GITHUB_API_URL: 'https://api.github.com', ...env };
  return { publishing: { runner, env: all, inputs: given, fetch: hub.fetch, signal: new AbortController().signal }, log };
}

test('publishing: the comment of a plan, redacted; without a pull request a line; without a permission a warning', async () => {
  const secret = new Secret('planted-secret-in-comment');
  const report = makeReport({ command: 'plan', outcomes: [outcome('a/b', { note: `x ${secret.open()}` })], versions: {}, seconds: 1 });
  const one = publishing();
  await publish(one.publishing, report);
  assert.equal(comments().length, 1);
  assert.ok(!comments()[0]?.body.includes('planted'));
  const push = publishing({ GITHUB_REF: 'refs/heads/main' });
  await publish(push.publishing, report);
  assert.deepEqual(push.log, ['Comment: this run belongs to no pull request']);
  hub.set({ permissions: { issues: 'none', pull_requests: 'none' } });
  const refused = publishing();
  await publish(refused.publishing, report);
  assert.match(refused.log.join('\n'), /^warning Comment was not written: .*Resource not accessible[\s\S]*(issues|pull-requests): (read|write)/);
  const none = publishing({}, { githubToken: undefined });
  await publish(none.publishing, report);
  assert.match(none.log.join('\n'), /^warning .*github-token is empty/);
});

test('a text that is too long is cut, not refused', async () => {
  const outcomes = Array.from({ length: 900 }, (_, index) => outcome(`a/${index}`, { note: 'n'.repeat(200) }));
  const { publishing: all } = publishing();
  await publish(all, makeReport({ command: 'plan', outcomes, versions: {}, seconds: 1 }));
  const text = comments()[0]?.body ?? '';
  assert.ok(text.length <= 65_535 && text.length > 50_000, `${text.length}`);
  assert.match(text, /\| … \| \| \d+ more \| \|/);
});

test('which pull request a run belongs to', () => {
  assert.deepEqual(pullRequestOf({ GITHUB_REPOSITORY: 'o/r', GITHUB_REF: 'refs/pull/12/merge' }), { repository: 'o/r', number: 12 });
  assert.equal(pullRequestOf({ GITHUB_REPOSITORY: 'o/r', GITHUB_REF: 'refs/heads/pull/12/x' }), undefined);
});

test('an answer that never comes is a fault in the end, not a hang', async () => {
  const github = await hub.connect(BOT, {
    fetch: async () => {
      throw new TypeError('fetch failed');
    },
  });
  await assert.rejects(github.list('/x'), (error: GithubFault) => error.unclear && /did not answer GET \/x/.test(error.message));
  assert.ok(error5(hub.slept));
});

function error5(slept: readonly number[]): boolean {
  return slept.length === 4 && slept.every((one, index) => one === 1000 * 2 ** index);
}

test('an issue about what a run did not look at is left as it is', () => {
  const release = { ...({ id: 'zitadel/release', needs: [], changes: [], facts: {}, seconds: 0, done: false } as const), title: 'Helm release a/b' };
  const blind = { outcomes: [{ ...release, verdict: 'unknown' as const }] };
  const shown = [{ key: '0'.repeat(12), text: 'medium: Helm release a/b: replicas' }];
  assert.equal(cannotTell(blind, shown), true);
  assert.equal(cannotTell(blind, undefined), true, 'its memory was damaged');
  assert.equal(cannotTell(blind, [{ key: '0'.repeat(12), text: 'high: Security group x: rule' }]), false);
  assert.equal(cannotTell(blind, [{ key: '0'.repeat(12), text: '' }]), true, 'of which it remembers the key alone');
  assert.equal(cannotTell({ outcomes: [{ ...release, verdict: 'unchanged' }] }, shown), false);
});
