/**
 * Owns the network namespace of a pod that runs a real program: the pod's address on a veth pair, a way to everything the
 * world listens on, cluster names through a resolver. The program itself is `program.ts`.
 */
import { spawn } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../world/commands.ts';
import type { ClusterView } from '../image.ts';
import type { Pod } from '../objects.ts';

/** A link-local gateway that every pod shares, as container networks without a bridge do it. */
const gateway = '169.254.1.1';
let counter = 0;

/** Makes the namespace; `close` takes it away with all that runs in it. */
export async function podNamespace(options: {
  readonly address: string;
  readonly pod: Pod;
  readonly cluster: ClusterView;
}): Promise<{ readonly holder: number; close(): Promise<void> }> {
  const child = spawn('unshare', ['--net', '--uts', 'sleep', 'infinity'], { stdio: 'ignore' });
  const holder = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid as number));
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ours = readlinkSync('/proc/self/ns/net');
  for (let tries = 0; readlinkSync(`/proc/${holder}/ns/net`) === ours; tries += 1) {
    if (tries > 2000) throw new Error(`no network namespace for pod ${options.pod.metadata.name} within five seconds`);
    await sleep(2);
  }
  counter += 1;
  const outer = `pod${counter}`;
  const { address } = options;
  await run('ip', ['-batch', '-'], {
    input: [
      `link add ${outer} type veth peer name eth0 netns ${holder}`,
      `link set ${outer} up`,
      `address add ${gateway}/32 dev ${outer}`,
      `route add ${address}/32 dev ${outer}`,
      '',
    ].join('\n'),
  });
  // Pods reach each other through the world, which has to pass their packets on.
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  await run('nsenter', [`--net=/proc/${holder}/ns/net`, 'ip', '-batch', '-'], {
    input: [
      'link set lo up',
      `address add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gateway}/32 dev eth0 scope link`,
      `route add default via ${gateway} dev eth0 src ${address}`,
      '',
    ].join('\n'),
  });
  return {
    holder,
    async close() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
