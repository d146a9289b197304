/** Owns rows that somebody puts into the emulated tenant by hand, and the options of a destroy that meets them. */
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import type { CloudWorld } from './cloud-world.ts';
import { pause } from './stack.ts';

export type Row = { readonly id: string; readonly [field: string]: unknown };

export const destroying = { write: true, signal: new AbortController().signal, pause, mayDelete: () => true };

export function byHand(emulator: CloudWorld['emulator']) {
  const table = <T extends Row = Row>(name: TableName) => emulator().store.table<T>(name);
  /** Puts a row in; what it returns takes it away. */
  const insert = (into: TableName, row: Row): (() => void) => {
    table(into).insert(row);
    return () => void table(into).remove(row.id);
  };
  return { table, insert };
}
