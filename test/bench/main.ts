/**
 * Owns `npm run bench`: what is measured, in which order, and how it is printed (Markdown, then JSON). How each figure comes
 * about stands in `startup.ts`, `cloud.ts`, `terraform.ts`; the arithmetic in `figures.ts`.
 */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startWorld, type TestWorld } from '../harness/world.ts';
import { crowd, firstDeploy, footprint, loadedBytes, type NoChange, noChange } from './cloud.ts';
import { type Figure, median, renderFigures } from './figures.ts';
import { measureStart } from './startup.ts';
import { terraformFigures } from './terraform.ts';

const usage = `npm run bench -- [options]

  --runs N                 how often what is repeated is measured (default 5); the median counts
  --terraform CONFIG_DIR   also times "terraform plan" of the same stack, once applied, in the same cloud
  --action DIR             folder of the built action (default: this repository)
  --start-only             only the start of the process, which needs no cloud
  --help                   this text
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    terraform: { type: 'string' },
    action: { type: 'string', default: join(import.meta.dirname, '../..') },
    'start-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
if (values.help || !Number.isInteger(runs) || runs < 1) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}
const action = resolve(values.action);
const progress = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

async function startFigures(): Promise<Figure[]> {
  // A start takes a tenth of a second, and other work on the machine shows in it: more of them, each beside a bare one.
  const starts = await measureStart(action, runs * 6);
  const note = `median of ${starts.length}, in turn with bare Node`;
  return [
    { name: 'bare `node -e 0`', value: median(starts.map(({ bare }) => bare)), unit: 'ms', note },
    { name: 'start to first OTC request', value: median(starts.map(({ request }) => request)), unit: 'ms', note: `${note}; TLS handshake included` },
    {
      name: 'the same, by bare Node',
      value: median(starts.map(({ bare, request }) => request / bare)),
      unit: '×',
      goal: 3.5,
      note: 'median of the pairs',
    },
  ];
}

async function cloudFigures(): Promise<Figure[]> {
  progress('a world with a cloud …');
  const world = await startWorld({ pace: 'fast' });
  try {
    return await figuresIn(world);
  } finally {
    await world.stop();
  }
}

async function figuresIn(world: TestWorld): Promise<Figure[]> {
  await world.control.snapshot('empty');
  progress('first deploy, the cloud taking a twentieth of its real time …');
  const first = await firstDeploy(world, action);
  progress(`longest path: ${first.path.ids.join(' → ')}`);
  await world.control.latency('real');
  progress('runs that find nothing to do, answers as slow as the real ones …');
  const quiet: NoChange[] = [];
  for (let run = 0; run < runs; run += 1) quiet.push(await noChange(world, action));
  // Answers that take long compared with our own work between them, so that calls sent together are told from calls that waited.
  await world.control.latency({ milliseconds: 400 });
  const slow = await noChange(world, action);
  await world.control.latency('fast');
  const { megabytes, cpuSeconds } = await footprint(world, action);
  const loaded = await loadedBytes(world, action);
  const added = await crowd(world);
  progress(`${added} resources of others beside ours …`);
  const crowdedRun = await noChange(world, action);
  const most = (of: (one: (typeof quiet)[number]) => number): number => Math.max(...quiet.map(of));
  const figures: Figure[] = [
    {
      name: 'no-op `deploy`: wall',
      value: median(quiet.map(({ wall }) => wall)),
      unit: 's',
      goal: 3,
      note: `median of ${runs}; answers of 140 ms (reads) and 420 ms (writes)`,
    },
    {
      name: 'no-op `deploy`: OTC calls',
      value: most(({ calls }) => calls),
      unit: '',
      goal: 25,
      note: 'sign-in and the download of RDS’s certificates included',
    },
    { name: 'no-op `deploy`: waves of calls', value: slow.waves, unit: '', goal: 4, note: 'longest chain of API calls that wait for one another' },
    { name: 'no-op `deploy`: writes', value: most(({ writes }) => writes), unit: '', goal: 0, note: 'the one POST issues a client certificate' },
    { name: 'no-op `deploy`: peak memory', value: megabytes, unit: 'MB', note: 'resident' },
    { name: 'no-op `deploy`: processor time', value: cpuSeconds, unit: 's', note: 'of the step and the programs it runs' },
    { name: 'no-op `deploy`: JavaScript loaded', value: loaded.main / 1000, unit: 'kB', goal: 1000 },
    { name: 'post step: JavaScript loaded', value: loaded.post / 1000, unit: 'kB', goal: 50 },
    { name: 'first deploy: wall', value: first.wall, unit: 's', note: `cloud at a twentieth of its real time; ${first.calls} OTC calls` },
    {
      name: 'first deploy: longest dependency path',
      value: first.path.seconds,
      unit: 's',
      note: `${first.path.ids.length} resources, by the report's own seconds`,
    },
    { name: 'first deploy: wall by longest path', value: first.wall / first.path.seconds, unit: '×', goal: 1.05 },
    {
      name: 'calls in a tenant a hundred times as large',
      value: crowdedRun.calls,
      unit: '',
      goal: slow.calls,
      note: `${added} resources of others; ${crowdedRun.furtherPages} further pages besides`,
    },
  ];
  return values.terraform === undefined ? figures : [...figures, ...(await terraformFigures(world, resolve(values.terraform), runs, progress))];
}

progress(`start of the process, ${runs * 6} times …`);
const figures = [...(await startFigures()), ...(values['start-only'] ? [] : await cloudFigures())];
process.stdout.write(`# Bench\n\nNode ${process.version}, ${availableParallelism()} cores, ${runs} runs.\n\n${renderFigures(figures)}\n\n`);
process.stdout.write(
  `\`\`\`json\n${JSON.stringify({ node: process.version, cores: availableParallelism(), runs, figures }, undefined, 1)}\n\`\`\`\n`,
);
const missed = figures.filter(({ value, goal }) => goal !== undefined && value > goal);
if (missed.length > 0) progress(`goals missed: ${missed.map(({ name }) => name).join(', ')}`);
