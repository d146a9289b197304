/** Owns the service catalog of a project, as tokens and `/v3/auth/catalog` carry it (API reference 0.2). Part of IAM. */
import { createHash } from 'node:crypto';
import { hostOf } from './hosts.ts';

/** Type, host label, path; `{pid}` is the project id. */
const entries: readonly (readonly [type: string, prefix: string, path: string])[] = [
  ['network', 'vpc', ''],
  ['vpc', 'vpc', '/v1/{pid}'],
  ['vpcv2.0', 'vpc', '/v2.0/{pid}'],
  ['ecs', 'ecs', '/v1/{pid}'],
  ['compute', 'ecs', '/v2.1/{pid}'],
  ['evs', 'evs', '/v2/{pid}'],
  ['volumev2', 'evs', '/v2/{pid}'],
  ['volumev3', 'evs', '/v3/{pid}'],
  ['image', 'ims', ''],
  ['elb', 'elb', ''],
  ['elbv3', 'elb', '/v3/{pid}'],
  ['rdsv3', 'rds', '/v3/{pid}'],
  ['ccev2.0', 'cce', ''],
  ['dns', 'dns', ''],
  ['nat', 'nat', '/v2.0'],
  ['tms', 'tms', '/v1.0'],
];

const idOf = (text: string): string => createHash('md5').update(text).digest('hex');

function entry(type: string, endpoints: readonly { readonly region: string; readonly url: string }[]) {
  return {
    id: idOf(type),
    type,
    name: type,
    endpoints: endpoints.map(({ region, url }) => ({ id: idOf(`${type} ${region}`), interface: 'public', region, region_id: region, url })),
  };
}

export function catalog(region: string, projectId: string | undefined) {
  const identity = `https://${hostOf('iam', region)}/v3`;
  const regional = projectId === undefined ? [] : entries;
  return [
    entry('identity', [
      { region: '*', url: identity },
      { region, url: identity },
    ]),
    ...regional.map(([type, prefix, path]) =>
      entry(type, [{ region, url: `https://${hostOf(prefix, region)}${path.replace('{pid}', projectId ?? '')}` }]),
    ),
  ];
}
