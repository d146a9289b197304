/**
 * Owns a node's kubelet endpoint, port 10250 over TLS for the API server alone: `kubectl logs`, and what `exec-stream.ts` does
 * for `kubectl exec`. What was logged is `logs.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { serveExec } from './exec-stream.ts';
import type { PodWorker } from './pod.ts';

export interface ServerIdentity {
  readonly certPem: string;
  readonly keyPem: string;
  /** Whose client certificates are let in. */
  readonly clientCaPem: string;
}

export interface KubeletServer {
  close(): Promise<void>;
}

type Finder = (namespace: string, name: string) => PodWorker | undefined;

export async function kubeletServer(
  address: string,
  identity: ServerIdentity,
  find: Finder,
  failed: (error: unknown) => void,
): Promise<KubeletServer> {
  const server = createServer(
    { cert: identity.certPem, key: identity.keyPem, ca: identity.clientCaPem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      if (!(request.socket as TLSSocket).authorized) {
        refuse(response, 401, 'Unauthorized');
        return;
      }
      const url = new URL(request.url ?? '/', 'https://kubelet');
      const [, kind, namespace = '', pod = '', container = ''] = url.pathname.split('/').map(decodeURIComponent);
      if (url.pathname === '/healthz') {
        refuse(response, 200, 'ok');
        return;
      }
      if (kind !== 'containerLogs' || request.method !== 'GET') {
        refuse(response, 404, '404 page not found\n');
        return;
      }
      const worker = find(namespace, pod);
      if (worker === undefined) {
        refuse(response, 404, `pod "${pod}" not found\n`);
        return;
      }
      logs(worker, container, url.searchParams, request, response);
    },
  );
  server.on('upgrade', (request, socket, head) => {
    if (!(socket as TLSSocket).authorized) {
      socket.destroy();
      return;
    }
    serveExec(request, socket, head, find, failed);
  });
  server.on('error', failed);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(10250, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

function logs(worker: PodWorker, container: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): void {
  const previous = query.get('previous') === 'true';
  const log = worker.log(container, previous);
  if (!worker.has(container)) {
    refuse(response, 404, `container ${container} not found\n`);
    return;
  }
  if (log === undefined) {
    refuse(response, 400, `previous terminated container "${container}" in pod not found\n`);
    return;
  }
  const timestamps = query.get('timestamps') === 'true';
  const tail = query.get('tailLines');
  const seconds = query.get('sinceSeconds');
  const time = query.get('sinceTime');
  const since = seconds !== null ? new Date(Date.now() - Number(seconds) * 1000) : time !== null ? new Date(time) : undefined;
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'transfer-encoding': 'chunked' });
  // Follows before it looks back: no line falls between.
  const waiting: string[] = [];
  let live = false;
  let over = false;
  const stop =
    query.get('follow') === 'true' && !previous
      ? log.follow(
          timestamps,
          (line) => (live ? response.write(line) : waiting.push(line)),
          () => {
            over = true;
            if (live) response.end();
          },
        )
      : undefined;
  const limit = query.get('limitBytes');
  const text = log.select({ timestamps, ...(tail === null ? {} : { tailLines: Number(tail) }), ...(since === undefined ? {} : { since }) }).join('');
  response.write(limit === null ? text : text.slice(0, Number(limit)));
  if (stop === undefined) {
    response.end();
    return;
  }
  live = true;
  for (const line of waiting) response.write(line);
  if (over) response.end();
  request.on('close', stop);
  response.on('close', stop);
}
