/**
 * Owns getting bytes over HTTP(S): through a proxy where the environment says so, with the certificate authorities that
 * Node trusts, following redirects, again where that can help. What is got is its callers' business.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor } from '../engine/until.ts';
import { DialAgent } from './dial.ts';

export interface Answer {
  /** 200, or 401 where a registry asks for a token. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** @throws Fault for every status but 200 and 401, with the status; Cancelled */
export type Fetch = (url: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>) => Promise<Answer>;

const REDIRECTS = 5;
const TRIES = 4;

/**
 * GET, following redirects; again after a broken connection, 429 and 5xx. `Authorization` does not follow a redirect to
 * another host.
 */
export async function fetchAnswer(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
  pause: typeof pauseFor = pauseFor,
): Promise<Answer> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await fetchOnce(url, headers, signal);
    } catch (error) {
      const { status } = asFault(error);
      const passes = error instanceof Fault && error.code !== LASTING && (status === undefined || status === 429 || status >= 500);
      if (!passes || turn === TRIES) throw error;
    }
    await pause(Math.random() * 2 ** turn, signal);
  }
}

/** The bytes of what is open to all. @throws Fault with the last status or cause; Cancelled */
export async function fetchBytes(url: string, signal: AbortSignal, pause: typeof pauseFor = pauseFor): Promise<Buffer> {
  const { status, body } = await fetchAnswer(url, signal, {}, pause);
  if (status !== 200) throw new Fault(`GET ${url}: status ${status}`, { status });
  return body;
}

/** Code of a fault that another try does not heal. */
const LASTING = 'LASTING';

async function fetchOnce(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
  const agent = new DialAgent({ keepAlive: false });
  const { authorization: _, ...open } = headers;
  let at = url;
  for (let turn = 0; turn <= REDIRECTS; turn += 1) {
    const sent = new URL(at).host === new URL(url).host ? headers : open;
    const answer = await getOnce(at, agent, sent, signal);
    const { location } = answer.headers;
    if (answer.status === 200 || answer.status === 401) return answer;
    if (location === undefined || answer.status < 300 || answer.status >= 400)
      throw new Fault(`GET ${at}: status ${answer.status}`, { status: answer.status });
    const next = new URL(location, at).href;
    if (at.startsWith('https:') && !next.startsWith('https:'))
      throw new Fault(`GET ${at}: the redirect leads out of HTTPS to ${next}`, { code: LASTING });
    at = next;
  }
  throw new Fault(`GET ${url}: more than ${REDIRECTS} redirects`, { code: LASTING });
}

function getOnce(url: string, agent: DialAgent, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(signal.aborted ? new Cancelled('the run was cancelled') : new Fault(`GET ${url}: ${asFault(error).message}`, { cause: error }));
    const answered = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    };
    const options = { signal, timeout: 60_000, headers: { 'user-agent': 'zitadel-on-otc', ...headers } };
    const request = url.startsWith('https:') ? httpsRequest(url, { ...options, agent }, answered) : httpRequest(url, options, answered);
    request.on('timeout', () => request.destroy(new Error('no answer within 60 s')));
    request.on('error', fail);
    request.end();
  });
}
