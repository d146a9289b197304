/**
 * Owns the ways in that make a world: one with the built action run in it, its summary shown, the end; and one for other
 * clients alone. Lines of the action come as the runner shows them; our own start with `sandbox:`.
 */
import { join } from 'node:path';
import type { Options } from '../world/options.ts';
import { type OpenedWorld, openWorld, type Start } from '../world/state-folder.ts';
import { readRequest } from './asked.ts';
import { type Jobs, jobs } from './service.ts';
import { cancelOnSignal, requestOf, say, show, stackOf } from './shown.ts';

/** @returns the action's exit code */
export async function deployOnce(start: Start): Promise<number> {
  const { options, folder, outer } = start;
  const begun = performance.now();
  const request = await requestOf(options);
  const { opened, work } = await open(start, request.inputs?.['project']);
  const seconds = (): string => ((performance.now() - begun) / 1000).toFixed(1);
  say(`sandbox: an Open Telekom Cloud is up after ${seconds()} s; running "${options.command}" in it`);
  if (options.from === undefined && (options.command === 'drift' || options.command === 'destroy'))
    say('sandbox: it is new and empty; in a world that --keep left up (--state DIR names it) there is something to look at');
  const watching = cancelOnSignal(outer, work);
  try {
    const result = await work.run(request, say);
    watching.stop();
    show(result, options);
    say(`sandbox: "${options.command}" ended with exit code ${result.exitCode} after ${(result.took / 1000).toFixed(1)} s (${seconds()} s in all)`);
    if (options.keep && !watching.stopped()) {
      const { name } = await stackOf(options);
      say(keepText(folder, options, typeof name === 'string' ? name : 'NAME'));
      await outer.signal();
    }
    return result.exitCode;
  } finally {
    await opened.close();
  }
}

/** The way in `--cloud-only`: a world until somebody ends it. */
export async function cloudOnly(start: Start): Promise<number> {
  const { opened } = await open(start);
  say(`sandbox: ready. Run commands in it with ${join(start.folder, 'enter')} COMMAND …; end it with Ctrl-C or SIGTERM.`);
  await start.outer.signal();
  await opened.close();
  return 0;
}

/** A world whose control also takes `POST /run`, a run of the action with what the body says, answered with its result, and `DELETE /run`. */
async function open(start: Start, project?: string): Promise<{ readonly opened: OpenedWorld; readonly work: Jobs }> {
  let work: Jobs | undefined;
  const opened = await openWorld({
    ...start,
    prepare(world) {
      const made = jobs(world, { folder: join(start.folder, 'world'), caFile: join(start.folder, 'ca.pem'), project });
      world.routes['POST /run'] = (body, { say: line, signal }) => made.run(readRequest(body), line, signal);
      world.routes['DELETE /run'] = () => made.cancel();
      work = made;
    },
  });
  if (work === undefined) throw new Error('the world was opened without its jobs');
  return { opened, work };
}

/** What may be done with a world that stays up; every line is a command that works. */
export function keepText(folder: string, { config }: Pick<Options, 'config'>, stack: string): string {
  const again = `npm run sandbox -- --state ${folder}${config === undefined ? '' : ` --config ${config}`} --command`;
  const enter = join(folder, 'enter');
  return [
    'sandbox: the world stays up until Ctrl-C. More runs in it, from another terminal:',
    `  ${again} drift`,
    `  ${again} plan                  (or deploy, check)`,
    `  ${again} plan --target destroy`,
    `  ${again} destroy --confirm ${stack}`,
    `  ${again} deploy --input plan-digest=DIGEST      exactly the plan whose digest it is; --input NAME=VALUE gives any input`,
    'To look around:',
    `  ${enter} kubectl get pods -A                     the newest cluster, past its groups and its bastion`,
    `  ${enter} kubectl config get-contexts             all clusters, by name: --context NAME (helm: --kube-context) chooses another`,
    `  ${enter} helm list -A`,
    `  ${enter} psql service=database -c 'select datname from pg_database'   as the superuser (psql: apt-get install postgresql-client)`,
    `  ${enter} curl -s https://login.example.com/.well-known/openid-configuration`,
    `  ${enter} sh -c 'curl -s $CONTROL_URL/requests'   every API call; /resources, /oddities likewise`,
    `  ${join(folder, 'inside')} COMMAND …                        a command inside the VPC, where enter is outside the cloud`,
    `  . ${join(folder, 'env')}                                   what OpenStack clients and Terraform read`,
    `  ${join(folder, 'world.log')}                               what the cloud's parts said`,
  ].join('\n');
}
