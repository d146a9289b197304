/** Owns Nova's actions on a server (API reference 9.2): groups, start and stop, resize with its confirmation. */
import { portsOf } from './allocate.ts';
import { soldOut } from './compute-common.ts';
import { groupIds } from './ecs-order.ts';
import { any, object, required, string } from './fields.ts';
import { zuluTime } from './ids.ts';
import { inNova, novaServerOf } from './nova-common.ts';
import { ecsFlavorOf } from './server-catalog.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { ServerRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

/** Seconds of the real cloud. */
const durations = { power: 20, resize: 60, confirm: 5 } as const;

const group = object({ name: required(string) });
const actionShape = object({
  addSecurityGroup: group,
  removeSecurityGroup: group,
  'os-start': any,
  'os-stop': any,
  reboot: object({ type: string }),
  resize: object({ flavorRef: required(string) }),
  confirmResize: any,
  revertResize: any,
});

type Word = 'addSecurityGroup' | 'removeSecurityGroup' | 'os-start' | 'os-stop' | 'reboot' | 'resize' | 'confirmResize' | 'revertResize';

/** The one action of a body; most words come with `null`. */
function actionOf(call: Call): { readonly word: Word; readonly what: { readonly name?: string; readonly flavorRef?: string } } {
  const [first, ...more] = Object.entries(call.body as Record<string, unknown>).filter(([word]) => Object.hasOwn(actionShape.fields ?? {}, word));
  if (first === undefined || more.length > 0) throw new Refusal(400, 'badRequest', 'There is no such action, or more than one.');
  return { word: first[0] as Word, what: (first[1] ?? {}) as { readonly name?: string } };
}

function act(call: Call): Reply {
  const { word, what } = actionOf(call);
  const row = novaServerOf(call);
  const { store } = call.world;
  const { servers } = ecsTables(store);
  switch (word) {
    case 'addSecurityGroup':
    case 'removeSecurityGroup':
      changeGroups(call, row, word, what.name ?? '');
      break;
    case 'resize':
      resize(call, row, what.flavorRef ?? '');
      break;
    case 'confirmResize':
    case 'revertResize': {
      if (row.status !== 'VERIFY_RESIZE')
        throw new Refusal(409, 'conflictingRequest', `Cannot '${word}' instance ${row.id} while it is in vm_state ${row.status.toLowerCase()}`);
      const flavor = word === 'revertResize' ? { flavor_id: row.resized_from ?? row.flavor_id } : {};
      servers.update(row.id, { ...flavor, resized_from: undefined, updated: zuluTime() });
      store.after(durations.confirm, 'ecs.acted', { ids: [row.id], status: 'ACTIVE' });
      break;
    }
    default: {
      if (word === 'os-start' && row.status !== 'SHUTOFF')
        throw new Refusal(409, 'conflictingRequest', `Cannot 'start' instance ${row.id} while it is in vm_state ${row.status.toLowerCase()}`);
      if (word === 'os-stop' && row.status !== 'ACTIVE')
        throw new Refusal(409, 'conflictingRequest', `Cannot 'stop' instance ${row.id} while it is in vm_state ${row.status.toLowerCase()}`);
      if (word === 'reboot') servers.update(row.id, { status: 'REBOOT' });
      store.after(durations.power, 'ecs.acted', { ids: [row.id], status: word === 'os-stop' ? 'SHUTOFF' : 'ACTIVE' });
    }
  }
  return { status: word === 'confirmResize' ? 204 : 202 };
}

function changeGroups(call: Call, row: ServerRow, word: 'addSecurityGroup' | 'removeSecurityGroup', name: string): void {
  const { store } = call.world;
  if (
    !networkTables(store)
      .groups.all()
      .some((one) => one.tenant_id === row.project_id && [one.id, one.name].includes(name))
  )
    throw new Refusal(404, 'itemNotFound', `Security group ${name} not found for project ${row.project_id}.`);
  const [id = ''] = inNova(() => groupIds(call, row.project_id, [name]));
  for (const port of portsOf(store, row.id)) {
    const without = port.security_groups.filter((one) => one !== id);
    networkTables(store).ports.update(port.id, { security_groups: word === 'addSecurityGroup' ? [...without, id] : without });
  }
}

function resize(call: Call, row: ServerRow, flavor: string): void {
  const { store } = call.world;
  if (row.status !== 'ACTIVE' && row.status !== 'SHUTOFF')
    throw new Refusal(409, 'conflictingRequest', `Cannot 'resize' instance ${row.id} while it is in vm_state ${row.status.toLowerCase()}`);
  if (ecsFlavorOf(flavor) === undefined) throw new Refusal(400, 'badRequest', `Flavor ${flavor} could not be found.`);
  if (flavor === row.flavor_id) throw new Refusal(400, 'badRequest', 'When resizing, instances must change flavor!');
  if (soldOut(store, flavor, row.availability_zone)) throw new Refusal(400, 'badRequest', `Flavor ${flavor} is sold out.`);
  ecsTables(store).servers.update(row.id, { status: 'RESIZE', flavor_id: flavor, resized_from: row.flavor_id, updated: zuluTime() });
  store.after(durations.resize, 'ecs.acted', { ids: [row.id], status: 'VERIFY_RESIZE' });
}

export const novaActionRoutes: readonly Route[] = [
  { method: 'POST', path: '/v2.1/{project_id}/servers/{server_id}/action', body: required(actionShape), handle: act },
];
