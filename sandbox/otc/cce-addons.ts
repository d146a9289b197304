/** Owns CCE's add-on calls (API reference 6.5), on the host of a cluster (`<cluster id>.cce…`) and on the plain one. */
import { installAddon, removeAddon, upgradeAddon } from './cce-addons-life.ts';
import { type AddonTemplate, addonFits, addonTemplates, templateView, versionView } from './cce-catalog.ts';
import { invalid } from './cce-order.ts';
import { cceTables } from './cce-tables.ts';
import { any, map, object, read, required, string } from './fields.ts';
import { type Call, Refusal, type Route } from './service.ts';
import type { CceAddonRow, CceClusterRow } from './tables/compute.ts';

const addonShape = object({
  kind: required(string),
  apiVersion: required(string),
  metadata: required(object({ name: string, uid: string, labels: map(string), annotations: map(string) })),
  spec: required(object({ clusterID: string, version: string, addonTemplateName: required(string), values: map(any) })),
});

/** The cluster meant by host name, query or body. @throws Refusal */
function clusterFor(call: Call, inBody?: string): CceClusterRow {
  const id = call.params['cluster_host'] ?? call.query.get('cluster_id') ?? inBody ?? '';
  const row = cceTables(call.world.store).clusters.get(id);
  if (row === undefined || row.project_id !== call.caller?.projectId) throw new Refusal(404, 'CCE.01404001', `Resource not found: cluster [${id}].`);
  return row;
}

function addonOf(call: Call): CceAddonRow {
  const row = cceTables(call.world.store).addons.get(call.params['addon_id'] ?? '');
  const owner = row === undefined ? undefined : cceTables(call.world.store).clusters.get(row.cluster_id);
  if (row === undefined || owner?.project_id !== call.caller?.projectId) throw new Refusal(404, 'CCE.01404001', 'Resource not found: add-on.');
  return row;
}

function ordered(name: string, version: string | undefined, cluster: CceClusterRow): { readonly template: AddonTemplate; readonly version: string } {
  const template = addonTemplates.find((one) => one.name === name);
  if (template === undefined) throw invalid(`Add-on template [${name}] is not found.`);
  const chosen = version ?? template.versions.find((one) => addonFits(template, one, cluster.spec.version)) ?? '';
  if (!addonFits(template, chosen, cluster.spec.version))
    throw invalid(`Add-on [${name}] version [${chosen}] does not support cluster version [${cluster.spec.version}].`);
  return { template, version: chosen };
}

function addonView(row: CceAddonRow): unknown {
  const template = addonTemplates.find((one) => one.name === row.template);
  return {
    kind: 'Addon',
    apiVersion: 'v3',
    metadata: { uid: row.id, name: row.template, creationTimestamp: row.created_at, updateTimestamp: row.updated_at, annotations: {} },
    spec: {
      clusterID: row.cluster_id,
      version: row.version,
      addonTemplateName: row.template,
      addonTemplateType: 'helm',
      addonTemplateLabels: ['Container'],
      description: template?.description ?? '',
      values: row.values,
    },
    status: {
      status: row.status,
      Reason: '',
      message: '',
      targetVersions: null,
      currentVersion: template === undefined ? {} : versionView(template, row.version),
    },
  };
}

export const addonRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v3/addontemplates',
    query: ['addon_template_name', 'cluster_id'],
    handle(call) {
      const name = call.query.get('addon_template_name');
      const items = addonTemplates.filter((template) => name === null || template.name === name).map(templateView);
      return { status: 200, body: { kind: 'Addon', apiVersion: 'v3', items } };
    },
  },
  {
    method: 'POST',
    path: '/api/v3/addons',
    body: required(addonShape),
    handle(call) {
      const { spec } = read(addonShape, call.body);
      const cluster = clusterFor(call, spec.clusterID);
      if (cluster.phase !== 'Available') throw new Refusal(403, 'CCE.01403001', `The cluster [${cluster.name}] is ${cluster.phase}.`);
      const { template, version } = ordered(spec.addonTemplateName, spec.version, cluster);
      const twice = cceTables(call.world.store).addons.find((row) => row.cluster_id === cluster.id && row.template === template.name);
      if (twice !== undefined) throw new Refusal(409, 'CCE.03409001', `Add-on [${template.name}] is installed already.`);
      return { status: 201, body: addonView(installAddon(call.world, cluster, template, version, spec.values ?? {})) };
    },
  },
  {
    method: 'GET',
    path: '/api/v3/addons',
    query: ['cluster_id'],
    handle(call) {
      const cluster = clusterFor(call);
      const rows = cceTables(call.world.store).addons.where((row) => row.cluster_id === cluster.id);
      return { status: 200, body: { kind: 'Addon', apiVersion: 'v3', items: rows.map(addonView) } };
    },
  },
  { method: 'GET', path: '/api/v3/addons/{addon_id}', query: ['cluster_id'], handle: (call) => ({ status: 200, body: addonView(addonOf(call)) }) },
  {
    method: 'PUT',
    path: '/api/v3/addons/{addon_id}',
    query: ['cluster_id'],
    body: required(addonShape),
    handle(call) {
      const { spec } = read(addonShape, call.body);
      const row = addonOf(call);
      const cluster = cceTables(call.world.store).clusters.get(row.cluster_id);
      if (cluster === undefined) throw new Refusal(404, 'CCE.01404001', 'Resource not found: cluster.');
      const { version } = ordered(row.template, spec.version ?? row.version, cluster);
      return { status: 200, body: addonView(upgradeAddon(call.world, row, version, spec.values ?? row.values)) };
    },
  },
  {
    method: 'DELETE',
    path: '/api/v3/addons/{addon_id}',
    query: ['cluster_id'],
    handle(call) {
      removeAddon(call.world, addonOf(call));
      return { status: 200, body: 'success' };
    },
  },
];
