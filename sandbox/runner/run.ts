/**
 * Owns running the built action as the runner does: its metadata (`action.yml`), environment, files, signals, then its post
 * step. What its output means is `commands.ts`'s; who asks for a run and shows it is `once.ts`'s and the control's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Annotation, CommandProcessor, LineCutter } from './commands.ts';
import { type ActionMetadata, commandFiles, endOrphans, inputVariables, jobEnvironment, readCommandFiles, readMetadata } from './job.ts';
import { Masks } from './masks.ts';
import type { Running, RunPlace, RunRequest } from './request.ts';

/** Milliseconds from SIGINT to SIGTERM, and from there to SIGKILL, when a run is cancelled. */
export const cancelSteps = { term: 7500, kill: 2500 } as const;
/** Milliseconds that output may still come after the step's process has ended. */
const drain = 1000;
/** Largest job summary that GitHub keeps, in bytes. */
const summaryLimit = 1024 * 1024;

export interface RunResult {
  readonly exitCode: number;
  /** Signal that ended the main step, if one did. */
  readonly signal: NodeJS.Signals | null;
  readonly postExitCode: number | null;
  /** The log as people see it. */
  readonly log: string;
  /** Everything written to standard output and error, before masking; for leak tests. */
  readonly raw: string;
  readonly masks: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Outputs that the runner would not hand to other jobs because they contain a masked word. */
  readonly droppedOutputs: readonly string[];
  readonly state: Readonly<Record<string, string>>;
  /** Job summary as kept (masked), and as written. */
  readonly summary: string;
  readonly rawSummary: string;
  readonly annotations: readonly Annotation[];
  /** Files left in RUNNER_TEMP after the post step, with their content. */
  readonly leftovers: Readonly<Record<string, string>>;
  /** Names of processes that outlived the steps. */
  readonly orphans: readonly string[];
  /** Milliseconds from start to end of the main step. */
  readonly took: number;
  /** Milliseconds from the first signal that it was sent to the end of the main step; null where none was sent. */
  readonly tookToEnd: number | null;
}

/** Runs main and post. A run that fails is a result, not an error. */
export async function runAction(request: RunRequest, place: RunPlace): Promise<RunResult> {
  await mkdir(place.folder, { recursive: true });
  const job = await mkdtemp(join(place.folder, 'job-'));
  const at = (name: string): string => join(job, name);
  for (const name of ['workspace', 'temp', 'home', 'commands']) await mkdir(at(name), { recursive: true, mode: 0o700 });
  await mkdir(place.toolCache, { recursive: true });
  for (const [name, content] of Object.entries(request.files)) {
    await mkdir(dirname(join(at('workspace'), name)), { recursive: true });
    await writeFile(join(at('workspace'), name), content);
  }
  const metadata: ActionMetadata =
    'folder' in request.action ? await readMetadata(request.action.folder) : { inputs: {}, main: request.action.script, post: undefined };
  const masks = new Masks();
  for (const secret of request.secrets) if (secret !== '') masks.add(secret);
  const shown: string[] = [];
  const raw: string[] = [];
  const processor = new CommandProcessor(
    (line) => {
      shown.push(line);
      place.show(line);
    },
    { masks, debug: request.debug ?? false },
  );
  const tracking = `github_${randomUUID()}`;
  const environment = { ...jobEnvironment(request, place, job), RUNNER_TRACKING_ID: tracking };
  const inputs = inputVariables(request, metadata, environment);
  if ('folder' in request.action) {
    const unknown = Object.keys(request.inputs).filter((name) => metadata.inputs[name] === undefined);
    const valid = Object.keys(metadata.inputs).map((name) => `'${name}'`);
    if (unknown.length > 0)
      processor.line(`::warning::Unexpected input(s) ${unknown.map((name) => `'${name}'`).join(', ')}, valid inputs are [${valid.join(', ')}]`);
  }
  const started = performance.now();
  const main = await step({
    script: metadata.main,
    env: { ...environment, ...inputs, ...(await commandFiles(at('commands'), 'main')) },
    place,
    processor,
    raw,
  });
  const took = Math.round(performance.now() - started);
  const files = await readCommandFiles(at('commands'), 'main');
  const state = { ...processor.state, ...files.state };
  const outputs = { ...processor.outputs, ...files.outputs };
  let post: StepEnd | undefined;
  if (metadata.post !== undefined) {
    const saved = Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
    const env = { ...environment, ...files.env, ...inputs, ...saved, ...(await commandFiles(at('commands'), 'post')) };
    post = await step({ script: metadata.post, env, place: { ...place, started: () => undefined }, processor, raw });
  }
  const orphans = await endOrphans(tracking);
  const leftovers = await contentOf(at('temp'));
  const rawSummary = files.summary;
  if (Buffer.byteLength(rawSummary) > summaryLimit) {
    processor.line(
      `::error::$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got ${Math.round(Buffer.byteLength(rawSummary) / 1024)}k.`,
    );
  }
  await rm(job, { recursive: true, force: true });
  return {
    exitCode: main.code ?? 1,
    signal: main.signal,
    postExitCode: post === undefined ? null : (post.code ?? 1),
    log: shown.join('\n'),
    raw: raw.join(''),
    masks: masks.values(),
    outputs,
    droppedOutputs: Object.entries(outputs)
      .filter(([, value]) => masks.apply(value) !== value)
      .map(([name]) => name),
    state,
    summary: Buffer.byteLength(rawSummary) > summaryLimit ? '' : masks.apply(rawSummary),
    rawSummary,
    annotations: processor.annotations,
    leftovers,
    orphans,
    took,
    tookToEnd: main.tookToEnd,
  };
}

interface StepEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly tookToEnd: number | null;
}

async function step(what: {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly place: RunPlace;
  readonly processor: CommandProcessor;
  readonly raw: string[];
}): Promise<StepEnd> {
  const { place, processor, raw } = what;
  if (!existsSync(what.script)) throw new Error(`${what.script} does not exist; build the action first (npm run build)`);
  // nsenter becomes the action's process: signals go to node alone, as the runner's do.
  const child = spawn('nsenter', [`--net=/proc/${place.network}/ns/net`, '--', place.node, what.script], {
    env: what.env,
    cwd: what.env['GITHUB_WORKSPACE'],
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const cutters = [child.stdout, child.stderr].map((stream) => {
    const cutter = new LineCutter((line) => processor.line(line));
    stream.setEncoding('utf8').on('data', (text: string) => {
      raw.push(text);
      cutter.push(text);
    });
    return cutter;
  });
  let signalled: number | undefined;
  place.started?.(
    running(child, () => {
      signalled ??= performance.now();
    }),
  );
  const end = await new Promise<StepEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      const tookToEnd = signalled === undefined ? null : Math.round(performance.now() - signalled);
      // Processes left behind may hold the pipes open: what they still say is of no interest.
      const enough = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, drain);
      child.once('close', () => {
        clearTimeout(enough);
        resolve({ code, signal, tookToEnd });
      });
    });
  });
  for (const cutter of cutters) cutter.end();
  return end;
}

function running(child: ChildProcess, signalled: () => void): Running {
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals): void => {
    if (!alive()) return;
    signalled();
    child.kill(name);
  };
  return {
    signal,
    cancel() {
      signal('SIGINT');
      const term = setTimeout(() => {
        signal('SIGTERM');
        const kill = setTimeout(() => signal('SIGKILL'), cancelSteps.kill);
        child.once('exit', () => clearTimeout(kill));
      }, cancelSteps.term);
      child.once('exit', () => clearTimeout(term));
    },
  };
}

async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const)));
}
