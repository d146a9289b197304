/**
 * Owns how people change things by hand in a deployed world, and how that is undone: rows of the cloud, objects of the cluster.
 * Which changes there are is `by-hand.ts`'s and `by-hand-loud.ts`'s.
 */
import assert from 'node:assert/strict';
import type { TestWorld } from './world.ts';

export type Row = { readonly id: string; readonly [field: string]: unknown };

export interface HandChange {
  readonly what: string;
  /** Does it; what it returns undoes it. */
  readonly make: (world: TestWorld) => Promise<() => Promise<void>>;
  /** The resource that a drift run names, and the field of it. */
  readonly id: string;
  readonly field: RegExp;
  /** Seen from outside as well: the verification may name it, too. */
  readonly outside?: true;
  /** Another resource in which it shows as well. */
  readonly also?: string;
  /** No deploy heals it: it says the way out, matching this. */
  readonly refused?: RegExp;
}

export const named =
  (part: string) =>
  (row: Row): boolean =>
    String(row['name'] ?? row['alias']).includes(part);

/** The first row of a table that fits. */
export async function rowOf(world: TestWorld, table: string, fits: (row: Row) => boolean = () => true): Promise<Row> {
  const row = (await world.control.table<Row>(table)).find(fits);
  assert.ok(row, `nothing in ${table}`);
  return row;
}

export const update = (world: TestWorld, table: string, id: string, fields: object): Promise<void> =>
  world.control.edit({ tables: { [table]: { update: { [id]: fields } } } });

/** Runs kubectl where the runner is. @returns what it printed */
export async function kubectl(world: TestWorld, args: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await world.enter(['kubectl', ...args], input === undefined ? {} : { input });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** Changes fields of a row, and back. */
export const edited =
  (table: string, fits: (row: Row) => boolean, change: (row: Row) => Readonly<Record<string, unknown>>): HandChange['make'] =>
  async (world) => {
    const row = await rowOf(world, table, fits);
    const fields = change(row);
    await update(world, table, row.id, fields);
    return () => update(world, table, row.id, Object.fromEntries(Object.keys(fields).map((key) => [key, row[key]])));
  };

/** Takes a row away, and puts it back. */
export const removed =
  (table: string, fits: (row: Row) => boolean): HandChange['make'] =>
  async (world) => {
    const row = await rowOf(world, table, fits);
    await world.control.edit({ tables: { [table]: { remove: [row.id] } } });
    return () => world.control.edit({ tables: { [table]: { insert: [row] } } });
  };

/** Adds a rule that lets the world in, and takes it away. */
export const opened =
  (group: string, ports: readonly [number, number], id: string): HandChange['make'] =>
  async (world) => {
    const { id: groupId } = await rowOf(world, 'vpc.security-groups', named(group));
    const like = await rowOf(world, 'vpc.security-group-rules', (rule) => rule['security_group_id'] === groupId && rule['direction'] === 'ingress');
    const ends = { port_range_min: ports[0], port_range_max: ports[1], remote_ip_prefix: '0.0.0.0/0', remote_group_id: null };
    await world.control.edit({ tables: { 'vpc.security-group-rules': { insert: [{ ...like, id, protocol: 'tcp', ...ends }] } } });
    return async () => {
      const left = (await world.control.table<Row>('vpc.security-group-rules')).some((rule) => rule.id === id);
      if (left) await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: [id] } } });
    };
  };

/** Changes a Kubernetes object by a merge patch, and back by another. */
export const patched =
  (object: string, namespace: string, patch: object, back: object): HandChange['make'] =>
  async (world) => {
    const change = (to: object): Promise<string> =>
      kubectl(world, ['patch', object, '-n', namespace, '--type=merge', '-p', JSON.stringify(to), '-o', 'name']);
    await change(patch);
    return async () => void (await change(back));
  };

/** Deletes a Kubernetes object, and applies it again. */
export const deleted =
  (object: string, ...namespace: readonly string[]): HandChange['make'] =>
  async (world) => {
    const live = JSON.parse(await kubectl(world, ['get', object, ...namespace, '-o', 'json'])) as {
      metadata: Record<string, unknown>;
      status?: unknown;
    };
    await kubectl(world, ['delete', object, ...namespace]);
    const { uid: _, resourceVersion: __, creationTimestamp: ___, generation: ____, ...metadata } = live.metadata;
    return async () => void (await kubectl(world, ['create', '-f', '-', '-o', 'name'], JSON.stringify({ ...live, metadata })));
  };

/** What a data field of a Secret held, changed and put back. */
export const overwritten =
  (secret: string, key: string, text: string): HandChange['make'] =>
  async (world) => {
    const get = ['get', 'secret', secret, '-n', 'zitadel', '-o', 'json'];
    const { data } = JSON.parse(await kubectl(world, get)) as { readonly data: Readonly<Record<string, string>> };
    const set = (value: string | undefined): Promise<string> =>
      kubectl(world, ['patch', 'secret', secret, '-n', 'zitadel', '-o', 'name', '-p', JSON.stringify({ data: { [key]: value } })]);
    await set(Buffer.from(text).toString('base64'));
    return async () => void (await set(data[key]));
  };

export const isRecord = (row: Row): boolean => row['name'] === 'login.example.com.' && row['type'] === 'A';
