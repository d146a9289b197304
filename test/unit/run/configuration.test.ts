/** The files of a job: nothing that a pull request can write leads out of the checkout. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { openCheckout } from '../../../src/run/configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'checkout-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const workspace = join(folder, 'work');
mkdirSync(join(workspace, 'deploy'), { recursive: true });
mkdirSync(join(folder, 'elsewhere'));
const put = (path: string, text: string | Uint8Array): void => writeFileSync(join(folder, path), text);
put('secret', 'planted-secret');
put('elsewhere/stack.yaml', 'name: elsewhere');
put('elsewhere/values.yaml', 'a: 1');
put('work/deploy/zitadel.yaml', 'name: here');
put('work/values.yaml', 'b: 2');
put('work/latin1.yaml', Buffer.from('name: caf\xe9', 'latin1'));
put('work/large.yaml', 'x'.repeat(300 * 1024));
symlinkSync(join(folder, 'secret'), join(workspace, 'link.yaml'));
symlinkSync(folder, join(workspace, 'up'));
symlinkSync('../values.yaml', join(workspace, 'deploy/inside.yaml'));
execFileSync('mkfifo', [join(workspace, 'pipe.yaml')]);

const refused = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof Fault && error.hint !== undefined, String(error));
    assert.ok(!error.message.includes('planted-secret'));
    return error.message;
  }
  return 'nothing was refused';
};

test('files of the checkout, also through links that stay in it', () => {
  const { text, readFile } = openCheckout('deploy/zitadel.yaml', workspace);
  assert.equal(text, 'name: here');
  for (const path of ['values.yaml', 'deploy/../values.yaml', 'deploy/inside.yaml', join(workspace, 'values.yaml')])
    assert.equal(readFile(path), 'b: 2');
});

test('no path and no link leads out of the checkout', () => {
  const { readFile } = openCheckout('deploy/zitadel.yaml', workspace);
  for (const path of ['../secret', 'deploy/../../secret', join(folder, 'secret'), 'link.yaml', 'up/secret', '/proc/self/environ', '/etc/passwd'])
    assert.equal(
      refused(() => readFile(path)),
      `${path} leads out of the repository`,
    );
  assert.equal(
    refused(() => openCheckout('link.yaml', workspace)),
    'the stack file cannot be read: link.yaml leads out of the repository',
  );
});

test('a stack file that the workflow keeps elsewhere: its folder, nothing else', () => {
  for (const config of ['../elsewhere/stack.yaml', join(folder, 'elsewhere/stack.yaml')]) {
    const { text, readFile } = openCheckout(config, workspace);
    assert.equal(text, 'name: elsewhere');
    assert.equal(readFile(join(folder, 'elsewhere/values.yaml')), 'a: 1');
    assert.match(
      refused(() => readFile(join(folder, 'secret'))),
      /leads out/,
    );
  }
});

test('what cannot be read says so: nothing there, a folder, a pipe, other text than UTF-8', () => {
  const at = (config: string): string => refused(() => openCheckout(config, workspace));
  assert.equal(at('none.yaml'), 'the stack file cannot be read: there is no file none.yaml');
  assert.equal(at('deploy'), 'the stack file cannot be read: deploy is not a file');
  assert.equal(at('pipe.yaml'), 'the stack file cannot be read: pipe.yaml is not a file');
  assert.equal(at('latin1.yaml'), 'the stack file cannot be read: latin1.yaml is not text in UTF-8');
  assert.equal(openCheckout('large.yaml', workspace).text.length, 256 * 1024 + 1, 'no more is read than it takes to refuse it');
});
