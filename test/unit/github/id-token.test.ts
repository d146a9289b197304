/** GitHub's ID token: how it is asked for, and what is said where there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { idToken } from '../../../src/github/id-token.ts';
import { redact } from '../../../src/secret.ts';

const tokenEnv = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/x?api=1', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-bearer-token' };

test('the ID token: audience asked for, errors of the server tried again, token masked', async () => {
  const asked: string[] = [];
  const answers = [
    { status: 503, body: '' },
    { status: 200, body: '{"value":"header.payload.signature"}' },
  ];
  const get = async (url: string, headers: Readonly<Record<string, string>>) => {
    asked.push(`${url} ${headers['authorization']}`);
    return answers.shift() ?? { status: 500, body: '' };
  };
  assert.equal(await idToken('my audience', tokenEnv, get, new AbortController().signal, 1), 'header.payload.signature');
  assert.deepEqual(asked, Array(2).fill('https://token.example/x?api=1&audience=my+audience Bearer request-bearer-token'));
  assert.equal(redact('header.payload.signature request-bearer-token'), '*** ***');
});

test('the ID token: missing permission and refusal say what to do', async () => {
  const signal = new AbortController().signal;
  const refused = async () => ({ status: 403, body: '' });
  await assert.rejects(idToken('a', {}, refused, signal), (error: Fault) => /id-token: write/.test(error.hint ?? ''));
  await assert.rejects(idToken('a', tokenEnv, refused, signal, 1), (error: Fault) => error.status === 403);
});

test('the ID token: an answer that holds none is named, and not quoted', async () => {
  const signal = new AbortController().signal;
  for (const [body, what] of [
    ['<html><title>Sign in</title>', 'the HTML page "Sign in"'],
    ['{"value": planted', 'broken or other JSON of 17 bytes'],
    ['{"count": 1}', 'broken or other JSON of 12 bytes'],
  ] as const) {
    const get = async () => ({ status: 200, body });
    const says = `GET https://token.example/x answers, but not with an ID token of GitHub: ${what} came instead`;
    await assert.rejects(idToken('a', tokenEnv, get, signal, 1), (error) => error instanceof Fault && error.message === says);
  }
});
