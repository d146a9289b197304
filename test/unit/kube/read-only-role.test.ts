/** The ready-made role for a key that only reads: covers every kind that plans look at, and lets nobody write. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { collection } from '../../../src/kube/paths.ts';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

const root = join(import.meta.dirname, '../../..');
const parsed = parseAllDocuments(readFileSync(join(root, 'examples/read-only-role.yaml'), 'utf8'));
const documents = (Array.isArray(parsed) ? parsed : []).map((one) => one.toJS() as { kind: string; rules?: readonly Rule[] });
const rules = documents.find(({ kind }) => kind === 'ClusterRole')?.rules ?? [];

/** What Kubernetes' RBAC decides, as far as this role goes. */
function allows(given: readonly Rule[], verb: string, group: string, resource: string): boolean {
  return given.some(
    ({ apiGroups = [], resources = [], verbs }) =>
      verbs.includes(verb) && apiGroups.includes(group) && (resources.includes('*') || resources.includes(resource)),
  );
}

/** `group/resource` of an object's kind. */
function placeOf(apiVersion: string, kind: string): [string, string] {
  const path = collection(apiVersion, kind);
  return [apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '', path.slice(path.lastIndexOf('/') + 1)];
}

/** Kinds that the charts make, from the stand-ins' templates, and those of our own. */
const kinds = new Map<string, [string, string]>();
for (const chart of readdirSync(join(root, 'sandbox/charts'), { withFileTypes: true }).filter((one) => one.isDirectory())) {
  const folder = join(root, 'sandbox/charts', chart.name, 'templates');
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, apiVersion = '', kind = ''] of text.matchAll(/^apiVersion: ([\w./-]+)\nkind: (\w+)$/gm))
      kinds.set(`${apiVersion}/${kind}`, [apiVersion, kind]);
  }
}
for (const [apiVersion, kind] of [
  ['v1', 'Namespace'],
  ['v1', 'Secret'],
  ['cert-manager.io/v1', 'Certificate'],
  ['cert-manager.io/v1', 'ClusterIssuer'],
  ['networking.k8s.io/v1', 'Ingress'],
  ['gateway.networking.k8s.io/v1', 'GatewayClass'],
  ['gateway.networking.k8s.io/v1', 'Gateway'],
  ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
  ['gateway.envoyproxy.io/v1alpha1', 'EnvoyProxy'],
] as const)
  kinds.set(`${apiVersion}/${kind}`, [apiVersion, kind]);

function uncovered(given: readonly Rule[]): string[] {
  return [...kinds.values()].flatMap(([apiVersion, kind]) => {
    let place: [string, string];
    try {
      place = placeOf(apiVersion, kind);
    } catch {
      // Kinds beyond the table are asked for by discovery: their plural is the kind's, in small letters.
      place = [apiVersion.slice(0, apiVersion.indexOf('/')), `${kind.toLowerCase()}s`];
    }
    return allows(given, 'get', ...place) ? [] : [place.join('/')];
  });
}

test('covers every kind that a plan compares', () => {
  assert.ok(kinds.size > 15, `${kinds.size} kinds`);
  assert.deepEqual(uncovered(rules), []);
  assert.ok(allows(rules, 'list', '', 'secrets'), 'Helm’s releases are listed');
  const urls = rules.flatMap(({ nonResourceURLs = [] }) => nonResourceURLs);
  for (const url of ['/version', '/apis', '/apis/*']) assert.ok(urls.includes(url), url);
});

for (const [what, without] of [
  ['secrets', ''],
  ['deployments', 'apps'],
  ['certificates', 'cert-manager.io'],
  ['gateways', 'gateway.networking.k8s.io'],
  ['validatingwebhookconfigurations', 'admissionregistration.k8s.io'],
] as const) {
  test(`without ${what} it would not`, () => {
    const less = rules.map((rule) => ({
      ...rule,
      resources: (rule.resources ?? []).filter((one) => one !== what),
      apiGroups: without === '' ? (rule.apiGroups ?? []) : (rule.apiGroups ?? []).filter((group) => group !== without),
    }));
    assert.ok(
      uncovered(less).some((one) => one.endsWith(`/${what}`) || one === what),
      uncovered(less).join(),
    );
  });
}

test('writes nothing', () => {
  assert.deepEqual([...new Set(rules.flatMap(({ verbs }) => verbs))].sort(), ['get', 'list']);
});
