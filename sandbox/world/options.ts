/** Owns the sandbox's command line: its options, their checks, its help text. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Pace, paces } from '../otc/store.ts';
import { readInputs } from './inputs.ts';
import { isSnapshot } from './snapshots.ts';

export const commands = ['deploy', 'plan', 'drift', 'destroy', 'check'] as const;

export interface Options {
  readonly help: boolean;
  readonly cloudOnly: boolean;
  readonly state: string | undefined;
  readonly from: string | undefined;
  readonly keep: boolean;
  readonly command: string;
  readonly config: string | undefined;
  /** The stack's name, typed once more for `destroy`. */
  readonly confirm: string | undefined;
  /** What `plan` shows: `deploy` or `destroy`. */
  readonly target: string | undefined;
  /** More inputs of the action, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly charts: string | undefined;
  readonly programs: Readonly<Record<string, string>>;
  /** Undefined where nothing was said. */
  readonly latency: Pace | undefined;
  readonly undelegated: boolean;
  readonly noAgency: boolean;
}

export const usage = `npm run sandbox -- [options]

Deploys ZITADEL with the built action in an Open Telekom Cloud of its own, shows the job summary, and takes it all down.

  --keep                 leave the world up afterwards and say what can be done with it
  --command NAME         ${commands.join(', ')} (default deploy)
  --target NAME          what plan shows: deploy (default) or destroy
  --confirm NAME         the stack's name once more, without which destroy does nothing
  --input NAME=VALUE     an input of the action, as action.yml has it; may be repeated. An empty value takes away the sandbox's own
  --config FILE          the stack file (default sandbox/stack/zitadel.yaml)
  --charts DIR           real chart archives in place of the sandbox's own
  --image NAME=PROGRAM   run a real program for containers of the image NAME (registry and tag may be left out); may be repeated
  --latency PACE         instant, fast (default), twentieth or real: how long the cloud takes
  --undelegated          no domain points at the cloud's name servers
  --no-agency            nobody has opened CCE in the console yet: the tenant lacks its agency cce_admin_trust
  --cloud-only           only the world, in the foreground, until SIGTERM or Ctrl-C
  --state DIR            where the world keeps its files: DIR/env, DIR/enter, DIR/inside. Where a world is up in DIR already, the command
                         runs in that one, as in: npm run sandbox -- --state DIR --command drift
  --from DIR             start as a copy of a snapshot: STATE/world/snapshots/NAME, taken with POST /snapshot
  --help                 this text

The API server is Kubernetes 1.34 and the database PostgreSQL 17, whatever version is ordered; the cloud's APIs answer with the ordered one.
`;

const declared = {
  help: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  'cloud-only': { type: 'boolean', default: false },
  undelegated: { type: 'boolean', default: false },
  'no-agency': { type: 'boolean', default: false },
  state: { type: 'string' },
  from: { type: 'string' },
  command: { type: 'string', default: 'deploy' },
  config: { type: 'string' },
  confirm: { type: 'string' },
  target: { type: 'string' },
  input: { type: 'string', multiple: true },
  charts: { type: 'string' },
  image: { type: 'string', multiple: true },
  latency: { type: 'string' },
} as const;

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], strict: true, allowPositionals: false, options: declared }).values;
  } catch (error) {
    // Node goes on about how to write what it does not know as something else.
    throw new Error(`${(error as Error).message.replace(/\. To specify a positional.*$/s, '')}; --help lists the options`);
  }
}

/** @throws Error that says which option is wrong and what it takes */
export function readOptions(args: readonly string[]): Options {
  const values = valuesOf(args);
  if (!commands.some((name) => name === values.command)) throw new Error(`--command ${values.command}: there are ${commands.join(', ')}`);
  if (values.latency !== undefined && !(values.latency in paces))
    throw new Error(`--latency ${values.latency}: there are ${Object.keys(paces).join(', ')}`);
  if (values.confirm !== undefined && values.command !== 'destroy') throw new Error('--confirm goes with --command destroy');
  if (values.target !== undefined && !['deploy', 'destroy'].includes(values.target))
    throw new Error(`--target ${values.target}: there are deploy, destroy`);
  if (values.target !== undefined && values.command !== 'plan') throw new Error('--target goes with --command plan');
  if (values['cloud-only'] && values.state === undefined && !values.help) throw new Error('--cloud-only needs --state DIR');
  const programs = (values.image ?? []).map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1 || at === pair.length - 1) throw new Error(`--image ${pair}: write NAME=PROGRAM`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  if (values.config !== undefined && !values.help && statSync(values.config, { throwIfNoEntry: false })?.isFile() !== true)
    throw new Error(`--config ${values.config}: there is no such file`);
  if (!values.help) checkFolders(values);
  return {
    help: values.help,
    cloudOnly: values['cloud-only'],
    state: values.state,
    from: values.from,
    keep: values.keep,
    command: values.command,
    config: values.config,
    confirm: values.confirm,
    target: values.target,
    inputs: readInputs(values.input ?? []),
    charts: values.charts,
    programs: Object.fromEntries(programs),
    latency: values.latency as Pace | undefined,
    undelegated: values.undelegated,
    noAgency: values['no-agency'],
  };
}

function checkFolders({ charts, from, state }: { readonly [key in 'charts' | 'from' | 'state']?: string | undefined }): void {
  const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (charts !== undefined && !isFolder(charts)) throw new Error(`--charts ${charts}: there is no such folder`);
  if (charts !== undefined && !readdirSync(charts).some((name) => name.endsWith('.tgz')))
    throw new Error(`--charts ${charts}: there is no chart archive (*.tgz) in it`);
  if (from !== undefined && !isSnapshot(from))
    throw new Error(`--from ${from}: there is no snapshot; POST /snapshot of a world makes them, in STATE/world/snapshots`);
  if (from !== undefined && state !== undefined && !relative(join(state, 'world'), resolve(from)).startsWith('..'))
    throw new Error(`--from ${from}: a new world in ${state} would begin by taking it away; move it, or name another folder with --state`);
}
