/** Owns RDS parameter templates and an instance's own parameters (API reference 5.5, "Parameters"). */
import { offsetTime } from './compute-common.ts';
import { list, map, object, read, required, string } from './fields.ts';
import { hex32 } from './ids.ts';
import { idle, instanceOf } from './rds-access.ts';
import { templates, versions } from './rds-catalog.ts';
import { rdsTables } from './rds-life.ts';
import { type Call, Refusal, type Route } from './service.ts';
import type { RdsConfigurationRow } from './tables/compute.ts';

/** Parameters that the sandbox's instances know, with their defaults and whether a change needs a restart. */
const known: Readonly<Record<string, { readonly value: string; readonly restart: boolean; readonly type: string; readonly range: string }>> = {
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
  Object.entries(known).map(([name, { value, restart, type, range }]) => ({
    name,
    value: values[name] ?? value,
    restart_required: restart,
    readonly: false,
    value_range: range,
    type,
    description: name,
  }));

function checked(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new Refusal(400, 'DBS.280001', `The parameter ${unknown} does not exist.`);
  return values;
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
      const values = checked(read(valuesShape, call.body).values);
      const row = idle(call);
      rdsTables(call.world.store).instances.update(row.id, { parameters: { ...row.parameters, ...values } });
      return { status: 200, body: { restart_required: needsRestart(values) } };
    },
  },
];
