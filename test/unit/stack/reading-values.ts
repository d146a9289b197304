/** Owns reading a stack with a values file, for the tests of both. */
import assert from 'node:assert/strict';
import { Faults } from '../../../src/engine/fault.ts';
import { type ReadStack, readStack } from '../../../src/stack/read.ts';

export const base = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: platform@example.com\n';

export function read(values: string, env: Record<string, string> = {}, more = 'ingress: { controller: nginx }\n'): ReadStack {
  return readStack({ text: `${base}${more}zitadel: { values: ./values.yaml.tpl }\n`, file: 'zitadel.yaml', env, readFile: () => values });
}

export function errors(values: string, more?: string): string[] {
  try {
    read(values, {}, more);
  } catch (error) {
    assert.ok(error instanceof Faults, String(error));
    return error.faults.map(({ place, message }) => `${place?.file}:${place?.line}:${place?.column} ${message}`);
  }
  return [];
}
