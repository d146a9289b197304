// Lints workflows, examples and the workflow in README with actionlint, and checks that every action is pinned by its full commit.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ACTIONLINT = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12';

if (spawnSync('go', ['version']).status !== 0) {
  console.error(
    'Go is missing: actionlint is built with it. Install Go 1.24 or newer (https://go.dev/dl, or "apt-get install golang-go") and run again.',
  );
  process.exit(1);
}

const list = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(root, folder, name));
const isWorkflow = (text) => /^jobs:/m.test(text) && /^on:/m.test(text);
const scratch = mkdtempSync(join(tmpdir(), 'workflows-'));
try {
  const files = [...list('.github/workflows'), ...list('examples').filter((file) => isWorkflow(readFileSync(file, 'utf8')))];
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text]) => text).filter(isWorkflow);
  for (const [index, text] of blocks.entries()) {
    const file = join(scratch, `readme-${index + 1}.yml`);
    writeFileSync(file, text);
    files.push(file);
  }
  let unpinned = 0;
  for (const file of files) {
    for (const [, action] of readFileSync(file, 'utf8').matchAll(/^\s*(?:- )?uses:\s*([^\s#]+)/gm)) {
      const own = action.startsWith('./') || action.startsWith('OWNER/zitadel-on-otc@');
      if (own || /@[0-9a-f]{40}$/.test(action)) continue;
      console.error(`${basename(file)}: ${action} is not pinned by a commit of 40 digits`);
      unpinned += 1;
    }
  }
  // shellcheck and pyflakes are not on every machine; what is found must not depend on that.
  execFileSync('go', ['run', ACTIONLINT, '-shellcheck=', '-pyflakes=', '-no-color', ...files], { cwd: root, stdio: 'inherit' });
  if (unpinned > 0) process.exit(1);
  console.log(`${files.length} workflows are in order`);
} catch (error) {
  if (error.status === undefined) throw error;
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
