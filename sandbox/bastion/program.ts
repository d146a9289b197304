/**
 * Owns finding OpenSSH's server on this machine, or unpacking Debian's package into the cache where it is not installed. How
 * it is run is `server.ts`'s.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../world/cache.ts';
import { run } from '../world/commands.ts';

/** A new machine has no package lists yet; only root may fetch them. */
const fetchPackages =
  'cd "$1" && { apt-get -q download openssh-server libwrap0 || { apt-get -q update && apt-get -q download openssh-server libwrap0; }; }';

export interface SshdProgram {
  /** Absolute: sshd starts itself anew for each connection. */
  readonly path: string;
  /** Folders of libraries that the machine lacks. */
  readonly libraries: readonly string[];
}

const folders = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/usr/bin', '/usr/local/bin'];

/** @throws Error that names the package, where there is neither the program nor a way to get it */
export async function sshdProgram(cache: string, progress: (line: string) => void): Promise<SshdProgram> {
  const installed = [...(process.env['PATH'] ?? '').split(':'), ...folders].map((folder) => join(folder, 'sshd')).find((path) => existsSync(path));
  if (installed?.startsWith('/')) return { path: installed, libraries: [] };
  try {
    const folder = await cached(cache, 'openssh-server-1', async (target) => {
      progress('getting sshd: unpacking the packages openssh-server and libwrap0');
      const packages = join(target, 'packages');
      await mkdir(packages);
      await run('sh', ['-c', fetchPackages, 'sh', packages]);
      for (const name of await readdir(packages)) await run('dpkg-deb', ['-x', join(packages, name), target]);
      await rm(packages, { recursive: true });
    });
    const lib = join(folder, 'usr/lib');
    const libraries = (await readdir(lib)).filter((name) => name.includes('-linux-gnu')).map((name) => join(lib, name));
    return { path: join(folder, 'usr/sbin/sshd'), libraries };
  } catch (error) {
    throw new Error(
      'sshd was not found, and a stack with a bastion, the default, needs it. Install OpenSSH\'s server (apt-get install openssh-server), or set "cluster: { access: eip }".',
      {
        cause: error,
      },
    );
  }
}
