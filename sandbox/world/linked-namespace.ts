/**
 * Owns network namespaces with one address of their own on a veth pair, and a way to everything the world listens on: pods
 * that run real programs, servers with an SSH daemon. What runs in them is their makers' business.
 */
import { spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './commands.ts';

export interface LinkedNamespace {
  /** Process that keeps the namespace. */
  readonly holder: number;
  /** Takes it away with all that runs in it. */
  close(): Promise<void>;
}

/** A link-local gateway that every namespace shares, as container networks without a bridge do it. */
const gateway = '169.254.1.1';
let counter = 0;

/** @throws Error where `unshare` or `ip` fails, or the namespace is not there within five seconds */
export async function linkedNamespace(address: string): Promise<LinkedNamespace> {
  const child = spawn('unshare', ['--net', '--uts', 'sleep', 'infinity'], { stdio: 'ignore' });
  const holder = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid as number));
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ours = await readlink('/proc/self/ns/net');
  for (let tries = 0; (await readlink(`/proc/${holder}/ns/net`)) === ours; tries += 1) {
    if (tries > 2000) throw new Error(`no network namespace for ${address} within five seconds`);
    await sleep(2);
  }
  counter += 1;
  const outer = `veth${counter}`;
  await run('ip', ['-batch', '-'], {
    input: [
      `link add ${outer} type veth peer name eth0 netns ${holder}`,
      `link set ${outer} up`,
      `address add ${gateway}/32 dev ${outer}`,
      `route replace ${address}/32 dev ${outer}`,
      '',
    ].join('\n'),
  });
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
