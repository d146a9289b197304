/**
 * Owns the calls that change one thing of an RDS instance (API reference 5.5) and its deletion: what each refuses, how long
 * it keeps the instance busy. Actions, public address and tags are in `rds-actions.ts`, restore and backups in
 * `rds-backup.ts`, parameters in `rds-parameters.ts`.
 */
import { freeAddress, subnetOf } from './allocate.ts';
import { groupOf } from './compute-common.ts';
import { boolean, integer, object, read, required, string } from './fields.ts';
import { idle, instanceOf, job, parameter, instancePath as path, update, workflow } from './rds-access.ts';
import { change, deleteInstance } from './rds-life.ts';
import { checkAddress, checkBackupStrategy, checkPassword, checkPort } from './rds-order.ts';
import { Refusal, type Route } from './service.ts';

const nameShape = object({ name: required(string) });
const groupShape = object({ security_group_id: required(string) });
const portShape = object({ port: required(integer) });
const addressShape = object({ new_ip: required(string) });
const passwordShape = object({ db_user_pwd: required(string) });
const policyShape = object({ backup_policy: required(object({ keep_days: required(integer), start_time: string, period: string })) });
const windowShape = object({ start_time: required(string), end_time: required(string) });
const expansionShape = object({ switch_option: required(boolean), limit_size: integer, trigger_threshold: integer });
export const changeRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: `${path}/name`,
    body: required(nameShape),
    handle(call) {
      const { name } = read(nameShape, call.body);
      const row = instanceOf(call);
      if (row.created === '') throw new Refusal(409, 'DBS.200011', 'The DB instance is being created.');
      if (!/^[A-Za-z][A-Za-z0-9_-]{3,63}$/.test(name)) throw parameter('Invalid instance name.');
      update(call, row, { name });
      return { status: 200, body: {} };
    },
  },
  {
    method: 'PUT',
    path: `${path}/security-group`,
    body: required(groupShape),
    handle(call) {
      const { security_group_id } = read(groupShape, call.body);
      const row = idle(call);
      if (groupOf(call.world.store, row.project_id, security_group_id) === undefined)
        throw new Refusal(404, 'DBS.200050', 'The security group does not exist or does not belong to the project.');
      // One to three minutes; no status is documented for it.
      return workflow(change(call.world, row, { seconds: 90, patch: { security_group_id }, work: 'groups' }));
    },
  },
  {
    method: 'PUT',
    path: `${path}/port`,
    body: required(portShape),
    handle(call) {
      const port = checkPort(read(portShape, call.body).port);
      return workflow(change(call.world, idle(call), { status: 'MODIFYING DATABASE PORT', queued: 3, seconds: 90, patch: { port }, work: 'move' }));
    },
  },
  {
    method: 'PUT',
    path: `${path}/ip`,
    body: required(addressShape),
    handle(call) {
      const { store } = call.world;
      const address = read(addressShape, call.body).new_ip;
      const row = idle(call);
      const subnet = subnetOf(store, row.subnet_id);
      if (subnet === undefined) throw new Refusal(404, 'DBS.200501', 'The subnet does not exist.');
      checkAddress(subnet.cidr, address);
      freeAddress(store, subnet, address);
      return workflow(change(call.world, row, { status: 'MODIFYING', seconds: 90, patch: { private_ip: address }, work: 'move' }));
    },
  },
  {
    method: 'POST',
    path: `${path}/password`,
    body: required(passwordShape),
    async handle(call) {
      const password = read(passwordShape, call.body).db_user_pwd;
      const row = instanceOf(call);
      if (row.created === '' || ['REBOOTING', 'MODIFYING', 'SHUTDOWN', 'RESTORING'].includes(row.status))
        throw new Refusal(409, 'DBS.200011', 'The DB instance status does not allow this operation.');
      checkPassword(password);
      await call.world.databases.setRootPassword(row.id, password);
      return { status: 200, body: {} };
    },
  },
  {
    method: 'PUT',
    path: `${path}/failover/mode`,
    body: required(object({ mode: required(string) })),
    handle(call) {
      const { mode } = read(object({ mode: required(string) }), call.body);
      const row = idle(call);
      if (row.ha === undefined || !['async', 'sync'].includes(mode)) throw parameter('The replication mode cannot be changed so.');
      update(call, row, { ha: { mode: 'Ha', replication_mode: mode } });
      return { status: 202, body: { workflowId: call.requestId } };
    },
  },
  {
    method: 'PUT',
    path: `${path}/failover/strategy`,
    body: required(object({ repairStrategy: required(string) })),
    handle(call) {
      const strategy = read(object({ repairStrategy: required(string) }), call.body).repairStrategy;
      const row = idle(call);
      if (row.ha === undefined || !['reliability', 'availability'].includes(strategy)) throw parameter('The switch strategy cannot be changed so.');
      update(call, row, { switch_strategy: strategy });
      return { status: 200, body: {} };
    },
  },
  {
    method: 'GET',
    path: `${path}/backups/policy`,
    handle(call) {
      const row = instanceOf(call);
      return { status: 200, body: { backup_policy: { ...row.backup_strategy, period: row.backup_period } } };
    },
  },
  {
    method: 'PUT',
    path: `${path}/backups/policy`,
    body: required(policyShape),
    handle(call) {
      const policy = read(policyShape, call.body).backup_policy;
      const row = idle(call);
      const start = policy.start_time ?? row.backup_strategy.start_time;
      checkBackupStrategy(start, policy.keep_days);
      const period = policy.period ?? row.backup_period;
      if (!/^[1-7](,[1-7])*$/.test(period)) throw parameter(`Invalid backup period ${period}.`);
      update(call, row, { backup_strategy: { start_time: start, keep_days: policy.keep_days }, backup_period: period });
      return { status: 200, body: {} };
    },
  },
  {
    method: 'PUT',
    path: `${path}/ops-window`,
    body: required(windowShape),
    handle(call) {
      const { start_time: start, end_time: end } = read(windowShape, call.body);
      const [from, to] = [/^([01]\d|2[0-3]):(00|30)$/.exec(start), /^([01]\d|2[0-3]):(00|30)$/.exec(end)];
      const hours = from === null || to === null || from[2] !== to[2] ? 0 : (24 + Number(to[1]) - Number(from[1])) % 24;
      // The API reference says four hours; the official Terraform provider gives a window back as 22:00 to 00:00.
      if (hours !== 4 && hours !== 2) throw parameter('The maintenance window must be four hours.');
      update(call, idle(call), { maintenance_window: `${start}-${end}` });
      return { status: 200, body: {} };
    },
  },
  { method: 'GET', path: `${path}/disk-auto-expansion`, handle: (call) => ({ status: 200, body: instanceOf(call).disk_auto_expansion }) },
  {
    method: 'PUT',
    path: `${path}/disk-auto-expansion`,
    body: required(expansionShape),
    handle(call) {
      const wanted = read(expansionShape, call.body);
      const row = idle(call);
      const [limit, threshold] = [wanted.limit_size ?? 4000, wanted.trigger_threshold ?? 10];
      if (wanted.switch_option && (limit < row.volume.size || limit > 4000))
        throw parameter(`limit_size must be between ${row.volume.size} and 4000.`);
      if (wanted.switch_option && ![10, 15, 20].includes(threshold)) throw parameter('trigger_threshold must be 10, 15 or 20.');
      const value = wanted.switch_option
        ? { switch_option: true, limit_size: limit, trigger_threshold: threshold }
        : { switch_option: false, limit_size: 0, trigger_threshold: 0 };
      update(call, row, { disk_auto_expansion: value });
      return { status: 200, body: {} };
    },
  },
  {
    method: 'PUT',
    path: `${path}/ssl`,
    body: required(object({ ssl_option: boolean })),
    handle(call) {
      instanceOf(call);
      throw new Refusal(400, 'DBS.200086', 'SSL of a PostgreSQL DB instance cannot be switched.');
    },
  },
  {
    method: 'POST',
    path: `${path}/create-dns`,
    body: required(object({ dns_type: required(string) })),
    handle(call) {
      const row = idle(call);
      const name = `${row.id}.internal.${row.region}.postgresql.rds.otc.t-systems.com`;
      return {
        ...job(change(call.world, row, { status: 'MODIFYING', seconds: 30, job: 'CreateDns', patch: { private_dns_names: [name] } })),
        status: 200,
      };
    },
  },
  {
    method: 'DELETE',
    path,
    handle(call) {
      const row = instanceOf(call);
      if (row.job_id !== undefined || !['ACTIVE', 'FAILED', 'CREATE FAIL', 'STORAGE FULL', 'FROZEN'].includes(row.status))
        throw new Refusal(409, 'DBS.200011', `The DB instance cannot be deleted while its status is ${row.status}.`);
      return job({ jobId: deleteInstance(call.world, row) });
    },
  },
];
