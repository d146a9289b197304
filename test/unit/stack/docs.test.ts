/** Generated documentation is what the sources generate. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generated } from '../../../scripts/docs.ts';

for (const [file, content] of Object.entries(generated())) {
  test(`${file} is up to date`, () => {
    const found = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    assert.equal(found, content, `run "node scripts/node24.mjs scripts/docs.ts" and commit ${file}`);
  });
}
