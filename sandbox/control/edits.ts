/** Owns edits of tables and switches behind everybody's back: checked as a whole, then made as a whole. */
import type { Row, Store } from '../otc/store.ts';
import { type TableName, tableNamed } from '../otc/tables/names.ts';
import { wrongSwitch } from './switches.ts';
import { onlyKeys, record, shown, Wrong } from './wrong.ts';

const EDIT = '{"tables":{"vpc.security-group-rules":{"insert":[{…}],"update":{"<id>":{…}},"remove":["<id>"]}},"switches":{"<name>":…}}';

/** The name of a table. @throws Wrong that says which there are */
export function readTableName(name: string, status: 400 | 404 = 400): TableName {
  const found = tableNamed(name);
  if (typeof found === 'string') return found;
  throw new Wrong(`there is no table ${name}; there are ${found.join(', ')}`, status);
}

const list = (value: unknown, what: string): readonly unknown[] => {
  if (value !== undefined && !Array.isArray(value)) throw new Wrong(`${what} must be a list, not ${shown(value)}`);
  return value ?? [];
};

/** The changes of one table. */
function readChanges(store: Store, name: string, changes: unknown) {
  const what = `tables.${name}`;
  const table = store.table<Row>(readTableName(name));
  const wanted = record(changes, what);
  onlyKeys(wanted, ['insert', 'update', 'remove'], what);
  const insert = list(wanted['insert'], `${what}.insert`).map((row) => {
    const { id } = record(row, `a row of ${what}.insert`);
    if (typeof id !== 'string' || id === '') throw new Wrong(`a row of ${what}.insert needs an id, a text that is not empty, not ${shown(id)}`);
    return row as Row;
  });
  for (const [index, { id }] of insert.entries()) {
    if (table.get(id) !== undefined) throw new Wrong(`${name} has a row ${id} already; update changes it`);
    if (insert.findIndex((row) => row.id === id) < index) throw new Wrong(`${what}.insert has the row ${id} twice`);
  }
  const update = Object.entries(record(wanted['update'] ?? {}, `${what}.update`)).map(([id, patch]) => {
    const fields = record(patch, `${what}.update.${id}`);
    if (fields['id'] !== undefined && fields['id'] !== id) throw new Wrong(`${what}.update.${id}: the id of a row cannot change`);
    return [id, fields as Partial<Row>] as const;
  });
  const remove = list(wanted['remove'], `${what}.remove`).map((id) => {
    if (typeof id !== 'string') throw new Wrong(`${what}.remove is a list of ids, which are texts, not ${shown(id)}`);
    return id;
  });
  for (const id of [...update.map(([id]) => id), ...remove])
    if (table.get(id) === undefined) throw new Wrong(`${name} has no row ${id}; GET /resources?table=${name} shows its rows`);
  return { table, insert, update, remove };
}

/** Makes an edit of tables and switches. @throws Wrong before anything changed */
export function editWorld(store: Store, value: unknown): void {
  const edit = record(value ?? {}, 'the edit');
  const known = Object.keys(edit).every((key) => key === 'switches' || key === 'tables');
  if (!known || Object.keys(edit).length === 0) throw new Wrong(`PUT /world takes ${EDIT}; GET /resources shows tables and rows`);
  const tables = Object.entries(record(edit['tables'] ?? {}, 'tables')).map(([name, changes]) => readChanges(store, name, changes));
  const switches = store.table<Row & { readonly value: unknown }>('world.switches');
  const wanted = Object.entries(record(edit['switches'] ?? {}, 'switches'));
  for (const [id, to] of wanted) {
    const wrong = wrongSwitch(id, to);
    if (wrong !== undefined) throw new Wrong(wrong);
  }
  for (const [id, to] of wanted) {
    if (to === null) switches.remove(id);
    else if (switches.update(id, { value: to }) === undefined) switches.insert({ id, value: to });
  }
  for (const { table, insert, update, remove } of tables) {
    for (const row of insert) table.insert(row);
    for (const [id, patch] of update) table.update(id, patch);
    for (const id of remove) table.remove(id);
  }
}
