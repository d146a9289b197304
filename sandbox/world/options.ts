/** Owns the sandbox's command line: its options, their checks, its help text. */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Pace, paces } from '../otc/store.ts';

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
  --confirm NAME         the stack's name once more, without which destroy does nothing
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

/** @throws Error that says which option is wrong and what it takes */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
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
      charts: { type: 'string' },
      image: { type: 'string', multiple: true, default: [] },
      latency: { type: 'string' },
    },
  });
  if (!commands.some((name) => name === values.command)) throw new Error(`--command ${values.command}: there are ${commands.join(', ')}`);
  if (values.latency !== undefined && !(values.latency in paces))
    throw new Error(`--latency ${values.latency}: there are ${Object.keys(paces).join(', ')}`);
  if (values.confirm !== undefined && values.command !== 'destroy') throw new Error('--confirm goes with --command destroy');
  if (values['cloud-only'] && values.state === undefined && !values.help) throw new Error('--cloud-only needs --state DIR');
  const programs = values.image.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1 || at === pair.length - 1) throw new Error(`--image ${pair}: write NAME=PROGRAM`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  if (values.config !== undefined && !values.help && statSync(values.config, { throwIfNoEntry: false })?.isFile() !== true)
    throw new Error(`--config ${values.config}: there is no such file`);
  return {
    help: values.help,
    cloudOnly: values['cloud-only'],
    state: values.state,
    from: values.from,
    keep: values.keep,
    command: values.command,
    config: values.config,
    confirm: values.confirm,
    charts: values.charts,
    programs: Object.fromEntries(programs),
    latency: values.latency as Pace | undefined,
    undelegated: values.undelegated,
    noAgency: values['no-agency'],
  };
}
