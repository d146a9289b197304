/** Owns reading the stack file from where the job has it. What it may say is `stack/`'s business. */
import { readFileSync } from 'node:fs';
import { asFault, Fault } from '../engine/fault.ts';
import type { Inputs } from '../github/inputs.ts';
import { type ReadStack, readStack } from '../stack/read.ts';

/** @throws Fault where the file is not there, Faults for what is wrong in it */
export function readConfiguration({ config }: Pick<Inputs, 'config'>, env: Readonly<Record<string, string | undefined>>): ReadStack {
  const workspace = env['GITHUB_WORKSPACE'];
  const at = (path: string): string => (path.startsWith('/') || workspace === undefined ? path : `${workspace}/${path}`);
  const readFile = (path: string): string => readFileSync(at(path), 'utf8');
  let text: string;
  try {
    text = readFile(config);
  } catch (error) {
    throw missingFile(config, error);
  }
  return readStack({ text, file: config, env, readFile });
}

function missingFile(config: string, error: unknown): Fault {
  return new Fault(`the stack file ${config} cannot be read: ${asFault(error).message}`, {
    hint: 'Name it with the input config, and check out the repository before this step.',
    cause: error,
  });
}
