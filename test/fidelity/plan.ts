/**
 * Owns what the foreign clients do: in every service they know, list, create, show and delete, in an order that a user would
 * choose. Pure data; `drive.py` runs it.
 */

export interface Step {
  readonly service: string;
  readonly what: string;
  /** Arguments of the `openstack` command. */
  readonly cli?: readonly string[];
  /** Service, method, positional and named arguments of the OTC SDK. */
  readonly sdk?: readonly [service: string, method: string, positional?: readonly unknown[], named?: Readonly<Record<string, unknown>>];
  /** Name under which the result is kept for `{name.field}`. */
  readonly save?: string;
  /** Field of the result and the value it must reach. */
  readonly until?: readonly [field: string, value: unknown];
  /** Errors are tried again until the time is over. */
  readonly retry?: boolean;
  readonly seconds?: number;
}

const cli = (service: string, command: string, more: Partial<Step> = {}): Step => {
  const shows = !/ (delete|remove|add|set|unset) /.test(` ${command} `);
  return { service, what: command.replace(/ -.*| \{.*/, ''), cli: [...command.split(' '), ...(shows ? ['-f', 'json'] : [])], ...more };
};
const sdk = (service: string, what: string, call: NonNullable<Step['sdk']>, more: Partial<Step> = {}): Step => ({
  service,
  what,
  sdk: call,
  ...more,
});

const identity: Step[] = [
  cli('iam', 'token issue'),
  cli('iam', 'catalog list'),
  cli('iam', 'project list'),
  cli('iam', 'project show eu-de_zitadel'),
  cli('iam', 'user list'),
  cli('iam', 'group list'),
  cli('iam', 'role list'),
];

const neutron: Step[] = [
  cli('neutron', 'router create fidelity-router', { save: 'router' }),
  cli('neutron', 'router list'),
  cli('neutron', 'network create fidelity-network', { save: 'network' }),
  cli('neutron', 'network list'),
  cli('neutron', 'subnet create fidelity-subnet --network {network.id} --subnet-range 10.77.1.0/24 --dns-nameserver 100.125.4.25', {
    save: 'subnet',
  }),
  cli('neutron', 'router add subnet {router.id} {subnet.id}'),
  cli('neutron', 'subnet list'),
  cli('neutron', 'subnet show {subnet.id}'),
  cli('neutron', 'router show {router.id}'),
  cli('neutron', 'network show {network.id}'),
  cli('neutron', 'port create fidelity-port --network {network.id}', { save: 'port' }),
  cli('neutron', 'port list'),
  cli('neutron', 'port show {port.id}'),
  cli('security group', 'security group create fidelity-group --description managed', { save: 'group' }),
  cli('security group', 'security group rule create {group.id} --protocol tcp --dst-port 5432 --remote-ip 10.0.0.0/8', { save: 'rule' }),
  cli('security group', 'security group list'),
  cli('security group', 'security group show {group.id}'),
  cli('security group', 'security group rule list {group.id}'),
  cli('security group', 'security group rule show {rule.id}'),
  cli('neutron', 'port set --security-group {group.id} {port.id}'),
  cli('floating ip', 'floating ip create admin_external_net', { save: 'floating' }),
  cli('floating ip', 'floating ip list'),
  cli('floating ip', 'floating ip set --port {port.id} {floating.id}'),
  cli('floating ip', 'floating ip show {floating.id}'),
  cli('floating ip', 'floating ip unset --port {floating.id}'),
  cli('floating ip', 'floating ip delete {floating.id}'),
  cli('neutron', 'port delete {port.id}'),
  cli('security group', 'security group rule delete {rule.id}'),
  cli('security group', 'security group delete {group.id}'),
  cli('neutron', 'router remove subnet {router.id} {subnet.id}'),
  cli('neutron', 'subnet delete {subnet.id}'),
  cli('neutron', 'network delete {network.id}'),
  cli('neutron', 'router delete {router.id}'),
];

const vpc: Step[] = [
  sdk('vpc', 'vpc create', ['vpc', 'create_vpc', [], { name: 'fidelity-vpc', cidr: '10.66.0.0/16' }], { save: 'vpc' }),
  sdk('vpc', 'vpc show', ['vpc', 'get_vpc', ['{vpc.id}']], { until: ['status', 'OK'] }),
  sdk('vpc', 'vpc list', ['vpc', 'vpcs']),
  sdk('vpc', 'vpc find', ['vpc', 'find_vpc', ['fidelity-vpc']]),
  sdk('vpc', 'vpc update', ['vpc', 'update_vpc', ['{vpc.id}'], { description: 'managed' }]),
  sdk(
    'subnet',
    'subnet create',
    [
      'vpc',
      'create_subnet',
      [],
      { name: 'fidelity-net', cidr: '10.66.1.0/24', gateway_ip: '10.66.1.1', vpc_id: '{vpc.id}', dns_list: ['100.125.4.25', '100.125.129.199'] },
    ],
    { save: 'net' },
  ),
  sdk('subnet', 'subnet show', ['vpc', 'get_subnet', ['{net.id}']], { until: ['status', 'ACTIVE'], save: 'net' }),
  sdk('subnet', 'subnet list', ['vpc', 'subnets']),
  cli('security group', 'security group create fidelity-members', { save: 'members' }),
];

const nat: Step[] = [
  cli('nat', 'nat gateway create fidelity-nat --spec 1 --router-id {vpc.id} --internal-network-id {net.id}', { save: 'gateway' }),
  cli('nat', 'nat gateway show {gateway.id}', { until: ['status', 'ACTIVE'] }),
  cli('nat', 'nat gateway list'),
  cli('floating ip', 'floating ip create admin_external_net', { save: 'egress' }),
  cli('nat', 'nat snat rule create --nat-gateway-id {gateway.id} --network-id {net.id} --floating-ip-id {egress.id}', { save: 'snat' }),
  cli('nat', 'nat snat rule show {snat.id}', { until: ['status', 'ACTIVE'] }),
  cli('nat', 'nat snat rule list'),
  cli('nat', 'nat snat rule delete {snat.id}'),
  cli('nat', 'nat dnat rule list'),
  cli('nat', 'nat gateway delete {gateway.id}'),
  cli('floating ip', 'floating ip delete {egress.id}'),
];

const dns: Step[] = [
  cli('dns', 'dns zone create fidelity.example.com. --email hostmaster@example.com --ttl 300', { save: 'zone' }),
  cli('dns', 'dns zone show {zone.id}', { until: ['status', 'ACTIVE'] }),
  cli('dns', 'dns zone list'),
  cli('dns', 'dns zone nameserver list {zone.id}'),
  cli('dns', 'dns recordset create {zone.id} --name login.fidelity.example.com. --type A --ttl 300 --record 203.0.113.10', { save: 'record' }),
  cli('dns', 'dns recordset show {zone.id} {record.id}', { until: ['status', 'ACTIVE'] }),
  cli('dns', 'dns recordset list {zone.id}'),
  cli('dns', 'dns recordset delete {zone.id} {record.id}'),
  cli('dns', 'dns ptr record list'),
  cli('dns', 'dns zone delete {zone.id}'),
  cli('dns', 'dns zone list', { what: 'dns zone gone', until: ['length', 0] }),
];

const compute: Step[] = [
  cli('ecs', 'availability zone list --compute'),
  cli('ecs', 'flavor list', { save: 'flavors' }),
  cli('ims', 'image list', { save: 'images' }),
  cli('keypair', 'keypair create fidelity-key', { save: 'key', cli: ['keypair', 'create', 'fidelity-key', '--private-key', '/dev/null'] }),
  cli('keypair', 'keypair list'),
  cli('keypair', 'keypair show fidelity-key'),
  cli(
    'nova',
    'server create fidelity-server --image {images.0.id} --flavor {flavors.0.id} --network {net.id} --key-name fidelity-key --security-group {members.id} --availability-zone eu-de-01',
    { save: 'server' },
  ),
  cli('nova', 'server show {server.id}', { until: ['status', 'ACTIVE'] }),
  cli('nova', 'server list'),
  cli('evs', 'volume list'),
  cli('nova', 'server delete {server.id}'),
  cli('nova', 'server list', { what: 'server gone', until: ['length', 0] }),
  cli('keypair', 'keypair delete fidelity-key'),
];

const balancers: Step[] = [
  sdk('elb', 'availability zone list', ['vlb', 'availability_zones']),
  sdk('elb', 'flavor list', ['vlb', 'flavors']),
  sdk(
    'elb',
    'load balancer create',
    [
      'vlb',
      'create_load_balancer',
      [],
      {
        name: 'fidelity-lb',
        vpc_id: '{vpc.id}',
        vip_subnet_cidr_id: '{net.neutron_subnet_id}',
        elb_virsubnet_ids: ['{net.id}'],
        availability_zone_list: ['eu-de-01'],
      },
    ],
    { save: 'lb' },
  ),
  sdk('elb', 'load balancer show', ['vlb', 'get_load_balancer', ['{lb.id}']], { until: ['provisioning_status', 'ACTIVE'] }),
  sdk('elb', 'load balancer list', ['vlb', 'load_balancers']),
  sdk(
    'elb',
    'listener create',
    ['vlb', 'create_listener', [], { name: 'fidelity-listener', loadbalancer_id: '{lb.id}', protocol: 'TCP', protocol_port: 443 }],
    { save: 'listener' },
  ),
  sdk('elb', 'listener list', ['vlb', 'listeners']),
  sdk(
    'elb',
    'pool create',
    ['vlb', 'create_pool', [], { name: 'fidelity-pool', listener_id: '{listener.id}', protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN' }],
    { save: 'pool' },
  ),
  sdk('elb', 'pool list', ['vlb', 'pools']),
  sdk(
    'elb',
    'member create',
    [
      'vlb',
      'create_member',
      ['{pool.id}'],
      { name: 'fidelity-member', address: '10.66.1.200', protocol_port: 80, subnet_cidr_id: '{net.neutron_subnet_id}' },
    ],
    { save: 'member' },
  ),
  sdk('elb', 'member list', ['vlb', 'members', ['{pool.id}']]),
  sdk('elb', 'member update', ['vlb', 'update_member', ['{member.id}', '{pool.id}'], { weight: 5 }]),
  sdk(
    'elb',
    'health monitor create',
    ['vlb', 'create_health_monitor', [], { pool_id: '{pool.id}', type: 'TCP', delay: 5, timeout: 3, max_retries: 3 }],
    { save: 'monitor' },
  ),
  sdk('elb', 'health monitor list', ['vlb', 'health_monitors']),
  sdk('elb', 'health monitor update', ['vlb', 'update_health_monitor', ['{monitor.id}'], { delay: 10 }]),
  sdk('elb', 'health monitor delete', ['vlb', 'delete_health_monitor', ['{monitor.id}']]),
  sdk('elb', 'member delete', ['vlb', 'delete_member', ['{member.id}', '{pool.id}']]),
  sdk('elb', 'address group create', ['vlb', 'create_ip_address_group', [], { name: 'fidelity-addresses', ip_list: [{ ip: '192.0.2.0/24' }] }], {
    save: 'addresses',
  }),
  sdk('elb', 'address group list', ['vlb', 'ip_address_groups']),
  sdk('elb', 'address group delete', ['vlb', 'delete_ip_address_group', ['{addresses.id}']]),
  sdk('elb', 'pool update', ['vlb', 'update_pool', ['{pool.id}'], { lb_algorithm: 'LEAST_CONNECTIONS' }]),
  sdk('elb', 'listener update', ['vlb', 'update_listener', ['{listener.id}'], { description: 'managed' }]),
  sdk('elb', 'pool delete', ['vlb', 'delete_pool', ['{pool.id}']]),
  sdk('elb', 'listener delete', ['vlb', 'delete_listener', ['{listener.id}']]),
  sdk('elb', 'load balancer delete', ['vlb', 'delete_load_balancer', ['{lb.id}']]),
  cli('elb v2', 'loadbalancer create --name fidelity-shared --vip_subnet_id {net.neutron_subnet_id}', { save: 'shared' }),
  cli('elb v2', 'loadbalancer list'),
  cli('elb v2', 'loadbalancer show {shared.id}'),
  cli('elb v2', 'loadbalancer delete {shared.id}'),
];

const databases: Step[] = [
  cli('rds', 'rds datastore type list'),
  cli('rds', 'rds datastore version list PostgreSQL'),
  cli('rds', 'rds flavor list PostgreSQL 16'),
  cli('rds', 'rds configuration list'),
  sdk(
    'rds',
    'rds instance create',
    [
      'rds',
      'create_instance',
      [],
      {
        name: 'fidelity-db',
        datastore: { type: 'PostgreSQL', version: '16' },
        flavor_ref: 'rds.pg.n1.large.4',
        volume: { type: 'CLOUDSSD', size: 40 },
        region: 'eu-de',
        availability_zone: 'eu-de-01',
        vpc_id: '{vpc.id}',
        subnet_id: '{net.id}',
        security_group_id: '{members.id}',
        password: 'Fidelity-Check-1',
      },
    ],
    { save: 'created' },
  ),
  cli('rds', 'rds instance list', { until: ['status', 'ACTIVE'], save: 'instances', seconds: 120 }),
  cli('rds', 'rds instance show fidelity-db'),
  cli('rds', 'rds backup list fidelity-db'),
  cli('rds', 'rds instance delete fidelity-db'),
  cli('rds', 'rds instance list', { what: 'rds instance gone', until: ['length', 0], seconds: 120 }),
];

const clusters: Step[] = [
  sdk(
    'cce',
    'cce cluster create',
    [
      'cce',
      'create_cluster',
      [],
      {
        metadata: { name: 'fidelity-cluster' },
        spec: {
          type: 'VirtualMachine',
          flavor: 'cce.s1.small',
          version: 'v1.33',
          hostNetwork: { vpc: '{vpc.id}', subnet: '{net.id}' },
          containerNetwork: { mode: 'overlay_l2', cidr: '172.16.0.0/16' },
        },
      },
    ],
    { save: 'cluster' },
  ),
  cli('cce', 'cce cluster list', { until: ['status', 'Available'], seconds: 180 }),
  cli('cce', 'cce cluster show fidelity-cluster'),
  cli('cce', 'cce cluster certificate show fidelity-cluster'),
  cli('cce', 'cce cluster node list fidelity-cluster'),
  cli('cce', 'cce node pool list fidelity-cluster'),
  cli('cce', 'cce cluster delete fidelity-cluster'),
  cli('cce', 'cce cluster list', { what: 'cce cluster gone', until: ['length', 0], seconds: 120 }),
];

const end: Step[] = [
  cli('security group', 'security group delete {members.id}', { retry: true, seconds: 60 }),
  sdk('subnet', 'subnet delete', ['vpc', 'delete_subnet', ['@net'], { vpc_id: '{vpc.id}', ignore_missing: false }], { retry: true, seconds: 60 }),
  sdk('vpc', 'vpc delete', ['vpc', 'delete_vpc', ['{vpc.id}'], { ignore_missing: false }], { retry: true, seconds: 60 }),
];

export const plan: readonly Step[] = [...identity, ...neutron, ...vpc, ...nat, ...dns, ...compute, ...balancers, ...databases, ...clusters, ...end];
