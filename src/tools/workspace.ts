/**
 * Owns the one private directory of a run: kubeconfig files, charts, helm's and kubectl's homes. It is made when first
 * needed, readable by the runner's user alone, and removed at the end or, after a kill, by the post step.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asFault, Fault } from '../engine/fault.ts';

const PREFIX = 'zitadel-on-otc-';

export interface Workspace {
  /** The directory; made at the first call. */
  path(): Promise<string>;
  /** Writes a file of mode 0600 and returns its path. */
  write(name: string, content: string | Uint8Array): Promise<string>;
  remove(): Promise<void>;
}

/**
 * @param runnerTemp the runner's directory for temporary files (`RUNNER_TEMP`)
 * @param made told the path as soon as the directory exists, so that the post step can remove it
 */
export function workspaceIn(runnerTemp: string, made: (path: string) => void): Workspace {
  let pending: Promise<string> | undefined;
  const make = async (): Promise<string> => {
    const path = await mkdir(runnerTemp, { recursive: true })
      .then(() => mkdtemp(join(runnerTemp, PREFIX)))
      .catch((error: unknown) => {
        const hint = "Look at the runner's disk and at RUNNER_TEMP.";
        throw new Fault(`no folder for this run could be made in ${runnerTemp}: ${asFault(error).message}`, { hint, cause: error });
      });
    made(path);
    await chmod(path, 0o700);
    return path;
  };
  const path = (): Promise<string> => {
    pending ??= make();
    return pending;
  };
  return {
    path,
    write: async (name, content) => {
      const file = join(await path(), name);
      await writeFile(file, content, { mode: 0o600 });
      return file;
    },
    remove: async () => {
      if (pending !== undefined) await removeWorkspace(await pending);
    },
  };
}

/**
 * Removes a workspace; one that is gone already is fine. For `post.ts`, which has only the path.
 * @throws Fault for a path that is no workspace of ours, so that a wrong state can never delete anything else
 */
export async function removeWorkspace(path: string): Promise<void> {
  if (!basename(path).startsWith(PREFIX)) throw new Fault(`${path} is not a directory of this action; it was not removed`);
  // A child that is just ending may still write into it.
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
