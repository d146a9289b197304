/** Owns how an answer leaves the front door: headers, body bytes, and the faults that spoil it on the way. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Act } from '../control/state.ts';
import type { Reply } from './service.ts';

/** The largest body of a signed call (API reference 1.4). */
const bodyLimit = 12 * 1024 * 1024;

export class BodyTooLarge extends Error {}

/** Reads to the end in any case: who is still sending hears no answer. @throws BodyTooLarge above 12 MB */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size <= bodyLimit) chunks.push(bytes);
  }
  if (size > bodyLimit) throw new BodyTooLarge('The request body is larger than 12 MB.');
  return Buffer.concat(chunks);
}

/** Sends a reply; a `truncate` fault promises the whole body and cuts after some bytes. */
export function send(response: ServerResponse, method: string, reply: Reply, headers: Readonly<Record<string, string>>, act: Act | undefined): void {
  const body = bytesOf(reply.body);
  const all: Record<string, string> = {
    ...headers,
    ...(body.length > 0 ? { 'Content-Type': typeof reply.body === 'string' ? textType(reply.body) : 'application/json' } : {}),
    ...reply.headers,
  };
  if (reply.status !== 204) all['Content-Length'] = String(body.length);
  response.writeHead(reply.status, all);
  if (act?.kind === 'truncate' && body.length > 0) {
    response.write(body.subarray(0, act.bytes), () => response.destroy());
    return;
  }
  response.end(method === 'HEAD' || reply.status === 204 ? undefined : body);
}

/** What a text is: some answers are no JSON (`success` of CCE; proxies speak HTML), and faults say what they like. */
function textType(text: string): string {
  if (/^\s*[[{]/.test(text)) return 'application/json';
  return /^\s*</.test(text) ? 'text/html' : 'text/plain';
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Cuts the connection in the middle: clients see a reset ("socket hang up"). TLS sockets cannot send an RST themselves. */
export function reset(response: ServerResponse): void {
  response.destroy();
}
