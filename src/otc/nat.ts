/** Owns the calls to public NAT gateways v2.0, their SNAT rules and the list of their DNAT rules (NAT Gateway API reference). */
import type { Otc } from './client.ts';
import { byMarker } from './paging.ts';

export interface NatGateway {
  readonly id: string;
  readonly name: string;
  /** `PENDING_CREATE`, `ACTIVE`, `PENDING_UPDATE`, `PENDING_DELETE`, `INACTIVE` */
  readonly status: string;
  /** `0` micro, `1` small, `2` medium, `3` large. */
  readonly spec: string;
  readonly router_id: string;
  readonly internal_network_id: string;
}

const known = { id: 'text', name: 'text', status: 'text' } as const;
const ruleKnown = { id: 'text', nat_gateway_id: 'text', floating_ip_id: 'text', status: 'text' } as const;

export async function listNatGateways(otc: Otc, name: string, fresh?: boolean): Promise<NatGateway[]> {
  const list = { service: 'nat', path: '/v2.0/nat_gateways', key: 'nat_gateways', each: known, query: { name }, limit: 1000, fresh } as const;
  return (await byMarker<NatGateway>(otc, list)).filter((gateway) => gateway.name === name);
}

/** All of a VPC. */
export async function listNatGatewaysOf(otc: Otc, vpcId: string): Promise<NatGateway[]> {
  const query = { router_id: vpcId };
  const list = { service: 'nat', path: '/v2.0/nat_gateways', key: 'nat_gateways', each: known, query, limit: 1000 } as const;
  return (await byMarker<NatGateway>(otc, list)).filter(({ router_id }) => router_id === vpcId);
}

export async function getNatGateway(otc: Otc, id: string): Promise<NatGateway> {
  return (await otc.get<{ nat_gateway: NatGateway }>('nat', `/v2.0/nat_gateways/${id}`, { must: { nat_gateway: known }, fresh: true })).nat_gateway;
}

export async function createNatGateway(
  otc: Otc,
  gateway: { name: string; description: string; spec: string; router_id: string; internal_network_id: string },
): Promise<NatGateway> {
  const must = { nat_gateway: known };
  return (await otc.post<{ nat_gateway: NatGateway }>('nat', '/v2.0/nat_gateways', { nat_gateway: gateway }, must)).nat_gateway;
}

export async function updateNatGateway(otc: Otc, id: string, gateway: { spec: string }): Promise<void> {
  await otc.put<void>('nat', `/v2.0/nat_gateways/${id}`, { nat_gateway: gateway });
}

export async function deleteNatGateway(otc: Otc, id: string): Promise<void> {
  await otc.delete('nat', `/v2.0/nat_gateways/${id}`);
}

export interface SnatRule {
  readonly id: string;
  readonly nat_gateway_id: string;
  readonly network_id?: string;
  /** In place of a network: a part of one. */
  readonly cidr?: string | null;
  /** One id, or several with commas. */
  readonly floating_ip_id: string;
  readonly status: string;
}

export async function listSnatRules(otc: Otc, natGatewayId: string, fresh?: boolean): Promise<SnatRule[]> {
  const query = { nat_gateway_id: natGatewayId };
  const list = { service: 'nat', path: '/v2.0/snat_rules', key: 'snat_rules', each: ruleKnown, query, limit: 1000, fresh } as const;
  return (await byMarker<SnatRule>(otc, list)).filter((rule) => rule.nat_gateway_id === natGatewayId);
}

export async function getSnatRule(otc: Otc, id: string): Promise<SnatRule> {
  return (await otc.get<{ snat_rule: SnatRule }>('nat', `/v2.0/snat_rules/${id}`, { must: { snat_rule: ruleKnown }, fresh: true })).snat_rule;
}

/** Needs an ACTIVE gateway. */
export async function createSnatRule(otc: Otc, rule: { nat_gateway_id: string; network_id: string; floating_ip_id: string }): Promise<SnatRule> {
  const must = { snat_rule: ruleKnown };
  return (await otc.post<{ snat_rule: SnatRule }>('nat', '/v2.0/snat_rules', { snat_rule: { ...rule, source_type: 0 } }, must)).snat_rule;
}

export async function deleteSnatRule(otc: Otc, id: string): Promise<void> {
  await otc.delete('nat', `/v2.0/snat_rules/${id}`);
}

export interface DnatRule {
  readonly id: string;
  readonly nat_gateway_id: string;
  readonly floating_ip_address?: string;
  readonly external_service_port?: number;
}

/** Rules that lead in; none is the stack's. */
export async function listDnatRules(otc: Otc, natGatewayId: string): Promise<DnatRule[]> {
  const [each, query] = [{ id: 'text', nat_gateway_id: 'text' } as const, { nat_gateway_id: natGatewayId }];
  const list = { service: 'nat', path: '/v2.0/dnat_rules', key: 'dnat_rules', each, query, limit: 1000 } as const;
  return (await byMarker<DnatRule>(otc, list)).filter((rule) => rule.nat_gateway_id === natGatewayId);
}
