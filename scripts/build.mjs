// Builds dist/: tsc compiles src/ to .build/, ncc bundles main and post, swc takes away what is never run. `--check` builds elsewhere and compares with what is committed.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minifySync, parseSync } from '@swc/core';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules/.bin', name);
const check = process.argv.includes('--check');
const target = check ? mkdtempSync(join(tmpdir(), 'dist-')) : join(root, 'dist');
const build = join(root, '.build');

/**
 * ncc minifies no chunk and leaves dead code (most of valibot) in. What is loaded before the first request is compiled first,
 * and text of one byte a character compiles fastest, hence `asciiOnly`. Class names stay: people see those of errors.
 */
function minify(folder) {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.js'))) {
    const file = join(folder, name);
    const { code } = minifySync(readFileSync(file, 'utf8'), {
      module: true,
      compress: { passes: 2, ecma: 2022, keep_classnames: true },
      mangle: { keep_classnames: true },
      format: { comments: false, ecma: 2022, asciiOnly: true },
    });
    const eager = compiledAtOnce(code);
    // ssh2 brings a module that asks for its folder in CommonJS's way.
    const folderName = /\b__dirname\b/.test(code) ? 'const __dirname=import.meta.dirname;' : '';
    writeFileSync(file, `${folderName}${eager}\n`);
  }
}

/**
 * V8 reads a function twice, first only to find its end, unless it stands in parentheses before `function`: it then takes it for
 * one that is called at once, which all of a bundle's modules are.
 */
function compiledAtOnce(code) {
  const tree = parseSync(code, { syntax: 'ecmascript', target: 'es2022' });
  const bytes = Buffer.from(code);
  // Offsets are those of bytes, and go on from file to file.
  const text = (from, to) => bytes.toString('utf8', from - tree.span.start, to - tree.span.start);
  const modules = modulesIn(tree.body).sort((one, other) => one.span.start - other.span.start);
  let done = tree.span.start;
  const parts = modules.flatMap(({ type, span }) => {
    const before = text(done, span.start);
    done = span.end;
    const whole = text(span.start, span.end);
    if (type !== 'ArrowFunctionExpression') return [before, `(${whole})`];
    const [head, parameters] = /^\(?([^()=]*)\)?=>/.exec(whole);
    const rest = whole.slice(head.length);
    return [before, `(function(${parameters})${rest.startsWith('{') ? rest : `{return ${rest}}`})`];
  });
  return parts.join('') + text(done, tree.span.start + bytes.length);
}

/** The functions of the objects in which webpack keeps modules by number. */
function modulesIn(tree) {
  if (typeof tree !== 'object' || tree === null) return [];
  const ofModule = ({ type, key, value }) => type === 'KeyValueProperty' && key.type === 'NumericLiteral' && /Function/.test(value.type);
  const found = tree.type === 'ObjectExpression' ? tree.properties.filter(ofModule).map(({ value }) => value) : [];
  return found.length > 0 ? found : Object.values(tree).flatMap(modulesIn);
}

// Native parts that ssh2 can do without: where an install script compiled them, ncc would bundle them, for this machine only.
for (const native of ['node_modules/cpu-features/build', 'node_modules/ssh2/lib/protocol/crypto/build']) {
  rmSync(join(root, native), { recursive: true, force: true });
}
rmSync(build, { recursive: true, force: true });
execFileSync(bin('tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
writeFileSync(join(build, 'package.json'), '{"type":"module"}\n');
if (!check) rmSync(target, { recursive: true, force: true });
for (const [entry, folder] of [
  ['main.js', '.'],
  ['post.js', 'post'],
]) {
  const staging = mkdtempSync(join(tmpdir(), 'ncc-'));
  execFileSync(bin('ncc'), ['build', join(build, entry), '-o', staging, '--license', 'licenses.txt', '--minify', '--quiet'], {
    cwd: root,
    stdio: 'inherit',
  });
  minify(staging);
  // ssh2's helper for PuTTY's agent on Windows, which nothing here uses.
  rmSync(join(staging, 'pagent.exe'), { force: true });
  mkdirSync(join(target, folder), { recursive: true });
  cpSync(staging, join(target, folder), { recursive: true });
  rmSync(staging, { recursive: true, force: true });
}
if (check) {
  const committed = join(root, 'dist');
  const list = (folder) =>
    (existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((e) => e.isFile())
          .map((e) => join(e.parentPath, e.name).slice(folder.length + 1))
      : []
    ).sort();
  const [fresh, old] = [list(target), list(committed)];
  const differing = [...new Set([...fresh, ...old])].filter(
    (f) => !fresh.includes(f) || !old.includes(f) || !readFileSync(join(target, f)).equals(readFileSync(join(committed, f))),
  );
  rmSync(target, { recursive: true, force: true });
  if (differing.length > 0) {
    console.error(`dist/ is not what the sources build: ${differing.join(', ')}. Run "npm run build" and commit dist/.`);
    process.exit(1);
  }
  console.log('dist/ is up to date');
}
