/**
 * Owns `kubectl exec` on the kubelet's side: the WebSocket protocol with numbered channels (`v4.channel.k8s.io`,
 * `v5.channel.k8s.io`): 1 is standard output, 2 standard error, 3 the result. Commands get no input and no terminal.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { PodWorker } from './pod.ts';

const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

export function serveExec(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  find: (namespace: string, name: string) => PodWorker | undefined,
  failed: (error: unknown) => void,
): void {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [, kind, namespace = '', pod = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const worker = find(namespace, pod);
  // With a uid in the path the container comes last.
  const container = rest.at(-1) ?? '';
  const status = kind !== 'exec' ? '404 Not Found' : worker === undefined ? '404 Not Found' : undefined;
  const asked = String(request.headers['upgrade'] ?? '').toLowerCase();
  if (status !== undefined || worker === undefined || asked !== 'websocket') {
    socket.end(`HTTP/1.1 ${status ?? '400 Bad Request'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    return;
  }
  const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false });
  server.handleUpgrade(request, socket, head, (stream) => {
    stream.on('error', failed);
    const send = (channel: number, data: string) => stream.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)]));
    worker
      .exec(container, url.searchParams.getAll('command'))
      .then(({ exitCode, stdout, stderr }) => {
        if (stdout !== '') send(1, stdout);
        if (stderr !== '') send(2, stderr);
        send(3, JSON.stringify(result(exitCode)));
      })
      .catch((error: unknown) =>
        send(3, JSON.stringify({ metadata: {}, status: 'Failure', reason: 'InternalError', message: String(error), code: 500 })),
      )
      .finally(() => stream.close(1000));
  });
}

function result(exitCode: number): unknown {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}
