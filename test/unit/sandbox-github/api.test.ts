/** The sandbox's GitHub answers as the real one: status codes, paging, permissions, limits, lengths. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BOT, type FakeGithub, fakeGithub, REPOSITORY, USER } from '../github/fake-github.ts';

let hub: FakeGithub;
before(async () => {
  hub = await fakeGithub();
});
after(() => hub.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const all = { authorization: `Bearer ${BOT}`, 'user-agent': 'test', ...headers };
  const answer = await hub.fetch(`https://api.github.com${path}`, {
    method,
    headers: all,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const issues = `/repos/${REPOSITORY}/issues`;

test('tokens: none, wrong, of a job, of a user', async () => {
  assert.equal((await ask('GET', issues, undefined, { authorization: '' })).status, 404);
  assert.equal((await ask('GET', issues, undefined, { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await ask('GET', '/user')).status, 403);
  const { body } = await ask('GET', '/user', undefined, { authorization: `token ${USER}` });
  assert.equal((body as { login: string }).login, 'octocat');
});

test('issues: made, listed by label and state without what does not match, closed, reopened', async () => {
  const made = await ask('POST', issues, { title: 'One', body: 'text', labels: ['a'] });
  assert.equal(made.status, 201);
  assert.equal((made.body as { number: number }).number, 8);
  await ask('POST', issues, { title: 'Two' });
  const titles = async (query: string): Promise<string[]> =>
    ((await ask('GET', `${issues}?${query}`)).body as { title: string }[]).map(({ title }) => title);
  assert.deepEqual(await titles('labels=a&state=all'), ['One']);
  await ask('PATCH', `${issues}/8`, { state: 'closed', state_reason: 'not_planned' });
  assert.deepEqual(await titles('labels=a'), []);
  assert.deepEqual((await titles('state=open&direction=asc')).slice(-1), ['Two']);
  const reopened = await ask('PATCH', `${issues}/8`, { state: 'open' });
  assert.deepEqual([(reopened.body as { state_reason: string }).state_reason, (reopened.body as { state: string }).state], ['reopened', 'open']);
  assert.equal((await ask('PATCH', `${issues}/999`, { state: 'open' })).status, 404);
  assert.equal((await ask('PATCH', `${issues}/8`, { state: 'ajar' })).status, 422);
});

test('a pull request is listed among the issues and says so', async () => {
  const { body } = await ask('GET', `${issues}?state=all`);
  assert.ok((body as { number: number; pull_request?: unknown }[]).find(({ number }) => number === 7)?.pull_request);
});

test('comments: pages of 30, or as asked up to 100, with links', async () => {
  for (let index = 0; index < 65; index += 1) await ask('POST', `${issues}/7/comments`, { body: `c${index}` });
  const first = await ask('GET', `${issues}/7/comments`);
  assert.equal((first.body as unknown[]).length, 30);
  assert.match(first.headers.get('link') ?? '', /page=2[^>]*>; rel="next", <[^>]+page=3[^>]*>; rel="last"/);
  const last = await ask('GET', `${issues}/7/comments?page=3`);
  assert.equal((last.body as unknown[]).length, 5);
  assert.doesNotMatch(last.headers.get('link') ?? '', /next/);
  const wide = await ask('GET', `${issues}/7/comments?per_page=500`);
  assert.equal((wide.body as unknown[]).length, 65);
  assert.equal(wide.headers.get('link'), null);
});

test('a body has at most 65,536 characters, and is not blank', async () => {
  assert.equal((await ask('POST', `${issues}/7/comments`, { body: 'x'.repeat(65_536) })).status, 201);
  const refused = await ask('POST', `${issues}/7/comments`, { body: 'x'.repeat(65_537) });
  assert.equal(refused.status, 422);
  assert.match(JSON.stringify(refused.body), /too long \(maximum is 65536 characters\)/);
  assert.equal((await ask('POST', `${issues}/7/comments`, { body: ' ' })).status, 422);
});

test('labels: made once, named with an issue, read', async () => {
  assert.equal((await ask('GET', `/repos/${REPOSITORY}/labels/new`)).status, 404);
  assert.equal((await ask('POST', `/repos/${REPOSITORY}/labels`, { name: 'new', color: 'ffffff' })).status, 201);
  const again = await ask('POST', `/repos/${REPOSITORY}/labels`, { name: 'new' });
  assert.deepEqual([again.status, JSON.stringify(again.body).includes('already_exists')], [422, true]);
  assert.equal((await ask('GET', `/repos/${REPOSITORY}/labels/new`)).status, 200);
});

test('permissions: a pull request’s comments need one of two rights, an issue needs its own', async () => {
  hub.set({ permissions: { issues: 'read', pull_requests: 'write' } });
  assert.equal((await ask('POST', `${issues}/7/comments`, { body: 'x' })).status, 201);
  const refused = await ask('POST', issues, { title: 'x' });
  assert.equal(refused.status, 403);
  assert.equal((refused.body as { message: string }).message, 'Resource not accessible by integration');
  assert.equal(refused.headers.get('x-accepted-github-permissions'), 'issues=write');
  assert.equal((await ask('GET', issues)).status, 200);
  hub.set({ permissions: { issues: 'write', pull_requests: 'write' } });
});

test('a secondary rate limit counts down and says how long', async () => {
  hub.set({ limitedWrites: 1, retryAfter: 3, limitStatus: 429 });
  const limited = await ask('POST', issues, { title: 'x' });
  assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '3']);
  assert.equal((await ask('POST', issues, { title: 'x' })).status, 201);
});

test('anything else is not found; broken JSON is refused', async () => {
  assert.equal((await ask('GET', '/repos/o/r/actions/runs')).status, 404);
  const broken = await hub.fetch(`https://api.github.com${issues}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${BOT}`, 'user-agent': 'test' },
    body: '{',
  });
  assert.equal(broken.status, 400);
});
