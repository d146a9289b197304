/**
 * Owns what the runner makes of a step's output: workflow commands (`::name key=value::data`), masks before a byte is
 * shown, groups, annotations. Line by line and without effects; processes and files are `run.ts`'s.
 */
import { Masks } from './masks.ts';

export interface Annotation {
  readonly level: 'notice' | 'warning' | 'error';
  readonly message: string;
  readonly title?: string;
  readonly file?: string;
  readonly line?: number;
  readonly col?: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

interface Command {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

const unescapeData = (text: string): string => text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
const unescapeProperty = (text: string): string => unescapeData(text.replaceAll('%3A', ':').replaceAll('%2C', ','));

/** A workflow command in a line, if it is one; in front of it stands at most what .NET's `TrimStart` takes away. */
export function parseCommand(line: string): Command | undefined {
  const match = /^[\t-\r\u0085\u2028\u2029\p{Zs}]*::([^\s:,]+)(?:\s+([^\n]*?))?::(.*)$/su.exec(line);
  if (match === null) return undefined;
  const properties: Record<string, string> = {};
  for (const pair of (match[2] ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) properties[pair.slice(0, at).trim()] = unescapeProperty(pair.slice(at + 1));
  }
  return { name: (match[1] ?? '').toLowerCase(), properties, data: unescapeData(match[3] ?? '') };
}

export class CommandProcessor {
  readonly masks: Masks;
  readonly annotations: Annotation[] = [];
  /** `save-state` and `set-output`, the old way. */
  readonly state: Record<string, string> = {};
  readonly outputs: Record<string, string> = {};
  readonly #show: (line: string) => void;
  readonly #debug: boolean;
  #stopped: string | undefined;
  #depth = 0;

  /** @param show gets each line as people see it in the log */
  constructor(show: (line: string) => void, options: { readonly masks?: Masks; readonly debug?: boolean } = {}) {
    this.masks = options.masks ?? new Masks();
    this.#debug = options.debug ?? false;
    this.#show = (line) => show(this.masks.apply(line));
  }

  /** Takes one line of the step's output, without its end. */
  line(line: string): void {
    const command = parseCommand(line);
    if (this.#stopped !== undefined) {
      if (command?.name === this.#stopped) this.#stopped = undefined;
      else this.#indented(line);
      return;
    }
    if (command === undefined || !this.#perform(command)) this.#indented(line);
  }

  #indented(line: string): void {
    this.#show(this.#depth > 0 ? `  ${line}` : line);
  }

  /** False for names the runner does not know: such lines are shown as they are. */
  #perform({ name, properties, data }: Command): boolean {
    switch (name) {
      case 'add-mask':
        this.masks.add(data);
        return true;
      case 'stop-commands':
        this.#stopped = data.toLowerCase();
        return true;
      case 'group':
        this.#depth = 0;
        this.#show(`▼ ${data}`);
        this.#depth = 1;
        return true;
      case 'endgroup':
        this.#depth = 0;
        return true;
      case 'debug':
        if (this.#debug) this.#indented(`##[debug]${data}`);
        return true;
      case 'notice':
      case 'warning':
      case 'error':
        this.#annotate(name, properties, data);
        return true;
      case 'save-state':
        this.state[properties['name'] ?? ''] = data;
        return true;
      case 'set-output':
        this.outputs[properties['name'] ?? ''] = data;
        return true;
      case 'add-matcher':
      case 'remove-matcher':
      case 'echo':
      case 'add-path':
      case 'set-env':
        return true;
      default:
        return false;
    }
  }

  #annotate(level: Annotation['level'], properties: Readonly<Record<string, string>>, data: string): void {
    const number = (key: string): number | undefined => (properties[key] === undefined ? undefined : Number(properties[key]));
    const places = { line: number('line'), col: number('col'), endLine: number('endLine'), endColumn: number('endColumn') };
    const texts = { title: properties['title'], file: properties['file'] };
    const given = Object.fromEntries(Object.entries({ ...texts, ...places }).filter(([, value]) => value !== undefined)) as Partial<Annotation>;
    this.annotations.push({
      ...given,
      ...(given.title === undefined ? {} : { title: this.masks.apply(given.title) }),
      level,
      message: this.masks.apply(data),
    });
    for (const [index, line] of data.split('\n').entries()) this.#indented(index === 0 ? `##[${level}]${line}` : line);
  }
}

/**
 * Cuts a stream into lines as the runner's reader does (.NET's `StreamReader.ReadLine`): at `\r`, `\n` and `\r\n`; the rest without
 * an end of line comes with {@link LineCutter.end}.
 */
export class LineCutter {
  readonly #line: (line: string) => void;
  #rest = '';

  constructor(line: (line: string) => void) {
    this.#line = line;
  }

  push(text: string): void {
    // A `\r` at the end waits for what follows: it may be half an end of line.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest.replace(/\r$/, ''));
    this.#rest = '';
  }
}

/**
 * Reads a file that a step wrote for the runner (`GITHUB_OUTPUT`, `GITHUB_STATE`, `GITHUB_ENV`): `name=value` lines and
 * `name<<DELIMITER` blocks.
 * @throws Error as the runner does for a line that is neither, or a block without its end
 */
export function parseFileCommands(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    const equals = line.indexOf('=');
    const block = line.indexOf('<<');
    if (block > 0 && (equals < 0 || block < equals)) {
      const delimiter = line.slice(block + 2);
      const end = lines.indexOf(delimiter, index + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      found[line.slice(0, block)] = lines.slice(index + 1, end).join('\n');
      index = end;
    } else if (equals > 0) found[line.slice(0, equals)] = line.slice(equals + 1);
    else throw new Error(`Invalid format '${line}'`);
  }
  return found;
}
