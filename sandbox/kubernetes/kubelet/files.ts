/** Owns what a container sees at its paths: volumes at their mount paths, else files of its own. The volumes: `volumes.ts`. */
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { ContainerFiles, Mount } from '../image.ts';
import type { Container, Pod } from '../objects.ts';
import { expand } from './env.ts';

const readOnlyKinds = ['secret', 'configMap', 'projected', 'downwardAPI'] as const;

/** The mounts of a container, longest path first. */
export function mountsOf(pod: Pod, container: Container, volumes: string, env: Readonly<Record<string, string>>): Mount[] {
  return (container.volumeMounts ?? [])
    .map((mount) => {
      const volume = (pod.spec.volumes ?? []).find(({ name }) => name === mount.name);
      const below = mount.subPathExpr !== undefined ? expand(mount.subPathExpr, env) : (mount.subPath ?? '');
      return {
        path: normalize(mount.mountPath).replace(/(.)\/$/, '$1'),
        source: join(volumes, mount.name, below),
        readOnly: mount.readOnly === true || readOnlyKinds.some((kind) => volume?.[kind] !== undefined),
      };
    })
    .sort((a, b) => b.path.length - a.path.length);
}

/** @param root folder for files outside all mounts, made when first written to */
export function containerFiles(mounts: readonly Mount[], root: string): ContainerFiles {
  const find = (path: string): { readonly file: string; readonly readOnly: boolean } => {
    const clean = normalize(`/${path}`).replace(/(.)\/$/, '$1');
    const mount = mounts.find((one) => clean === one.path || clean.startsWith(`${one.path}/`) || one.path === '/');
    return mount === undefined
      ? { file: join(root, clean), readOnly: false }
      : { file: join(mount.source, clean.slice(mount.path.length)), readOnly: mount.readOnly };
  };
  return {
    read: (path) => named(path, () => readFile(find(path).file)),
    list: (path) => named(path, () => readdir(find(path).file)),
    async exists(path) {
      try {
        await access(find(path).file);
        return true;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error)) throw error;
        return false;
      }
    },
    async write(path, content) {
      const { file, readOnly } = find(path);
      if (readOnly) throw Object.assign(new Error(`open ${path}: read-only file system`), { code: 'EROFS' });
      await named(path, async () => {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      });
    },
  };
}

const texts: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
};

/** Failures speak of the container's path, never of where the sandbox keeps it. */
async function named<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (texts[code] === undefined) throw error;
    throw Object.assign(new Error(`open ${path}: ${texts[code]}`), { code });
  }
}
