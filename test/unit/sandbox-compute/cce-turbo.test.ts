/** CCE Turbo: what an order of one must say, and where its pods are. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { portPool } from '../../../sandbox/kubernetes/kubelet/addresses.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, type Place, startClusterCloud } from './backends.ts';
import { clusterClient } from './clusters.ts';

let cloud: ComputeCloud;
let place: Place;
beforeEach(async () => {
  ({ cloud, place } = await startClusterCloud());
});
afterEach(() => closeClean(cloud, 'strange requests'));

const { show, available, groupWith, turbo } = clusterClient(() => ({ cloud, place }));

test('pods of CCE Turbo get ports in the container subnet, with a group of their own', async () => {
  const id = await available(turbo());
  const { spec } = await show(id);
  assert.deepEqual(
    [spec.category, spec.containerNetwork.mode, spec.eniNetwork],
    ['Turbo', 'eni', { eniSubnetId: place.subnet, eniSubnetCIDR: '10.20.0.0/24' }],
  );
  const group = groupWith('for the eni');
  assert.match(group.name, /^zitadel-cce-eni-\w{5}$/);
  const made = cloud.notes.clusters.get(id);
  assert.deepEqual([made?.mode, made?.containerCidr, made?.eni], ['eni', '10.20.0.0/24', { networkId: place.network, groups: [group.id] }]);
  const { ports } = networkTables(cloud.store);
  const order = { clusterId: id, networkId: place.network, groups: [group.id] };
  const pool = portPool(cloud.store, order);
  const [one, two] = [pool.take(), pool.take()];
  const owned = (address: string) => ports.where((port) => port.fixed_ips.some(({ ip_address }) => ip_address === address));
  assert.deepEqual(
    [one, two].flatMap((address) => owned(address).map((port) => [port.device_id, port.security_groups])),
    [
      [id, [group.id]],
      [id, [group.id]],
    ],
  );
  pool.release(one);
  assert.deepEqual([owned(one).length, pool.has(one), pool.has(two)], [0, false, true]);
  assert.equal(portPool(cloud.store, order).take(two), two, 'a restored pod finds its port');
  assert.equal(owned(two).length, 1);
  await cloud.send('DELETE', `${cloud.cce}/clusters/${id}`);
  await eventually(
    () => ports.where((port) => port.device_id === id).length + networkTables(cloud.store).groups.where(({ id }) => id === group.id).length,
    (left) => left === 0,
    'ports and group are gone',
  );
});
