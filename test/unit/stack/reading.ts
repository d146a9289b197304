/** Owns what the tests of the stack file share: the smallest file, reading one, its faults as annotations show them. */
import assert from 'node:assert/strict';
import { Faults } from '../../../src/engine/fault.ts';
import { type ReadStack, readStack } from '../../../src/stack/read.ts';

export const small = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: platform@example.com\n';

export function read(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}): ReadStack {
  return readStack({
    text,
    file: 'deploy/zitadel.yaml',
    env,
    readFile: (path) => {
      const found = files[path];
      if (found === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return found;
    },
  });
}

/** The faults as an annotation shows them. */
export function errors(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}): string[] {
  try {
    read(text, env, files);
  } catch (error) {
    assert.ok(error instanceof Faults, String(error));
    return error.faults.map(({ place, message, hint }) => {
      assert.ok(place !== undefined, message);
      return `${place.file === 'deploy/zitadel.yaml' ? '' : `${place.file} `}${place.line}:${place.column} ${message}${hint === undefined ? '' : ` | ${hint}`}`;
    });
  }
  return [];
}
