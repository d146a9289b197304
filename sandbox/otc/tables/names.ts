/** Owns the names of all tables, `<service>.<plural>`: known before the first row, so that edits from outside can be checked. */
const of = <S extends string, N extends string>(service: S, ...tables: readonly N[]) => tables.map((name): `${S}.${N}` => `${service}.${name}`);

export const tableNames = [
  ...of('iam', 'domains', 'projects', 'users', 'credentials', 'tokens', 'lockouts', 'groups', 'roles', 'assignments', 'agencies'),
  ...of('iam', 'identity-providers', 'mappings'),
  ...of('vpc', 'vpcs', 'subnets', 'security-groups', 'security-group-rules', 'ports', 'publicips', 'bandwidths'),
  ...of('nat', 'gateways', 'snat-rules', 'dnat-rules'),
  ...of('dns', 'zones', 'recordsets', 'ptr-records'),
  ...of('rds', 'instances', 'jobs', 'backups', 'recycle', 'configurations'),
  ...of('cce', 'clusters', 'nodepools', 'nodes', 'addons', 'jobs'),
  ...of('elb', 'loadbalancers', 'listeners', 'pools', 'members', 'healthmonitors', 'certificates', 'ipgroups', 'security-policies'),
  ...of('elb', 'l7policies', 'l7rules'),
  ...of('ecs', 'servers', 'jobs'),
  ...of('nova', 'keypairs', 'server-groups'),
  ...of('evs', 'volumes', 'jobs'),
  ...of('github', 'settings', 'issues', 'comments', 'labels'),
  ...of('world', 'switches', 'oddities'),
];
export type TableName = (typeof tableNames)[number];

/** The table of that name; where there is none, the names it was probably meant to be. */
export function tableNamed(name: string): TableName | readonly TableName[] {
  const found = tableNames.find((one) => one === name);
  if (found !== undefined) return found;
  const [service = '', rest = ''] = name.toLowerCase().split('.');
  const near = tableNames.filter((one) => one.startsWith(`${service}.`) || one.endsWith(`.${rest}`));
  return near.length > 0 ? near : tableNames;
}
