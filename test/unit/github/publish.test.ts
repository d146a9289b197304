/** The comment on a pull request, against the sandbox's GitHub: never a second one, whatever happens on the way. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import type { Outcome } from '../../../src/engine/outcome.ts';
import type { GithubFault } from '../../../src/github/api.ts';
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

function publishing(env: Record<string, string> = {}, inputs: Partial<Publishing['inputs']> = {}): { publishing: Publishing; log: string[] } {
  const log: string[] = [];
  const runner = new Runner(
    { command: (name, { title = '' }, message) => log.push(`${name} ${title}: ${message}`), line: (text) => log.push(text), file: () => undefined },
    {},
  );
  const given = { githubToken: new Secret(BOT), comment: true, driftIssue: false, config: 'zitadel.yaml', target: 'deploy' as const, ...inputs };
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

test('a plan of a destroy has a comment of its own beside the plan, and both are kept up to date', async () => {
  const report = (note: string): Report => makeReport({ command: 'plan', outcomes: [outcome('a/b', { note })], versions: {}, seconds: 1 });
  const of = (target: 'deploy' | 'destroy') => publishing({}, { target }).publishing;
  await publish(of('deploy'), report('what deploy would do'));
  await publish(of('destroy'), report('what destroy would do'));
  await publish(of('deploy'), report('what deploy would do now'));
  assert.deepEqual(
    comments().map(({ body }) => /what .* do( now)?/.exec(body)?.[0]),
    ['what deploy would do now', 'what destroy would do'],
  );
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
