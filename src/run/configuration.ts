/**
 * Owns reading the stack file and what it names from where the job has them. A pull request may change these, so they lead
 * no further than the job's checkout; a stack file that the workflow itself keeps elsewhere leads no further than its
 * folder. What the files may say is `stack/`'s business.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { asFault, Fault } from '../engine/fault.ts';
import type { Inputs } from '../github/inputs.ts';
import { ENOUGH_BYTES } from '../stack/document.ts';
import { type ReadStack, readStack } from '../stack/read.ts';

/** @throws Fault where the file cannot be read, Faults for what is wrong in it */
export function readConfiguration({ config }: Pick<Inputs, 'config'>, env: Readonly<Record<string, string | undefined>>): ReadStack {
  const { text, readFile } = openCheckout(config, env['GITHUB_WORKSPACE'] || process.cwd());
  return readStack({ text, file: config, env, readFile });
}

export interface Checkout {
  /** The stack file's text. */
  readonly text: string;
  /** Reads a file that it names; the path is as the stack file's own, relative to the workspace. */
  readonly readFile: (path: string) => string;
}

/**
 * Reads the stack file.
 * @param config path of the stack file, relative to `workspace`
 * @throws Fault where it cannot be read; so does `readFile`, also for a file beyond the limit, whatever links lead there
 */
export function openCheckout(config: string, workspace: string): Checkout {
  const root = real(workspace, workspace);
  const file = resolve(workspace, config);
  // Only the workflow says `config`: where it points out of the workspace by itself, that is meant.
  const elsewhere = !isInside(workspace, file);
  try {
    const path = real(file, config);
    const limit = elsewhere ? dirname(path) : root;
    return { text: read(path, config, limit), readFile: (named) => read(real(resolve(workspace, named), named), named, limit) };
  } catch (error) {
    const hint = 'Name it with the input config, and check out the repository before this step.';
    const { message, hint: own } = asFault(error);
    throw new Fault(`the stack file cannot be read: ${message}`, { hint: own ?? hint, cause: error });
  }
}

function real(path: string, named: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Fault(`there is no file ${named}`, { cause: error }) : error;
  }
}

function isInside(folder: string, path: string): boolean {
  return !/^\.\.(\/|$)|^\//.test(relative(folder, path));
}

/** At most as much as is read of a file at all, and nothing that would block. */
function read(path: string, named: string, limit: string): string {
  if (!isInside(limit, path))
    throw new Fault(`${named} leads out of the repository`, { hint: 'Keep the file in the repository, and let no link lead out of it.' });
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(handle).isFile()) throw new Fault(`${named} is not a file`);
    const bytes = Buffer.alloc(ENOUGH_BYTES);
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more) more = readSync(handle, bytes, length, bytes.length - length, null);
    const text = bytes.subarray(0, length);
    if (length < ENOUGH_BYTES && !isUtf8(text)) throw new Fault(`${named} is not text in UTF-8`, { hint: 'Save it as UTF-8.' });
    return text.toString('utf8');
  } finally {
    closeSync(handle);
  }
}
