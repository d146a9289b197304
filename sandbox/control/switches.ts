/**
 * Owns which switches a world has, for whoever sets them by `PUT /world`: a misspelt one would do nothing, and a test would
 * prove nothing. What a switch means is the matter of the room that reads it from `world.switches`.
 */

interface Known {
  /** As people write it. */
  readonly form: string;
  readonly id: RegExp;
  readonly takes: string;
  readonly fits: (value: unknown) => boolean;
}

const quotas = [
  ...['vpc', 'subnet', 'securityGroup', 'securityGroupRule', 'publicIp', 'natGateway', 'shareBandwidth', 'loadbalancer', 'listener'],
  ...['zone', 'recordSet', 'rds.instance', 'cce.cluster', 'ecs.servers', 'ecs.cores', 'ecs.ram'],
  ...['loadbalancer', 'listener', 'pool', 'member', 'healthmonitor', 'l7policy', 'certificate', 'ipgroup', 'security_policy'].map(
    (one) => `elb.${one}`,
  ),
  ...['volumes', 'gigabytes', 'snapshots', 'backups', 'backup_gigabytes'].map((one) => `evs.${one}`),
];
const isSwitch = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isInteger(value);
const delegations: readonly unknown[] = ['otc', 'other', 'mixed', 'none', true, false];

const known: readonly Known[] = [
  {
    form: `quota:<${quotas.join('|')}>`,
    id: new RegExp(`^quota:(${quotas.map((name) => name.replaceAll('.', '\\.')).join('|')}|evs\\.(volumes|gigabytes|snapshots)_[A-Z0-9]+)$`),
    takes: 'a whole number',
    fits: isCount,
  },
  { form: 'sold-out:<flavor>[:<zone>]', id: /^sold-out:[^:]+(:[^:]+)?$/, takes: 'true or false', fits: isSwitch },
  { form: 'delegation:<domain>', id: /^delegation:.+$/, takes: 'otc, other, mixed or none', fits: (value) => delegations.includes(value) },
  { form: 'rds.late-jobs', id: /^rds\.late-jobs$/, takes: 'true or false', fits: isSwitch },
  { form: 'rds.retention-days', id: /^rds\.retention-days$/, takes: 'a whole number', fits: isCount },
  { form: 'rds-certificate-names-address', id: /^rds-certificate-names-address$/, takes: 'true or false', fits: isSwitch },
];

/** What is wrong with a switch, in words; undefined where nothing is. */
export function wrongSwitch(id: string, value: unknown): string | undefined {
  const found = known.find((one) => one.id.test(id));
  if (found === undefined) return `there is no switch ${id}; there are ${known.map(({ form }) => form).join(', ')}`;
  return value === null || found.fits(value) ? undefined : `switch ${id} takes ${found.takes}, or null to take it away, not ${JSON.stringify(value)}`;
}
