/** Owns GitHub's OIDC ID token: asks the runner's token endpoint for it. Who takes it is `otc/`'s business. */
import { setTimeout as delay } from 'node:timers/promises';
import { Cancelled, Fault } from '../engine/fault.ts';
import { jsonObject, otherAnswer } from '../engine/other-answer.ts';
import { mask } from '../secret.ts';

/** A plain GET; `main.ts` hands in the one that honours proxies. */
export type Get = (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<{ readonly status: number; readonly body: string }>;

/**
 * The ID token for an audience, masked before anybody sees it.
 * @throws Fault where the job lacks `id-token: write`, or the endpoint refuses or answers something else
 */
export async function idToken(
  audience: string,
  env: Readonly<Record<string, string | undefined>>,
  get: Get,
  signal: AbortSignal,
  pauseMs = 1000,
): Promise<string> {
  const url = env['ACTIONS_ID_TOKEN_REQUEST_URL'];
  const bearer = env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
  if (!url || !bearer) {
    throw new Fault('this job may not ask for an ID token', {
      hint: 'Add "permissions: id-token: write" to the job. Runs from forks never get one.',
    });
  }
  mask(bearer);
  const target = new URL(url);
  target.searchParams.set('audience', audience);
  for (let attempt = 1; ; attempt += 1) {
    const { status, body } = await get(target.href, { authorization: `Bearer ${bearer}`, accept: 'application/json' }, signal);
    if (status === 200) {
      const token = tokenIn(body, `GET ${target.origin}${target.pathname}`);
      mask(token);
      return token;
    }
    if (attempt >= 3 || (status < 500 && status !== 429)) {
      throw new Fault('GitHub gave no ID token', {
        status,
        hint: 'Run again; if it stays, look at githubstatus.com and at the permissions of the job.',
      });
    }
    try {
      await delay(pauseMs * attempt, undefined, { signal });
    } catch (error) {
      if (signal.aborted) throw new Cancelled('the run was cancelled');
      throw error;
    }
  }
}

function tokenIn(body: string, call: string): string {
  const { value } = jsonObject(call, WANTED, body) as { value?: unknown };
  if (typeof value !== 'string' || value === '') throw otherAnswer(call, WANTED, body);
  return value;
}

const WANTED = 'an ID token of GitHub';
