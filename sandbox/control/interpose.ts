/**
 * Owns how faults, latency and the request log act on a site that is a plain request handler (downloads, charts, GitHub).
 * The OTC front door does the same for its services itself, since only it knows which service a host belongs to.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../contract.ts';
import type { Act, Asked, ControlState } from './state.ts';

/** Sends a signal to the process on the other end of a connection. */
export type KillCaller = (request: IncomingMessage, signal: NodeJS.Signals) => Promise<void>;

/** The same site, with faults and latency in front of it and its requests in the log. */
export function interpose(site: Site, state: ControlState, killCaller: KillCaller): Site {
  return {
    name: site.name,
    hosts: site.hosts,
    async handle(request, response) {
      const at = Date.now();
      const url = new URL(request.url ?? '/', 'https://site.invalid');
      const asked: Asked = { service: site.name, method: request.method ?? 'GET', path: url.pathname };
      const act = state.faultFor(asked);
      let recorded = false;
      const record = (): void => {
        if (recorded) return;
        recorded = true;
        state.record({
          ...asked,
          host: request.headers.host ?? '',
          query: url.search,
          status: response.writableFinished ? response.statusCode : 0,
          at,
          took: Date.now() - at,
          requestId: randomUUID(),
          source: `${request.socket.remoteAddress}:${request.socket.remotePort}`,
          ...(request.headers['user-agent'] === undefined ? {} : { userAgent: request.headers['user-agent'] }),
          ...(act === undefined ? {} : { fault: act.kind }),
        });
      };
      response.once('close', record);
      response.once('finish', record);
      const latency = state.latencyFor(asked);
      if (latency > 0) await sleep(latency);
      await perform(act, { request, response, killCaller, handle: () => site.handle(request, response) });
    },
  };
}

async function perform(
  act: Act | undefined,
  call: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly killCaller: KillCaller;
    readonly handle: () => void | Promise<void>;
  },
): Promise<void> {
  const { request, response, handle } = call;
  switch (act?.kind) {
    case undefined:
      return await handle();
    case 'delay':
      await sleep(act.milliseconds);
      return await handle();
    case 'answer': {
      // These sites only read: whether the work is done before does not show.
      const body = act.body === undefined ? '' : typeof act.body === 'string' ? act.body : JSON.stringify(act.body);
      response.writeHead(act.status, act.headers ?? {}).end(body);
      return;
    }
    case 'reset':
      request.socket.destroy();
      return;
    case 'truncate':
      return await truncated(act.bytes, response, handle);
    // Before or after does not show here either.
    case 'kill':
      await call.killCaller(request, act.signal);
      return await handle();
  }
}

/** Lets only so many bytes of the body through, under the head of the whole, then cuts the connection. */
async function truncated(bytes: number, response: ServerResponse, handle: () => void | Promise<void>): Promise<void> {
  let left = bytes;
  const write = response.write.bind(response) as (chunk: Uint8Array) => boolean;
  const cut = (chunk: unknown): boolean => {
    if (chunk === undefined || chunk === null) return true;
    const whole = Buffer.from(chunk as string | Uint8Array);
    if (left <= 0) return true;
    write(whole.subarray(0, left));
    left -= whole.length;
    if (left <= 0) setImmediate(() => response.destroy());
    return true;
  };
  response.write = cut as typeof response.write;
  response.end = ((chunk?: unknown) => {
    if (!response.headersSent && chunk !== undefined) response.setHeader('content-length', Buffer.from(chunk as string).length);
    cut(typeof chunk === 'function' ? undefined : chunk);
    setImmediate(() => response.destroy());
    return response;
  }) as typeof response.end;
  await handle();
}
