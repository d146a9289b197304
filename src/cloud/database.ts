/**
 * Owns the RDS instance: made private, kept to its specification in place where the service can do that, refused where it
 * cannot, since it holds the data. What differs is decided in `database-spec.ts`, how it is changed in `database-change.ts`.
 */
import { Fault } from '../engine/fault.ts';
import { type Change, type Maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import * as rds from '../otc/rds.ts';
import { lastBackup, lastBackupText } from './backup.ts';
import { type CloudContext, createOnce, secretMissing, theExisting, theOne } from './context.ts';
import { changeAll, checkTag } from './database-change.ts';
import {
  type DatabaseSeen,
  type DatabaseSpec,
  databaseChanges,
  databaseFields,
  isBuilding,
  isServing,
  nameTags,
  passwordTag,
  refuseFailed,
  refuseOtherMasterkey,
  refuseOtherNames,
  rootPasswordCheck,
  sizeWarnings,
} from './database-spec.ts';
import type { Gate, Gates } from './gate.ts';
import type { DatabaseGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

export type DatabaseNeeds = {
  readonly vpc: VpcResource;
  readonly subnet: SubnetResource;
  readonly group: Maybe<DatabaseGroup>;
  readonly delegation: Maybe<Gate>;
} & Gates;

export type DatabaseResource = Resource<DatabaseNeeds, DatabaseSpec, DatabaseSeen>;

export function database(context: CloudContext, needs: DatabaseNeeds): DatabaseResource {
  const { otc, stack, names, secrets } = context;
  const settings = stack.database;
  const { existing } = settings;
  const name = existing === undefined ? names('db') : `${existing.name ?? existing.id}`;
  const find = async (fresh?: boolean): Promise<rds.Instance | undefined> => {
    const found = await rds.listInstances(otc, existing ?? { name }, fresh);
    const read = { id: (one: rds.Instance) => one.id, name: (one: rds.Instance) => one.name };
    return existing === undefined ? theOne(found, `RDS instance ${name}`, read.id) : theExisting(found, existing, 'RDS instance', read);
  };
  const look = async (fresh?: boolean): Promise<DatabaseSeen | undefined> => {
    const found = await find(fresh);
    if (found === undefined) return undefined;
    const ours = existing === undefined && !isBuilding(found);
    // eu-ch2 does not offer automatic growth.
    const [expansion, backupPeriod, parameters] = ours
      ? await Promise.all([
          stack.region === 'eu-ch2' ? undefined : unlessGone(rds.getAutoExpansion(otc, found.id, fresh)),
          unlessGone(rds.getBackupPeriod(otc, found.id, fresh)),
          unlessGone(rds.listParameters(otc, found.id, fresh)),
        ])
      : [];
    return { ...found, host: found.private_ips[0] ?? '', port: Number(found.port), expansion, backupPeriod, parameters };
  };
  const asked = {
    version: settings.version,
    flavor: settings.flavor,
    replication: settings.ha === false ? undefined : settings.ha.replication,
    zones: settings.zones,
    storage: settings.storage,
    backup: { start_time: settings.backup.window, keep_days: settings.backup.keepDays },
    port: settings.port,
  };
  return resource<DatabaseNeeds, DatabaseSpec, DatabaseSeen>({
    id: 'database/instance',
    title: `RDS instance ${name}`,
    needs,
    wanted: true,
    protect: 'data',
    wayOut:
      'Set the former value in the stack file. To move the data: restore a backup to a new instance as you want it (RDS console) and name that one under database.existing; this one then stays until destroy with consent.',
    usualSeconds: 600,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: () => look(),
    want: ({ vpc, subnet, group }) => ({
      name,
      ...asked,
      zonesFollow: settings.zonesFollow,
      vpcId: vpc.id,
      subnetId: subnet.id,
      subnetSetting: stack.network.subnets.single ? 'network.subnets.single' : 'network.subnets.database',
      securityGroupId: group?.id,
      passwordGeneration: settings.passwordGeneration.root,
      passwordCheck: rootPasswordCheck(secrets),
    }),
    madeWith: () => databaseFields(asked),
    observe: () => look(),
    diff: (spec, seen) => {
      refuseOtherMasterkey(name, seen.tags, secrets.masterkey);
      refuseOtherNames(name, seen.tags, settings);
      return existing === undefined ? databaseChanges(spec, seen) : checkExisting(seen);
    },
    apply: async (spec, seen, _changes, run) => {
      const job = seen === undefined ? await create(context, spec, () => find(true), run) : undefined;
      let ready = await whenServing(context, name, () => look(true), run, job);
      // Made just now with this password: only the tags are missing.
      if (seen === undefined) ready = { ...ready, tags: await label(context, spec, ready.id) };
      const changes = databaseChanges(spec, ready);
      const refused = changes.filter(({ replace }) => replace === true);
      if (refused.length > 0) {
        const list = refused.map(({ field, before, after }) => `${field}: ${String(before)} instead of ${String(after)}`).join('; ');
        throw new Fault(`RDS instance ${name} did not become what was asked for (${list})`, {
          resource: ready.id,
          hint: 'See what the region offers, then correct the stack file.',
        });
      }
      return changeAll(context, spec, ready, changes, () => look(true), run);
    },
    destroy: (seen, run) => removeInstance(context, seen, run),
    beforeDestroy: (seen) => lastBackupText(names('last'), seen),
    ...(existing === undefined ? { warnings: sizeWarnings } : {}),
    notice: ({ waitForRestart = [] }) =>
      waitForRestart.length === 0
        ? undefined
        : `${waitForRestart.join(', ')} will hold after the next restart of the database, which this action leaves to you: restart it in the RDS console`,
    facts: ({ id, host, port }) => ({ id, host, port: String(port) }),
  });
}

/** Deletes an instance after a last backup. @returns what is kept of it */
export async function removeInstance({ otc, names, stack, clustersTaken }: CloudContext, seen: DatabaseSeen, run: Run): Promise<string | undefined> {
  const { id, name } = seen;
  // In a cluster of somebody's nobody knows when ZITADEL went.
  const unused = stack.cluster.existing === undefined && clustersTaken?.size === 0;
  const backup = await lastBackup(otc, names('last'), { ...seen, unused }, run);
  await unlessGone(rds.deleteInstance(otc, id));
  await until(`RDS instance ${name} to be gone`, schedules.long, run, async () => {
    const [still] = await rds.listInstances(otc, { id }, true);
    return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
  });
  otc.forget();
  return backup;
}

/** @returns the id of the job that makes it, where this run began that */
async function create(
  context: CloudContext,
  spec: DatabaseSpec,
  find: () => Promise<rds.Instance | undefined>,
  run: Run,
): Promise<string | undefined> {
  const { otc, stack, secrets } = context;
  const password = secrets.databaseRootPassword;
  if (password === undefined) throw secretMissing(`RDS instance ${spec.name}`, 'database-password');
  if (secrets.masterkey === undefined) throw secretMissing(`RDS instance ${spec.name} (for the check value of the masterkey)`, 'masterkey');
  if (spec.securityGroupId === undefined) throw new Fault(`RDS instance ${spec.name} has no security group`);
  const body: rds.NewInstance = {
    name: spec.name,
    datastore: { type: 'PostgreSQL', version: spec.version },
    ...(spec.replication === undefined ? {} : { ha: { mode: 'Ha', replication_mode: spec.replication } }),
    flavor_ref: spec.flavor,
    volume: { type: spec.storage.type, size: spec.storage.size },
    region: stack.region,
    availability_zone: spec.zones.join(','),
    vpc_id: spec.vpcId,
    subnet_id: spec.subnetId,
    security_group_id: spec.securityGroupId,
    port: String(spec.port),
    password: password.open(),
    backup_strategy: spec.backup,
    charge_info: { charge_mode: 'postPaid' },
  };
  const made = await createOnce<{ readonly jobId?: string } | rds.Instance>(
    { what: `RDS instance ${spec.name}`, create: () => rds.createInstance(otc, body), look: find, exists: ['DBS.200022'] },
    run,
  );
  return 'jobId' in made ? made.jobId : undefined;
}

function whenServing(
  context: CloudContext,
  name: string,
  look: () => Promise<DatabaseSeen | undefined>,
  run: Run,
  job: string | undefined,
): Promise<DatabaseSeen> {
  const started = Date.now();
  return until(`RDS instance ${name} to become ACTIVE`, schedules.long, run, async () => {
    const now = await look();
    if (now === undefined) {
      // The list may lag a little behind the creation.
      if (Date.now() - started < 60_000) return { done: false, state: 'not listed yet' };
      throw new Fault(`RDS instance ${name} disappeared while it was being made`, {
        resource: name,
        hint: 'See the task centre of RDS in the console.',
      });
    }
    const failed = job !== undefined && !isServing(now) && !isBuilding(now);
    refuseFailed(now, failed ? (await unlessGone(rds.getJob(context.otc, job)))?.fail_reason : undefined);
    if (!isServing(now) || now.host === '') return { done: false, state: now.status };
    // Its ports and groups are new since the lists were read.
    context.otc.forget();
    return { done: true, value: now };
  });
}

async function label(context: CloudContext, spec: DatabaseSpec, id: string): Promise<rds.Tag[]> {
  const tags = [
    { key: 'managed-by', value: 'zitadel-on-otc' },
    { key: 'stack', value: context.stack.name },
    passwordTag(spec.passwordGeneration, spec.passwordCheck),
    checkTag(context, spec),
  ];
  await rds.addTags(context.otc, id, tags);
  return tags;
}

/** Puts tags on an instance in which ZITADEL was set up, beside the names of its database; those of the same keys are overwritten. */
export async function tagDatabase({ otc, stack }: CloudContext, id: string, tags: readonly rds.Tag[]): Promise<void> {
  await rds.addTags(otc, id, [...tags, ...nameTags(stack.database)]);
}

function checkExisting(seen: DatabaseSeen): Change[] {
  refuseFailed(seen);
  if (seen.datastore.type === 'PostgreSQL' && seen.host !== '') return [];
  throw new Fault(`the existing RDS instance ${seen.name} cannot be used: ${seen.datastore.type}, ${seen.status}`, {
    resource: seen.id,
    hint: 'Name a PostgreSQL instance that is ACTIVE.',
  });
}
