/** Owns a container's preStop hook: run by the kubelet before the SIGTERM, within the grace period; a failure is an event and no more. */
import { request } from 'node:http';
import type { Container } from '../objects.ts';
import type { ExecInRun, PodScope } from './container-context.ts';
import { portOf } from './probes.ts';
import { scaled } from './time.ts';

/** Resolves when the hook has ended, and at the end of the grace period at the latest. */
export async function preStop(
  scope: PodScope,
  spec: Container,
  graceMs: number,
  container: { readonly exec: ExecInRun; readonly fieldPath: string },
): Promise<void> {
  const place: HookPlace = {
    address: scope.facts.podIP,
    exec: container.exec,
    sleepMs: (seconds) => scaled(scope.kubelet.world, seconds),
    failed: (message) => scope.event('Warning', 'FailedPreStopHook', message, container.fieldPath),
  };
  const hook = spec.lifecycle?.preStop;
  if (hook === undefined) return;
  const late = Symbol('late');
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<typeof late>((resolve) => {
    timer = setTimeout(() => resolve(late), graceMs);
  });
  try {
    const ended = await Promise.race([once(spec, hook, graceMs, place), over]);
    if (ended === late) place.failed('PreStopHook failed: the grace period is over');
  } catch (error) {
    place.failed(`PreStopHook failed: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
}

interface HookPlace {
  readonly address: string;
  readonly exec: ExecInRun;
  readonly sleepMs: (seconds: number) => number;
  readonly failed: (message: string) => void;
}

type Hook = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;

async function once(spec: Container, { exec, httpGet, sleep }: Hook, graceMs: number, place: HookPlace): Promise<void> {
  if (exec !== undefined) {
    const { exitCode, stdout, stderr } = await place.exec(exec.command ?? []);
    if (exitCode !== 0) throw new Error(`command '${(exec.command ?? []).join(' ')}' exited with ${exitCode}: ${stdout}${stderr}`.trim());
  } else if (httpGet !== undefined) {
    const host = httpGet.host === undefined || httpGet.host === '' ? place.address : httpGet.host;
    await got({ host, port: portOf(httpGet.port, spec), path: httpGet.path ?? '/', timeout: graceMs, agent: false });
  } else if (sleep !== undefined) await new Promise((resolve) => setTimeout(resolve, place.sleepMs(sleep.seconds)));
}

/** Any answer ends the hook, as with the kubelet. */
function got(options: {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeout: number;
  readonly agent: false;
}): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      response.resume();
      response.once('end', () => resolve());
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer within the grace period')));
    sent.once('error', reject);
    sent.end();
  });
}
