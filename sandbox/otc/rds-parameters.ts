/**
 * Owns RDS parameter templates and an instance's own parameters (API reference 5.5, "Parameters"; OTC's RDS API reference,
 * "Modifying Parameters of a Specified DB Instance": what does not exist or is read-only is ignored and named).
 */
import { offsetTime } from './compute-common.ts';
import { list, map, object, read, required, string } from './fields.ts';
import { hex32 } from './ids.ts';
import { idle, instanceOf } from './rds-access.ts';
import { templates, versions } from './rds-catalog.ts';
import { change, rdsTables } from './rds-life.ts';
import { type Call, Refusal, type Route } from './service.ts';
import type { RdsConfigurationRow } from './tables/compute.ts';

interface Known {
  readonly value: string;
  readonly restart: boolean;
  readonly type: string;
  /** `low-high`, or values with `|`; empty for any. */
  readonly range: string;
  readonly readonly?: boolean;
}

/**
 * Parameters that the sandbox's instances know, with their defaults and whether a change needs a restart. Those of TLS, passwords and
 * quotes: RDS user guide, "Security Best Practices" and "Configuring SSL Encryption". That RDS lists those of durability is unverified.
 */
const known: Readonly<Record<string, Known>> = {
  ssl: { value: 'on', restart: false, type: 'boolean', range: 'on|off', readonly: true },
  ssl_min_protocol_version: { value: 'TLSv1.2', restart: false, type: 'list', range: 'TLSv1|TLSv1.1|TLSv1.2|TLSv1.3' },
  ssl_ciphers: { value: 'ALL:!ADH:!LOW:!EXP:!MD5:!3DES:!DES:@STRENGTH;', restart: false, type: 'string', range: '' },
  password_encryption: { value: 'scram-sha-256', restart: false, type: 'list', range: 'md5|scram-sha-256' },
  backslash_quote: { value: 'safe_encoding', restart: false, type: 'list', range: 'on|off|safe_encoding' },
  synchronous_commit: { value: 'on', restart: false, type: 'list', range: 'on|off|local|remote_write|remote_apply' },
  full_page_writes: { value: 'on', restart: false, type: 'boolean', range: 'on|off' },
  fsync: { value: 'on', restart: false, type: 'boolean', range: 'on|off' },
  max_connections: { value: '500', restart: true, type: 'integer', range: '50-20000' },
  work_mem: { value: '8192', restart: false, type: 'integer', range: '64-2097151' },
  idle_in_transaction_session_timeout: { value: '0', restart: false, type: 'integer', range: '0-2147483647' },
  statement_timeout: { value: '0', restart: false, type: 'integer', range: '0-2147483647' },
  log_min_duration_statement: { value: '-1', restart: false, type: 'integer', range: '-1-2147483647' },
  shared_preload_libraries: { value: 'pg_stat_statements', restart: true, type: 'list', range: '' },
};

const createShape = object({
  name: required(string),
  description: string,
  values: map(string),
  datastore: required(object({ type: required(string), version: required(string) })),
});
const updateShape = object({ name: string, description: string, values: map(string) });
const valuesShape = object({ values: required(map(string)) });
const applyShape = object({ instance_ids: required(list(string)) });

const table = (call: Call) => call.world.store.table<RdsConfigurationRow>('rds.configurations');

const systemView = (template: (typeof templates)[number]) => ({
  id: template.id,
  name: `Default-PostgreSQL-${template.version}`,
  description: `Default parameter group for PostgreSQL ${template.version}`,
  datastore_name: 'postgresql',
  datastore_version_name: template.version,
  user_defined: false,
  created: '2025-01-01T00:00:00+0000',
  updated: '2025-01-01T00:00:00+0000',
});

const ownView = ({ project_id: _project, values: _values, ...row }: RdsConfigurationRow) => ({ ...row, user_defined: true });

const parameters = (values: Readonly<Record<string, string>>) =>
  Object.entries(known).map(([name, { value, restart, type, range, readonly = false }]) => ({
    name,
    value: values[name] ?? value,
    restart_required: restart,
    readonly,
    value_range: range,
    type,
    description: name,
  }));

function checked(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new Refusal(400, 'DBS.280001', `The parameter ${unknown} does not exist.`);
  return values;
}

/** What is changed of an instance, and what is ignored. @throws Refusal for a value out of range */
function settled(values: Readonly<Record<string, string>>) {
  const ignored = Object.keys(values).filter((name) => known[name] === undefined || known[name]?.readonly === true);
  const taken = Object.entries(values).filter(([name]) => !ignored.includes(name));
  for (const [name, value] of taken)
    if (!inRange(value, known[name]?.range ?? ''))
      throw new Refusal(400, 'DBS.280271', `The value ${value} of the parameter ${name} is out of range.`);
  return { ignored, taken: Object.fromEntries(taken) };
}

function inRange(value: string, range: string): boolean {
  if (range === '') return true;
  if (range.includes('|')) return range.split('|').includes(value);
  const [, low, high] = /^(-?\d+)-(\d+)$/.exec(range) ?? [];
  return /^-?\d+$/.test(value) && Number(value) >= Number(low) && Number(value) <= Number(high);
}

function own(call: Call): RdsConfigurationRow {
  const row = table(call).get(call.params['config_id'] ?? '');
  if (row === undefined || row.project_id !== call.params['project_id'])
    throw new Refusal(404, 'DBS.280204', 'The parameter template does not exist.');
  return row;
}

const needsRestart = (values: Readonly<Record<string, string>>): boolean => Object.keys(values).some((name) => known[name]?.restart === true);

export const parameterRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/{project_id}/configurations',
    query: ['offset', 'limit'],
    handle: (call) => ({
      status: 200,
      body: {
        configurations: [
          ...templates.map(systemView),
          ...table(call)
            .where((row) => row.project_id === call.params['project_id'])
            .map(ownView),
        ],
      },
    }),
  },
  {
    method: 'POST',
    path: '/v3/{project_id}/configurations',
    body: required(createShape),
    handle(call) {
      const wanted = read(createShape, call.body);
      if (wanted.datastore.type.toLowerCase() !== 'postgresql' || versions[wanted.datastore.version] === undefined)
        throw new Refusal(400, 'DBS.280001', 'The DB engine or its version is not supported.');
      const now = offsetTime();
      const row = table(call).insert({
        id: `${hex32()}pr03`,
        project_id: call.params['project_id'] ?? '',
        name: wanted.name,
        description: wanted.description ?? '',
        datastore_name: 'postgresql',
        datastore_version_name: wanted.datastore.version,
        values: checked(wanted.values ?? {}),
        created: now,
        updated: now,
      });
      return { status: 200, body: { configuration: ownView(row) } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/configurations/{config_id}',
    handle(call) {
      const system = templates.find((template) => template.id === call.params['config_id']);
      if (system !== undefined) return { status: 200, body: { ...systemView(system), configuration_parameters: parameters({}) } };
      const row = own(call);
      return { status: 200, body: { ...ownView(row), configuration_parameters: parameters(row.values) } };
    },
  },
  {
    method: 'PUT',
    path: '/v3/{project_id}/configurations/{config_id}',
    body: required(updateShape),
    handle(call) {
      const wanted = read(updateShape, call.body);
      const row = own(call);
      table(call).update(row.id, {
        name: wanted.name ?? row.name,
        description: wanted.description ?? row.description,
        values: { ...row.values, ...checked(wanted.values ?? {}) },
        updated: offsetTime(),
      });
      return { status: 200 };
    },
  },
  {
    method: 'DELETE',
    path: '/v3/{project_id}/configurations/{config_id}',
    handle(call) {
      table(call).remove(own(call).id);
      return { status: 200 };
    },
  },
  {
    method: 'PUT',
    path: '/v3/{project_id}/configurations/{config_id}/apply',
    body: required(applyShape),
    handle(call) {
      const { instances } = rdsTables(call.world.store);
      const system = templates.find((template) => template.id === call.params['config_id']);
      const name = system === undefined ? own(call).name : systemView(system).name;
      const values = system === undefined ? own(call).values : {};
      const results = read(applyShape, call.body).instance_ids.map((id) => {
        const row = instances.get(id);
        const success = row?.status === 'ACTIVE' && row.project_id === call.params['project_id'];
        if (success) instances.update(id, { configuration_id: call.params['config_id'] ?? '', parameters: values });
        return { instance_id: id, instance_name: row?.name ?? '', restart_required: success && needsRestart(values), success };
      });
      return { status: 200, body: { configuration_id: call.params['config_id'], configuration_name: name, apply_results: results } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/instances/{instance_id}/configurations',
    handle(call) {
      const row = instanceOf(call);
      return {
        status: 200,
        body: {
          datastore_version_name: row.datastore.version,
          datastore_name: 'postgresql',
          created: row.created,
          updated: row.updated,
          configuration_parameters: parameters(row.parameters),
        },
      };
    },
  },
  {
    method: 'PUT',
    path: '/v3/{project_id}/instances/{instance_id}/configurations',
    body: required(valuesShape),
    handle(call) {
      const { ignored, taken } = settled(read(valuesShape, call.body).values);
      const row = idle(call);
      const patch = { parameters: { ...row.parameters, ...taken } };
      const { jobId } = change(call.world, row, { seconds: 10, job: 'ModifyParameters', patch });
      return { status: 200, body: { restart_required: needsRestart(taken), job_id: jobId, ignored_params: ignored } };
    },
  },
];
