/**
 * Owns finding the process at the other end of a connection: by the connection's inode in its network namespace's table
 * and the process that holds this inode open. All processes of a world share one PID namespace, whatever network they are in.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** `192.0.2.10` as `/proc/net/tcp` writes it: bytes in host order (little endian), upper-case hex. */
export function procAddress(address: string, port: number): string {
  const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0');
  const bytes = address
    .replace(/^::ffff:/, '')
    .split('.')
    .map(Number)
    .reverse()
    .map((byte) => hex(byte, 2))
    .join('');
  return `${bytes}:${hex(port, 4)}`;
}

/** Inodes of sockets whose local end is the given one, from the text of a `/proc/<pid>/net/tcp` or `tcp6`. */
export function inodesOf(table: string, local: string): string[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(local) === true && fields[9] !== undefined && fields[9] !== '0')
    .map((fields) => fields[9] as string);
}

/**
 * The process whose socket's own end is this address and port.
 * @param networks process ids whose network namespaces to look into; our own is looked into besides
 */
export async function processAt(address: string, port: number, networks: readonly number[]): Promise<number | undefined> {
  const local = procAddress(address, port);
  const inodes = new Set<string>();
  for (const pid of ['self', ...networks]) {
    for (const table of ['tcp', 'tcp6']) {
      for (const inode of inodesOf(await readFile(`/proc/${pid}/net/${table}`, 'utf8'), local)) inodes.add(inode);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(gone<string[]>([]))) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(gone(''));
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined && inodes.has(inode)) return Number(pid);
    }
  }
  return undefined;
}

/** Processes come and go while we look: one that is gone has nothing to tell. */
function gone<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code ?? '')) return instead;
    throw error;
  };
}
