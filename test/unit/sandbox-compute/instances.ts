/** Owns how the tests of RDS order instances and look at them. The cloud they ask is in `backends.ts`. */
import { eventually } from '../sandbox-otc/cloud.ts';
import type { ComputeCloud, Place } from './backends.ts';

export function instanceClient(cloud: ComputeCloud, place: Place) {
  const order = (patch: Record<string, unknown> = {}) => ({
    name: 'zitadel-db',
    datastore: { type: 'PostgreSQL', version: '16' },
    ha: { mode: 'Ha', replication_mode: 'async' },
    flavor_ref: 'rds.pg.n1.large.4.ha',
    volume: { type: 'CLOUDSSD', size: 40 },
    region: 'eu-de',
    availability_zone: 'eu-de-01,eu-de-02',
    vpc_id: place.vpc,
    subnet_id: place.network,
    security_group_id: place.group,
    port: '5432',
    password: 'Sup3r-secret_Pw',
    backup_strategy: { start_time: '02:00-03:00', keep_days: 7 },
    charge_info: { charge_mode: 'postPaid' },
    time_zone: 'UTC+01:00',
    ...patch,
  });
  const single = (patch: Record<string, unknown> = {}) => ({
    ...order(patch),
    ha: undefined,
    flavor_ref: 'rds.pg.n1.large.4',
    availability_zone: 'eu-de-01',
    ...patch,
  });
  const create = (body: unknown) => cloud.send('POST', `${cloud.rds}/instances`, body);
  const show = async (id: string) => (await cloud.get(`${cloud.rds}/instances?id=${id}`)).body.instances[0];
  const active = (id: string) =>
    eventually(
      () => show(id),
      (row) => row?.status === 'ACTIVE',
      'instance is ACTIVE',
    );
  return { order, single, create, show, active };
}
