/**
 * Owns the row types of the network tables (`vpc.*`, `nat.*`, `dns.*`, `world.*`): field names in the API's own spelling,
 * plus what the sandbox keeps beside them. Compute rows are in `compute.ts`, identity rows in `iam.ts`.
 */
import type { Store } from '../store.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** `vpc.vpcs` */
export interface VpcRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly cidr: string;
  readonly extend_cidrs: readonly string[];
  /** v1 spelling; v3 says `ACTIVE` for `OK`. */
  readonly status: 'CREATING' | 'OK';
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  readonly enable_shared_snat: boolean;
  readonly enterprise_project_id: string;
  readonly tenant_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tags: readonly Tag[];
}

/** `vpc.subnets`: the id is the network id; `neutron_subnet_id` is the other one (API reference section 11). */
export interface SubnetRow {
  readonly id: string;
  /** Empty while a network made through Neutron has no subnet; such rows, and those without a VPC, do not show in v1. */
  readonly neutron_subnet_id: string;
  /** Name of the network where it was made through Neutron. */
  readonly network_name?: string | undefined;
  readonly name: string;
  readonly description: string;
  readonly cidr: string;
  readonly gateway_ip: string;
  readonly dhcp_enable: boolean;
  readonly ipv6_enable: boolean;
  readonly primary_dns: string;
  readonly secondary_dns: string;
  readonly dnsList: readonly string[];
  readonly availability_zone: string;
  readonly vpc_id: string;
  readonly status: 'UNKNOWN' | 'ACTIVE' | 'ERROR';
  readonly extra_dhcp_opts: readonly { readonly opt_name: string; readonly opt_value?: string | undefined }[];
  readonly tenant_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tags: readonly Tag[];
}

/** `vpc.security-groups` */
export interface SecurityGroupRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tenant_id: string;
  /** A hint of the v1 API only; groups are project-wide. */
  readonly vpc_id?: string | undefined;
  readonly enterprise_project_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `vpc.security-group-rules` */
export interface SecurityGroupRuleRow {
  readonly id: string;
  readonly security_group_id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4' | 'IPv6';
  /** `tcp`, `udp`, `icmp`, `icmpv6`, a number, or null for any. */
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  /** v3 spelling of several ports (`22,3389`); set instead of the range where it is more than one range. */
  readonly multiport?: string | undefined;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
  readonly remote_address_group_id: string | null;
  readonly description: string | null;
  readonly action: 'allow' | 'deny';
  readonly priority: number;
  readonly tenant_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `vpc.ports`: every private address in a subnet belongs to one. */
export interface PortRow {
  readonly id: string;
  readonly name: string;
  /** Network id = id of the row in `vpc.subnets`. */
  readonly network_id: string;
  readonly vpc_id: string;
  readonly device_id: string;
  /** `compute:eu-de-01`, `neutron:LOADBALANCERV3`, `network:dhcp`, … */
  readonly device_owner: string;
  /** `subnet_id` is the neutron subnet id. */
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[];
  readonly mac_address: string;
  readonly security_groups: readonly string[];
  readonly allowed_address_pairs: readonly { readonly ip_address: string; readonly mac_address?: string | undefined }[];
  readonly admin_state_up: boolean;
  readonly port_security_enabled: boolean;
  readonly status: 'ACTIVE' | 'BUILD' | 'DOWN';
  readonly tenant_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Binding {
  readonly kind: 'PORT' | 'ELB' | 'NATGW' | 'CCE' | 'RDS';
  /** Id of what it is bound to: port, load balancer, NAT gateway, cluster, instance. */
  readonly id: string;
}

/** `vpc.publicips` */
export interface PublicIpRow {
  readonly id: string;
  readonly alias: string;
  readonly type: string;
  readonly public_ip_address: string;
  readonly ip_version: 4;
  /** State besides the binding; what the API shows is derived by `publicIpStatus` of `public-ip.ts`. */
  readonly status: 'PENDING_CREATE' | 'DOWN' | 'BINDING' | 'ACTIVE' | 'ELB';
  readonly port_id: string | null;
  readonly private_ip_address: string | null;
  readonly bound_to: Binding | null;
  readonly bandwidth_id: string;
  readonly enterprise_project_id: string;
  readonly tenant_id: string;
  /** `2026-01-01 10:00:00`, with a blank. */
  readonly create_time: string;
  readonly tags: readonly Tag[];
}

/** `vpc.bandwidths` */
export interface BandwidthRow {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly share_type: 'PER' | 'WHOLE';
  readonly charge_mode: string;
  readonly bandwidth_type: string;
  readonly tenant_id: string;
  readonly enterprise_project_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `nat.gateways` */
export interface NatGatewayRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly spec: string;
  readonly router_id: string;
  readonly internal_network_id: string;
  readonly status: 'PENDING_CREATE' | 'ACTIVE' | 'PENDING_UPDATE' | 'PENDING_DELETE';
  readonly admin_state_up: boolean;
  readonly tenant_id: string;
  readonly created_at: string;
  readonly tags: readonly Tag[];
}

/** `nat.snat-rules` */
export interface SnatRuleRow {
  readonly id: string;
  readonly nat_gateway_id: string;
  /** One of `network_id` and `cidr`; the other is empty. */
  readonly network_id: string;
  readonly cidr: string;
  readonly source_type: number;
  /** One or more EIP ids, comma separated, as ordered. */
  readonly floating_ip_id: string;
  readonly floating_ip_address: string;
  readonly description: string;
  readonly status: 'PENDING_CREATE' | 'ACTIVE' | 'PENDING_DELETE';
  readonly admin_state_up: boolean;
  readonly tenant_id: string;
  readonly created_at: string;
}

/** `dns.zones` */
export interface ZoneRow {
  readonly id: string;
  /** With trailing dot, lower case. */
  readonly name: string;
  readonly description: string;
  readonly email: string;
  readonly zone_type: 'public' | 'private';
  readonly ttl: number;
  readonly serial: number;
  readonly status: DnsStatus;
  readonly pool_id: string;
  readonly project_id: string;
  readonly created_at: string;
  readonly updated_at: string | null;
  readonly routers: readonly { readonly router_id: string; readonly router_region: string; readonly status: string }[];
  readonly tags: readonly Tag[];
}

export type DnsStatus = 'ACTIVE' | 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE' | 'ERROR' | 'DISABLE';

/** `dns.recordsets` */
export interface RecordSetRow {
  readonly id: string;
  /** With trailing dot, lower case. */
  readonly name: string;
  readonly description: string;
  readonly type: string;
  readonly ttl: number;
  /** TXT values carry their own quotes. */
  readonly records: readonly string[];
  /** What the name servers still answer while an update is pending; absent before the first activation. */
  readonly served?: { readonly ttl: number; readonly records: readonly string[] } | undefined;
  readonly status: DnsStatus;
  readonly zone_id: string;
  readonly zone_name: string;
  readonly default: boolean;
  readonly project_id: string;
  readonly create_at: string;
  readonly update_at: string | null;
  readonly tags: readonly Tag[];
}

/** `world.switches`: settings of the world that tests change, for example `delegation:example.com.`. */
export interface SwitchRow {
  readonly id: string;
  readonly value: unknown;
}

/** `world.oddities`: what callers sent that the API reference does not know. Equal ones are counted. */
export interface OddityRow {
  readonly id: string;
  readonly service: string;
  readonly kind: 'path' | 'query' | 'field' | 'type' | 'host';
  readonly method: string;
  readonly path: string;
  readonly detail: string;
  readonly count: number;
}

/** The tables of this file by short names, typed. */
export const networkTables = (store: Store) => ({
  vpcs: store.table<VpcRow>('vpc.vpcs'),
  subnets: store.table<SubnetRow>('vpc.subnets'),
  groups: store.table<SecurityGroupRow>('vpc.security-groups'),
  rules: store.table<SecurityGroupRuleRow>('vpc.security-group-rules'),
  ports: store.table<PortRow>('vpc.ports'),
  publicIps: store.table<PublicIpRow>('vpc.publicips'),
  bandwidths: store.table<BandwidthRow>('vpc.bandwidths'),
  natGateways: store.table<NatGatewayRow>('nat.gateways'),
  snatRules: store.table<SnatRuleRow>('nat.snat-rules'),
  zones: store.table<ZoneRow>('dns.zones'),
  recordSets: store.table<RecordSetRow>('dns.recordsets'),
  switches: store.table<SwitchRow>('world.switches'),
  oddities: store.table<OddityRow>('world.oddities'),
});
