/** Owns the row types of Elastic Load Balance. Part of `compute.ts`. CCE's cloud controller writes these tables too. */
import type { Row } from '../store.ts';
import type { Tag } from './tag.ts';

/**
 * `elb.loadbalancers`, dedicated (v3) and shared (v2.0). Its EIP is the row of `vpc.publicips` bound to it
 * (`bound_to.kind === 'ELB'`) or to its `vip_port_id`.
 */
export interface LoadBalancerRow extends Row {
  readonly kind: 'dedicated' | 'shared';
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly vpc_id: string;
  readonly vip_address: string | null;
  readonly vip_port_id: string | null;
  /** Neutron subnet id of the virtual address. */
  readonly vip_subnet_cidr_id: string | null;
  /** Network ids of the backend plane. */
  readonly elb_virsubnet_ids: readonly string[];
  readonly availability_zone_list: readonly string[];
  readonly l4_flavor_id: string | null;
  readonly l7_flavor_id: string | null;
  readonly ip_target_enable: boolean;
  readonly deletion_protection_enable: boolean;
  readonly protection_status: string;
  readonly protection_reason: string;
  readonly waf_failure_action: string;
  readonly admin_state_up: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tags: readonly Tag[];
}

/** Whose a child of a load balancer is, where CCE's cloud controller made it for a Service. Deleting the cluster takes it along. */
export interface ElbOwner {
  readonly cluster_id: string;
  readonly namespace: string;
  readonly name: string;
}

/** `elb.listeners`. CCE's cloud controller writes here directly; `owner` then names the Service. */
export interface ListenerRow extends Row {
  readonly project_id: string;
  readonly loadbalancer_id: string;
  readonly name: string;
  readonly description: string;
  readonly protocol: string;
  readonly protocol_port: number;
  readonly default_pool_id: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tags: readonly Tag[];
  /** Fields that are echoed only: timeouts, certificates. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly owner?: ElbOwner;
}

/** `elb.pools` */
export interface PoolRow extends Row {
  readonly project_id: string;
  readonly loadbalancer_id: string;
  readonly listener_id: string | null;
  readonly name: string;
  readonly description: string;
  readonly protocol: string;
  readonly lb_algorithm: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly owner?: ElbOwner;
}

/** `elb.members` */
export interface MemberRow extends Row {
  readonly project_id: string;
  readonly pool_id: string;
  readonly name: string;
  readonly address: string;
  readonly protocol_port: number;
  /** Neutron subnet id; null for members by address (`ip_target_enable`). */
  readonly subnet_cidr_id: string | null;
  readonly weight: number;
  /** `ONLINE`, `OFFLINE`, `NO_MONITOR`. */
  readonly operating_status: string;
  readonly owner?: ElbOwner;
}

/** `elb.healthmonitors` */
export interface HealthMonitorRow extends Row {
  readonly project_id: string;
  readonly pool_id: string;
  readonly name: string;
  readonly type: string;
  readonly delay: number;
  readonly timeout: number;
  readonly max_retries: number;
  readonly monitor_port: number | null;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly owner?: ElbOwner;
}

/** `elb.certificates` */
export interface CertificateRow extends Row {
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly type: 'server' | 'client';
  readonly domain: string;
  readonly certificate: string;
  readonly private_key: string | null;
  readonly expire_time: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `elb.ipgroups` */
export interface IpGroupRow extends Row {
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly ip_list: readonly { readonly ip: string; readonly description: string }[];
  readonly created_at: string;
  readonly updated_at: string;
}

/** `elb.security-policies` */
export interface SecurityPolicyRow extends Row {
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly protocols: readonly string[];
  readonly ciphers: readonly string[];
  readonly created_at: string;
  readonly updated_at: string;
}

/** `elb.l7policies` */
export interface L7PolicyRow extends Row {
  readonly project_id: string;
  readonly listener_id: string;
  readonly name: string;
  readonly description: string;
  readonly action: string;
  readonly position: number;
  readonly priority: number | null;
  readonly redirect_pool_id: string | null;
  readonly redirect_listener_id: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** Fields that are echoed only. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** `elb.l7rules` */
export interface L7RuleRow extends Row {
  readonly project_id: string;
  readonly policy_id: string;
  readonly type: string;
  readonly compare_type: string;
  readonly key: string | null;
  readonly value: string;
  readonly invert: boolean;
  readonly conditions: readonly { readonly key?: string | undefined; readonly value: string }[];
  readonly created_at: string;
  readonly updated_at: string;
}
