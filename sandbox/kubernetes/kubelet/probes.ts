/**
 * Owns the kubelet's probes: one attempt really made, from the node to the pod, and the loop that counts successes and
 * failures. What follows from a verdict is `container.ts`.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as netConnect } from 'node:net';
import { pause } from '../api.ts';
import type { Container, Probe } from '../objects.ts';

export interface ProbeTarget {
  readonly container: Container;
  /** Pod's (or, with host network, node's) address. */
  readonly address: string;
  /** The node's address: what the pod sees as the caller; undefined where it cannot be shown. */
  readonly from: string | undefined;
  exec(command: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
}

/** One attempt. Undefined is success; else the kubelet's text of the failure. */
export async function attempt(probe: Probe, target: ProbeTarget): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet !== undefined) return http(probe.httpGet, target, timeoutMs);
  if (probe.tcpSocket !== undefined)
    return tcp(target, probe.tcpSocket.host ?? target.address, portOf(probe.tcpSocket.port, target.container), timeoutMs);
  if (probe.grpc !== undefined) return tcp(target, target.address, probe.grpc.port, timeoutMs);
  if (probe.exec === undefined) return undefined;
  const { exitCode, stdout, stderr } = await target.exec(probe.exec.command ?? []);
  return exitCode === 0 ? undefined : `${stdout}${stderr}`.trim();
}

/** A port by number or by its name in the container's spec. */
export function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = (container.ports ?? []).find(({ name }) => name === port)?.containerPort;
  return named ?? Number(port);
}

function http(get: NonNullable<Probe['httpGet']>, target: ProbeTarget, timeoutMs: number): Promise<string | undefined> {
  const port = portOf(get.port, target.container);
  const host = get.host === undefined || get.host === '' ? target.address : get.host;
  const path = get.path ?? '/';
  const scheme = (get.scheme ?? 'HTTP').toLowerCase();
  const url = `${scheme}://${host}:${port}${path.startsWith('/') ? path : `/${path}`}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.34', accept: '*/*', connection: 'close' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return new Promise((resolve) => {
    const options = {
      ...{ host, port, path: path.startsWith('/') ? path : `/${path}`, headers, agent: false as const, timeout: timeoutMs },
      ...(target.from === undefined ? {} : { localAddress: target.from }),
    };
    const sent = scheme === 'https' ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    const give = (verdict: string | undefined) => {
      clearTimeout(timer);
      sent.destroy();
      resolve(verdict);
    };
    const late = `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
    const timer = setTimeout(() => give(late), timeoutMs);
    sent.on('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      give(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => give(`Get "${url}": dial tcp ${host}:${port}: ${goText(error)}`));
    sent.end();
  });
}

function tcp(target: ProbeTarget, host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = netConnect({ host, port, ...(target.from === undefined ? {} : { localAddress: target.from }) });
    const give = (verdict: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(verdict);
    };
    const timer = setTimeout(() => give(`dial tcp ${host}:${port}: i/o timeout`), timeoutMs);
    socket.on('connect', () => give(undefined));
    socket.on('error', (error: NodeJS.ErrnoException) => give(`dial tcp ${host}:${port}: ${goText(error)}`));
  });
}

/** The same failure in the words of Go's network library. */
function goText(error: NodeJS.ErrnoException): string {
  const texts: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ECONNRESET: 'read: connection reset by peer',
  };
  return texts[error.code ?? ''] ?? error.message;
}

/**
 * Probes until `signal` fires. Before the first success of a startup or readiness probe it asks more often than `periodSeconds`
 * unless the world runs in real time, so that pods are ready as soon as their programs; failures count by the time the real
 * periods take, so that what fails does so no earlier.
 */
export async function watchProbe(
  probe: Probe,
  target: ProbeTarget,
  options: {
    readonly eager: boolean;
    readonly signal: AbortSignal;
    readonly verdict: (success: boolean, text: string) => void;
    readonly failedOnce: (text: string) => void;
  },
): Promise<void> {
  const period = (probe.periodSeconds ?? 10) * 1000;
  const threshold = probe.failureThreshold ?? 3;
  const enough = probe.successThreshold ?? 1;
  // A kubelet spreads first probes over a period; a moment lets programs that start at once be found ready.
  await pause(Math.max((probe.initialDelaySeconds ?? 0) * 1000, 150), options.signal);
  let eager = options.eager;
  let failingSince: number | undefined;
  let successes = 0;
  while (!options.signal.aborted) {
    const text = await attempt(probe, target);
    if (options.signal.aborted) return;
    if (text === undefined) {
      failingSince = undefined;
      successes += 1;
      if (successes === enough) {
        eager = false;
        options.verdict(true, '');
      }
    } else {
      successes = 0;
      failingSince ??= Date.now();
      options.failedOnce(text);
      if (Date.now() - failingSince >= (threshold - 1) * period) options.verdict(false, text);
    }
    await pause(eager ? Math.min(period, 400) : period, options.signal);
  }
}
