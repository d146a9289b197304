/**
 * Owns what makes the world a place of its own once `scripts/sandbox.mjs` has put this process into new network, mount and
 * PID namespaces: the loopback device, the resolver's file, and two more network namespaces joined by veth pairs, the
 * runner's (outside the cloud) and the console's (inside every VPC).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.ts';
import { places, publicResolvers } from './places.ts';

export interface Outside {
  /** Process id (in the world's PID namespace) that holds the network namespace. */
  readonly holder: number;
  close(): void;
}

/** Brings up `lo`, the world's own addresses and its resolver's configuration. Everything ends with the namespaces. */
export async function furnish(folder: string): Promise<void> {
  const own = [places.sites, places.resolver, places.control, places.visitors, places.ns1, places.ns2, places.parent, ...publicResolvers];
  await run('ip', ['-batch', '-'], { input: ['link set lo up', ...own.map((address) => `address add ${address}/32 dev lo`), ''].join('\n') });
  const resolv = join(folder, 'resolv.conf');
  writeFileSync(resolv, `nameserver ${places.resolver}\noptions timeout:2 attempts:2\n`);
  await cover('/etc/resolv.conf', resolv);
  // Sockets of the host's own resolvers are files and would reach out of the network namespace: names come from DNS alone.
  if (existsSync('/etc/nsswitch.conf')) {
    const nsswitch = join(folder, 'nsswitch.conf');
    writeFileSync(nsswitch, 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n');
    await cover('/etc/nsswitch.conf', nsswitch);
  }
  for (const socket of ['/run/nscd', '/var/run/nscd', '/run/systemd/resolve']) {
    if (existsSync(socket) && socket === realpathSync(socket)) await run('mount', ['-t', 'tmpfs', '-o', 'ro,size=4k', 'tmpfs', socket]);
  }
}

async function cover(target: string, source: string): Promise<void> {
  if (!existsSync(target))
    throw new Error(`${target} does not exist on this machine; the sandbox needs the file to put its own in its place (touch ${target})`);
  await run('mount', ['--bind', source, realpathSync(target)]);
}

/**
 * A network namespace joined to the world by a veth pair. What it sends to `blocked` ranges vanishes without an answer, as
 * packets to private addresses do on the internet.
 */
export async function joinOutside(name: string, address: string, gateway: string, blocked: readonly string[]): Promise<Outside> {
  const child = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' });
  const holder = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('spawn', () => resolve(child.pid as number));
  });
  await separated(holder);
  const inside = `${name}0`;
  const hole = gateway.replace(/\.\d+$/, '.254');
  await run('ip', ['-batch', '-'], {
    input: [
      `link add ${name} type veth peer name ${inside}`,
      `address add ${gateway}/24 dev ${name}`,
      `link set ${name} up`,
      `link set ${inside} netns ${holder}`,
      '',
    ].join('\n'),
  });
  await run('nsenter', [`--net=/proc/${holder}/ns/net`, 'ip', '-batch', '-'], {
    input: [
      'link set lo up',
      `address add ${address}/24 dev ${inside}`,
      `link set ${inside} up`,
      `route add default via ${gateway}`,
      // A neighbour that does not exist: frames to it are thrown away by the other end.
      `neighbour add ${hole} lladdr 02:00:00:00:00:fe dev ${inside} nud permanent`,
      ...blocked.map((range) => `route add ${range} via ${hole}`),
      '',
    ].join('\n'),
  });
  return { holder, close: () => end(child) };
}

/** Waits until a process has left our network namespace: `unshare` needs a moment after it was started. */
async function separated(pid: number): Promise<void> {
  const ours = readlinkSync('/proc/self/ns/net');
  const deadline = Date.now() + 5000;
  while (readlinkSync(`/proc/${pid}/ns/net`) === ours) {
    if (Date.now() > deadline) throw new Error('a network namespace was not made within five seconds');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function end(child: ChildProcess): void {
  child.kill('SIGKILL');
}
