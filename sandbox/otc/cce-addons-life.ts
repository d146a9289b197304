/** Owns how an add-on is installed, upgraded and taken away over time (API reference 6.5). Its calls are in `cce-addons.ts`. */
import type { World } from '../contract.ts';
import type { AddonTemplate } from './cce-catalog.ts';
import { cceTables } from './cce-tables.ts';
import { goTime } from './compute-common.ts';
import { uuid } from './ids.ts';
import type { CceAddonRow, CceClusterRow } from './tables/compute.ts';

/** Seconds of the real cloud. */
const installing = 45;

export function installAddon(
  world: World,
  cluster: CceClusterRow,
  template: AddonTemplate,
  version: string,
  values: Readonly<Record<string, unknown>>,
): CceAddonRow {
  const { addons } = cceTables(world.store);
  const now = goTime();
  const row = addons.insert({
    id: uuid(),
    cluster_id: cluster.id,
    template: template.name,
    version,
    values,
    status: 'installing',
    created_at: now,
    updated_at: now,
  });
  world.store.after(installing, 'cce.addon', { id: row.id, status: 'running' });
  return row;
}

export function upgradeAddon(world: World, row: CceAddonRow, version: string, values: Readonly<Record<string, unknown>>): CceAddonRow {
  world.store.after(installing, 'cce.addon', { id: row.id, status: 'running' });
  return cceTables(world.store).addons.update(row.id, { version, values, status: 'upgrading', updated_at: goTime() }) ?? row;
}

export function removeAddon(world: World, row: CceAddonRow): void {
  cceTables(world.store).addons.update(row.id, { status: 'deleting', updated_at: goTime() });
  world.store.after(installing, 'cce.addon', { id: row.id, status: 'gone' });
}

export function startAddons(world: World): void {
  const { addons } = cceTables(world.store);
  world.store.handle('cce.addon', ({ id, status }: { id: string; status: string }) => {
    if (status === 'gone') addons.remove(id);
    else if (addons.get(id)?.status !== 'deleting') addons.update(id, { status, updated_at: goTime() });
  });
}
