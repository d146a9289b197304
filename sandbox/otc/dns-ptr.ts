/** Owns PTR records of EIPs (DNS API reference). Part of `dns.ts`. */
import { absolute } from './dns-records.ts';
import { listAnswer } from './dns-recordsets.ts';
import { integer, list, object, read, required, string } from './fields.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store, Table } from './store.ts';
import { networkTables, type PublicIpRow, type Tag } from './tables/network.ts';
import { tagRoutes } from './tagging.ts';
import { projectOfCall } from './vpc-common.ts';

/** `dns.ptr-records`: the id is `<region>:<EIP id>`. */
export interface PtrRow {
  readonly id: string;
  readonly ptrdname: string;
  readonly description: string;
  readonly ttl: number;
  readonly address: string;
  readonly status: 'PENDING_CREATE' | 'ACTIVE';
  readonly project_id: string;
  readonly tags: readonly Tag[];
}

const shape = object({ ptrdname: string, description: string, ttl: integer, tags: list(object({ key: required(string), value: string })) });

const records = (store: Store): Table<PtrRow> => store.table<PtrRow>('dns.ptr-records');
export const startPtr = (store: Store): void =>
  store.handle<{ id: string }>('dns.ptr', ({ id }) => void records(store).update(id, { status: 'ACTIVE' }));

const view = (call: Call, { project_id: _project, tags: _tags, ...row }: PtrRow) => ({
  ...row,
  action: 'NONE',
  links: { self: `https://${call.host}/v2/reverse/floatingips/${row.id}` },
});

function eipOf(call: Call): PublicIpRow {
  const [region, id] = (call.params['ptr_id'] ?? '').split(':');
  const row = networkTables(call.world.store).publicIps.get(id ?? '');
  if (row === undefined || region !== call.region || row.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'DNS.0602', 'The EIP does not exist.');
  return row;
}

function find(call: Call): PtrRow {
  const row = records(call.world.store).get(call.params['ptr_id'] ?? '');
  if (row === undefined || row.project_id !== projectOfCall(call)) throw new Refusal(404, 'DNS.0603', 'This PTR record does not exist.');
  return row;
}

/** Sets a record; an empty name takes it away. */
function set(call: Call): Reply {
  const eip = eipOf(call);
  const { store } = call.world;
  const id = `${call.region}:${eip.id}`;
  const wanted = read(shape, call.body);
  const before = records(store).get(id);
  if (wanted.ptrdname === undefined || wanted.ptrdname === '') {
    records(store).remove(id);
    return { status: 202, body: before === undefined ? {} : view(call, before) };
  }
  const row: PtrRow = {
    id,
    ptrdname: absolute(wanted.ptrdname),
    description: wanted.description ?? '',
    ttl: wanted.ttl ?? 300,
    address: eip.public_ip_address,
    status: 'PENDING_CREATE',
    project_id: eip.tenant_id,
    tags: wanted.tags?.map(({ key, value = '' }) => ({ key, value })) ?? before?.tags ?? [],
  };
  if (before === undefined) records(store).insert(row);
  else records(store).update(id, row);
  store.after(2, 'dns.ptr', { id });
  return { status: 202, body: view(call, row) };
}

const one = '/v2/reverse/floatingips/{ptr_id}';

export const ptrRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v2/reverse/floatingips',
    query: ['limit', 'marker', 'offset', 'tags', 'enterprise_project_id'],
    handle: (call) =>
      listAnswer(
        call,
        'floatingips',
        records(call.world.store).where((row) => row.project_id === projectOfCall(call)),
        (row) => view(call, row),
      ),
  },
  { method: 'GET', path: one, handle: (call) => ({ status: 200, body: view(call, find(call)) }) },
  { method: 'PATCH', path: one, body: required(shape), handle: set },
  ...tagRoutes<PtrRow>({
    base: '/v2/{project_id}/DNS-ptr_record',
    rows: (call) => records(call.world.store).where((row) => row.project_id === projectOfCall(call)),
    name: (row) => row.ptrdname,
    save: (call, row, tags) => void records(call.world.store).update(row.id, { tags }),
    codes: { invalid: 'DNS.0701', missing: 'DNS.0702' },
    longest: { key: 36, value: 43 },
  }),
];
