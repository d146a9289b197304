// Runs the tests with node's test runner under Node 24. `unit` alone skips the scenarios; any other argument is a file or an option.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNode24 } from './node24.mjs';

const args = process.argv.slice(2);
const unitOnly = args.includes('unit');
const options = args.filter((arg) => arg.startsWith('--'));
const named = args.filter((arg) => arg !== 'unit' && !arg.startsWith('--'));
const find = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true })
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => join(folder, name))
        .sort()
    : [];
const unit = find('test/unit');
const scenarios = find('test/scenarios');

const run = (files, more = []) => runNode24(['--test', '--test-reporter=spec', ...options, ...more, ...files]);
if (named.length > 0) process.exit(await run(named));
const unitCode = await run(unit);
if (unitOnly || unitCode !== 0) process.exit(unitCode);
// Each scenario file has a world of its own; two at a time fill two cores.
process.exit(scenarios.length === 0 ? 0 : await run(scenarios, ['--test-concurrency=2', '--test-timeout=600000']));
