/**
 * Owns the RDS v3 service for PostgreSQL (API reference chapter 5): its routes and error shape, catalogue, orders, lists,
 * jobs. Changes, backups and parameters have files of their own; real servers stand behind `World.databases`.
 * There is no call for one instance, and none for databases or users: those paths are unknown here as there.
 */
import { isOn, pageOf, quotaOf } from './compute-common.ts';
import { read, required } from './fields.ts';
import { instanceOf } from './rds-access.ts';
import { actionRoutes } from './rds-actions.ts';
import { backupRoutes } from './rds-backup.ts';
import { datastoreView, flavors, flavorView, storageView, versions } from './rds-catalog.ts';
import { changeRoutes } from './rds-change.ts';
import { certificateLink } from './rds-downloads.ts';
import { createInstance, rdsTables, startRds } from './rds-life.ts';
import { checkOrder, orderShape } from './rds-order.ts';
import { parameterRoutes } from './rds-parameters.ts';
import { instanceView, jobView, orderView, typeOf } from './rds-view.ts';
import { type Call, Refusal, type Route, type Service } from './service.ts';
import type { RdsInstanceRow } from './tables/compute.ts';

function engine(call: Call): void {
  if (call.params['database_name']?.toLowerCase() !== 'postgresql')
    throw new Refusal(400, 'DBS.280001', `The DB engine ${call.params['database_name']} is not supported.`);
  const version = call.query.get('version_name');
  if (version !== null && versions[version] === undefined) throw new Refusal(400, 'DBS.280001', `The DB engine version ${version} is not supported.`);
}

/** `id` and `name` match exactly, with a leading `*` anywhere inside. */
function fits(wanted: string | null, value: string): boolean {
  if (wanted === null || wanted === '') return true;
  return wanted.startsWith('*') ? value.includes(wanted.slice(1)) : value === wanted;
}

function listed(call: Call): RdsInstanceRow[] {
  const of = (name: string): string | null => call.query.get(name);
  const tags = (of('tags') ?? '').split(',').filter((part) => part !== '');
  return rdsTables(call.world.store).instances.where(
    (row) =>
      row.project_id === call.params['project_id'] &&
      fits(of('id'), row.id) &&
      fits(of('name'), row.name) &&
      (of('type') ?? typeOf(row)) === typeOf(row) &&
      [null, row.datastore.type].includes(of('datastore_type')) &&
      [null, row.vpc_id].includes(of('vpc_id')) &&
      [null, row.subnet_id].includes(of('subnet_id')) &&
      tags.every((tag) => row.tags.some(({ key, value }) => tag === `${key}=${value}`)),
  );
}

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/{project_id}/datastores/{database_name}',
    handle(call) {
      engine(call);
      return { status: 200, body: datastoreView() };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/flavors/{database_name}',
    query: ['version_name', 'spec_code'],
    handle(call) {
      engine(call);
      const code = call.query.get('spec_code');
      const shown = flavors.filter((flavor) => code === null || code === '' || flavor.spec_code === code);
      return { status: 200, body: { flavors: shown.map((flavor) => flavorView(call.world.store, call.region, flavor)) } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/storage-type/{database_name}',
    query: ['version_name', 'ha_mode'],
    handle(call) {
      engine(call);
      return { status: 200, body: storageView(call.region) };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/quotas',
    handle(call) {
      const used = rdsTables(call.world.store).instances.where((row) => row.project_id === call.params['project_id']).length;
      const quota = quotaOf(call.world.store, 'rds.instance', 100);
      return { status: 200, body: { quotas: { resources: [{ type: 'instance', quota, used }] } } };
    },
  },
  {
    method: 'POST',
    path: '/v3/{project_id}/instances',
    body: required(orderShape),
    handle(call) {
      const order = checkOrder(call, call.params['project_id'] ?? '', read(orderShape, call.body));
      const { instance, jobId } = createInstance(call.world, order);
      return { status: 202, body: { instance: orderView(instance), job_id: jobId } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/instances',
    query: ['id', 'name', 'type', 'datastore_type', 'vpc_id', 'subnet_id', 'offset', 'limit', 'tags'],
    handle(call) {
      const rows = listed(call);
      const shown = pageOf(rows, call.query, 'DBS.280001');
      return { status: 200, body: { instances: shown.map((row) => instanceView(call.world.store, row)), total_count: rows.length } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/jobs',
    query: ['id'],
    handle(call) {
      const { store } = call.world;
      const job = rdsTables(store).jobs.get(call.query.get('id') ?? '');
      // A new job may need some seconds to be found (5.3); a switch makes that happen.
      const late = job !== undefined && isOn(store, 'rds.late-jobs') && Date.now() - Date.parse(job.created) < 3000;
      if (job === undefined || late) throw new Refusal(400, 'DBS.200543', 'The job does not exist.');
      return { status: 200, body: jobView(job) };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/tags',
    handle(call) {
      const all = rdsTables(call.world.store)
        .instances.where((row) => row.project_id === call.params['project_id'])
        .flatMap((row) => row.tags);
      const keys = [...new Set(all.map((tag) => tag.key))];
      const tags = keys.map((key) => ({ key, values: [...new Set(all.filter((tag) => tag.key === key).map((tag) => tag.value))] }));
      return { status: 200, body: { tags } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/instances/{instance_id}/ssl-cert/download-link',
    handle(call) {
      instanceOf(call);
      const link = certificateLink(call.region);
      return { status: 200, body: { cert_info_list: [{ category: 'international', download_link: link }] } };
    },
  },
  ...changeRoutes,
  ...actionRoutes,
  ...backupRoutes,
  ...parameterRoutes,
];

export const rds: Service = {
  name: 'rds',
  prefixes: ['rds'],
  routes,
  error: (_path, error) => ({ error_code: error.code, error_msg: error.message }),
  codes: () => ({ invalid: 'DBS.280001', forbidden: 'DBS.201003' }),
  start: startRds,
};
