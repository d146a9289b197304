/** Owns how the tests of VPC's services ask, and the network that they begin with. The cloud they ask is in `cloud.ts`. */
import assert from 'node:assert/strict';
import { type Cloud, eventually, vpcHost } from './cloud.ts';

export function networkClient(cloud: Cloud) {
  const v1 = (path: string) => `${vpcHost}/v1/${cloud.project}${path}`;
  const v2 = (path: string) => `${vpcHost}/v2.0${path}`;
  const tagsOf = (type: string, id: string, rest = '') => `${vpcHost}/v2.0/${cloud.project}/${type}/${id}/tags${rest}`;
  const post = (url: string, body?: unknown) => cloud.as('admin', url, { method: 'POST', body });
  const put = (url: string, body?: unknown) => cloud.as('admin', url, { method: 'PUT', body });
  const get = (url: string) => cloud.as('admin', url);
  const del = (url: string) => cloud.as('admin', url, { method: 'DELETE' });

  /** A VPC with one subnet, both ready. */
  async function network(name: string, cidr = '10.0.0.0/16', subnetCidr = '10.0.1.0/24') {
    const vpc = await post(v1('/vpcs'), { vpc: { name, cidr } });
    assert.equal(vpc.status, 200);
    await eventually(
      () => get(v1(`/vpcs/${vpc.body.vpc.id}`)),
      ({ body }) => body.vpc.status === 'OK',
    );
    const subnet = await post(v1('/subnets'), {
      subnet: {
        name: `${name}-nodes`,
        cidr: subnetCidr,
        gateway_ip: subnetCidr.replace('.0/24', '.1'),
        vpc_id: vpc.body.vpc.id,
        primary_dns: '100.125.4.25',
        secondary_dns: '100.125.129.199',
        dnsList: ['100.125.4.25', '100.125.129.199'],
      },
    });
    assert.equal(subnet.status, 200);
    assert.equal(subnet.body.subnet.status, 'UNKNOWN');
    const ready = await eventually(
      () => get(v1(`/subnets/${subnet.body.subnet.id}`)),
      ({ body }) => body.subnet.status === 'ACTIVE',
    );
    return {
      vpcId: vpc.body.vpc.id as string,
      subnet: ready.body.subnet,
      subnetUrl: v1(`/vpcs/${vpc.body.vpc.id}/subnets/${subnet.body.subnet.id}`),
    };
  }
  return { v1, v2, tagsOf, post, put, get, del, network };
}
