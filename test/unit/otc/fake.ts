/** Owns a stand-in transport for the client's tests: answers by a script, remembers what was asked. */
import type { HttpRequest, HttpResponse, Transport } from '../../../src/otc/transport.ts';
import type { Ports } from '../../../src/otc/wire.ts';

export interface Scripted {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Fake {
  readonly requests: HttpRequest[];
  readonly said: string[];
  readonly pauses: number[];
  readonly ports: Ports;
}

export const NOW = Date.parse('2026-01-01T00:00:00Z');

/** Ports on a transport that hands each request to `answer`; the clock advances by the pauses. */
export function fake(answer: (request: HttpRequest, index: number) => Scripted | Promise<Scripted>, more: Partial<Ports> = {}): Fake {
  const requests: HttpRequest[] = [];
  const said: string[] = [];
  const pauses: number[] = [];
  let clock = NOW;
  const transport: Transport = async (request): Promise<HttpResponse> => {
    requests.push(request);
    const { status = 200, headers = {}, body } = await answer(request, requests.length - 1);
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    return { status, headers, body: Buffer.from(text) };
  };
  const pause = async (seconds: number): Promise<void> => {
    pauses.push(seconds);
    clock += seconds * 1000;
  };
  const signal = new AbortController().signal;
  return { requests, said, pauses, ports: { transport, signal, now: () => clock, random: () => 1, pause, say: (line) => said.push(line), ...more } };
}

/** The path and query of a request. */
export function pathOf({ url }: HttpRequest): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
