/**
 * Owns what is said to the runner: workflow commands, annotations, outputs, state, the job summary. What is said is
 * decided elsewhere; when a resource's lines appear is `journal.ts`'s business.
 */
import { join } from 'node:path';
import { issueCommand } from '@actions/core/lib/command.js';
import { issueFileCommand, prepareKeyValueMessage } from '@actions/core/lib/file-command.js';
import { Fault, unsaid } from '../engine/fault.ts';
import { redact } from '../secret.ts';

/** The effects; {@link actionsRunner} is the real one. */
export interface RunnerPort {
  /** Writes a workflow command. */
  readonly command: (name: string, properties: Readonly<Record<string, string>>, message: string) => void;
  /** Writes a line to the log. */
  readonly line: (text: string) => void;
  /** Appends to a command file: `OUTPUT`, `STATE` or `STEP_SUMMARY`. */
  readonly file: (name: 'OUTPUT' | 'STATE' | 'STEP_SUMMARY', text: string) => void;
}

export const actionsRunner: RunnerPort = {
  command: (name, properties, message) => issueCommand(name, properties, message),
  line: (text) => void process.stdout.write(`${text}\n`),
  file: (name, text) => issueFileCommand(name, text),
};

export type Level = 'error' | 'warning' | 'notice';

/** GitHub cuts annotations behind 4,096 characters. */
const LONGEST_ANNOTATION = 4000;
/** So many of a level GitHub shows for a step; what is beyond stands in its log only. */
const SHOWN_ANNOTATIONS = 10;

/**
 * Takes out of the environment what the runner set to nothing, so that it counts as absent everywhere, and puts in the
 * folders that a step cannot do without, where the runner named none.
 * @param temp the machine's folder for temporary files
 */
export function settle(env: Record<string, string | undefined>, temp: string): void {
  for (const [name, value] of Object.entries(env)) if (/^(RUNNER|GITHUB)_/.test(name) && value?.trim() === '') delete env[name];
  env['RUNNER_TEMP'] ??= temp;
  // Without it @actions/tool-cache ends with an assertion.
  env['RUNNER_TOOL_CACHE'] ??= join(env['RUNNER_TEMP'], 'tool-cache');
}

/** `RUNNER_TEMP` of an environment that is settled. */
export function tempOf(env: Readonly<Record<string, string | undefined>>): string {
  const temp = env['RUNNER_TEMP'];
  if (temp === undefined) throw new Error('the environment was not settled before RUNNER_TEMP was asked for');
  return temp;
}

/** What a step cannot do without: the files of the runner. Said before the work, since what came of it could not be told. */
export function lackOfRunner(env: Readonly<Record<string, string | undefined>>, exists: (path: string) => boolean): Fault | undefined {
  const lacks = (name: string): boolean => !env[name] || !exists(env[name]);
  const missing = ['GITHUB_OUTPUT', 'GITHUB_STATE', ...(env['GITHUB_STEP_SUMMARY'] ? ['GITHUB_STEP_SUMMARY'] : [])].filter(lacks);
  if (missing.length === 0) return undefined;
  return new Fault(`no file is named by ${missing.join(', ')}: this program runs as a step of GitHub Actions, whose runner sets that`, {
    hint: 'Use it in a workflow; outside of one, set it to the path of an empty file.',
  });
}

export class Runner {
  readonly #port: RunnerPort;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(port: RunnerPort, env: Readonly<Record<string, string | undefined>>) {
    this.#port = port;
    this.#env = env;
  }

  /** True where the user re-ran with debug logging. */
  get debugging(): boolean {
    return this.#env['RUNNER_DEBUG'] === '1';
  }

  /** The sink for `maskTo()`: the runner then replaces the form wherever it is printed. */
  readonly mask = (form: string): void => this.#port.command('add-mask', {}, form);

  /** A line of the log, the one way into it beside commands. Text that the runner would take for a command is made harmless. */
  line(text: string): void {
    // Changed by what follows, a secret would not be known as one any more.
    for (const part of redact(text).split(LINE_ENDS)) this.#port.line(harmless(part));
  }

  debug(text: string): void {
    if (this.debugging) this.#port.command('debug', {}, redact(text));
  }

  /** A folded group of lines. */
  group(title: string, lines: readonly string[]): void {
    this.#port.command('group', {}, title);
    for (const line of lines) this.line(line);
    this.#port.command('endgroup', {}, '');
  }

  /** An annotation with its place, if it has one; details follow in the log. */
  annotate(level: Level, fault: Fault, title = 'zitadel-on-otc', more = ''): void {
    const place: Record<string, string> = {};
    if (fault.place !== undefined) {
      place['file'] = fault.place.file;
      place['line'] = String(fault.place.line);
      place['col'] = String(fault.place.column);
    }
    this.#port.command(level, { title, ...place }, shortened(lines(faultText(fault), more), lines(fault.hint, more)));
    if (fault.cause instanceof Error) this.debug(fault.cause.stack ?? '');
  }

  /** All errors of a run. The last of those that GitHub shows says how many it does not. */
  errors(found: readonly { readonly fault: Fault; readonly title?: string }[]): void {
    const hidden = found.length - SHOWN_ANNOTATIONS;
    for (const [index, { fault, title }] of found.entries()) {
      const last = hidden > 0 && index === SHOWN_ANNOTATIONS - 1;
      this.annotate(
        'error',
        fault,
        title,
        last ? `${hidden} more ${hidden === 1 ? 'error stands' : 'errors stand'} in the log and the job summary.` : '',
      );
    }
  }

  /**
   * Sets outputs. The runner drops a job output that contains a masked word and only logs a warning; so such a value is
   * left out here, and the warning names it.
   * @returns the names of those left out
   */
  setOutputs(outputs: Readonly<Record<string, string | undefined>>): string[] {
    const left: string[] = [];
    for (const [name, value] of Object.entries(outputs)) {
      if (value === undefined) continue;
      if (redact(value) !== value) {
        this.#port.command(
          'warning',
          { title: 'Output left out' },
          `output ${name} contains a masked word and is left out: a secret is part of a name or an address. Choose a longer, random secret.`,
        );
        left.push(name);
        continue;
      }
      this.#port.file('OUTPUT', prepareKeyValueMessage(name, value));
    }
    return left;
  }

  /** Keeps a value for the post step. No secrets: the runner stores it in clear. */
  saveState(name: string, value: string): void {
    this.#port.file('STATE', prepareKeyValueMessage(name, value));
  }

  /** What the main step kept for this post step. */
  state(name: string): string | undefined {
    return this.#env[`STATE_${name}`] || undefined;
  }

  /** Appends Markdown to the job summary where the runner offers one. Its size is `report/`'s business. */
  summary(markdown: string): void {
    if (this.#env['GITHUB_STEP_SUMMARY']) this.#port.file('STEP_SUMMARY', markdown);
  }
}

function lines(...parts: readonly (string | undefined)[]): string {
  return parts.filter(Boolean).join('\n');
}

/** As much as an annotation takes; what to do is kept. */
function shortened(text: string, hint = ''): string {
  if (text.length <= LONGEST_ANNOTATION) return text;
  const end = hint === '' ? '…' : `…\n${hint}`;
  return `${text.slice(0, Math.max(0, LONGEST_ANNOTATION - end.length))}${end}`;
}

/** A fault as plain text: what failed, what the service said, what to do. */
export function faultText(fault: Fault): string {
  const { service, requestId } = unsaid(fault);
  const quoted = [service, requestId === undefined ? '' : `request id ${requestId}`].filter(Boolean).join(', ');
  const place = fault.place === undefined ? '' : `${fault.place.file}:${fault.place.line}:${fault.place.column}: `;
  return lines(`${place}${fault.message}${quoted === '' ? '' : ` (${quoted})`}`, fault.hint);
}

/**
 * The runner's lines end at a lone carriage return, too (.NET's `ReadLine`); the others are what some viewer takes for an end, and
 * U+0085 is white space in .NET and not in JavaScript.
 */
const LINE_ENDS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/**
 * The runner looks for `::` at a line's start behind white space and for `##[` anywhere in it (actions/runner, ActionCommand.cs); a
 * zero-width space stops it. Control characters, which steer terminals, become spaces.
 */
function harmless(line: string): string {
  return line
    .replace(/(?!\t)\p{Cc}/gu, ' ')
    .replace(/^([\s\p{C}]*)::/u, '$1\u200b::')
    .replaceAll('##[', '##\u200b[');
}
