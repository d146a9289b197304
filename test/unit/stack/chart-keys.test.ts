/** Misspelled keys of ZITADEL's chart: told with their place, and nothing else is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { misspelled } from '../../../src/stack/chart-keys.ts';
import { read } from './reading-values.ts';

/** What is told of misspelled keys, with its place. */
async function told(values: string): Promise<string[]> {
  return (await read(values, {}, '').notices()).map(
    ({ place, message, hint }) => `${place?.file} ${place?.line}:${place?.column} ${message.split(':')[0]} ${hint}`,
  );
}

test('keys that ZITADEL’s chart does not know and that resemble one are told, others are not', async () => {
  const misspelled = `replicaCout: 5
ingres: { enabled: true }
zitadel:
  configMapConfig: { LogLevel: debug }
  autoscaling: { maxReplica: 5 }
login:
  replicacount: 3
  ingress: { anotations: {} }
metrics: { serviceMonitor: { additionalLabel: {} } }
tools: { wait4xx: {} }
`;
  assert.deepEqual(await told(misspelled), [
    'values.yaml.tpl 1:1 replicaCout Did you mean "replicaCount"?',
    'values.yaml.tpl 2:1 ingres Did you mean "ingress"?',
    'values.yaml.tpl 4:3 zitadel.configMapConfig Did you mean "configmapConfig"?',
    'values.yaml.tpl 5:18 zitadel.autoscaling.maxReplica Did you mean "maxReplicas"?',
    'values.yaml.tpl 7:3 login.replicacount Did you mean "replicaCount"?',
    'values.yaml.tpl 8:14 login.ingress.anotations Did you mean "annotations"?',
    'values.yaml.tpl 9:30 metrics.serviceMonitor.additionalLabel Did you mean "additionalLabels"?',
    'values.yaml.tpl 10:10 tools.wait4xx Did you mean "wait4x"?',
  ]);
  const free = `somethingNew: 1
global: {}
zitadel: { configmapConfig: { Instanc: x, Logs: { levell: y } }, secretConfig: { Replicacount: long-enough-one } }
annotations: { replicaCout: "1", ingres: x }
ingress: { annotations: { ingres: x } }
resources: { limit: {} }
image: latest-and-no-map
login: { podAnnotations: { imag: x }, env: [{ nam: x }] }
`;
  assert.deepEqual(await told(free), []);
});

test('each key of the chart is known, and found again when a letter is lost', () => {
  const known = parse(readFileSync(new URL('../../../sandbox/charts/zitadel/known.yaml', import.meta.url), 'utf8')) as Record<string, string[]>;
  for (const [block, keys] of Object.entries(known)) {
    const path = block === '.' ? [] : block.split('.');
    const at = (key: string): Record<string, unknown> =>
      path.reduceRight<Record<string, unknown>>((inner, part) => ({ [part]: inner }), { [key]: {} });
    for (const key of keys) {
      assert.deepEqual(misspelled(at(key)), [], `${block} ${key}`);
      const lost = key.slice(0, -1);
      if (key.length > 4 && !keys.includes(lost)) assert.match(misspelled(at(lost))[0]?.hint ?? '', /^Did you mean "/, `${block} ${lost}`);
    }
  }
});
