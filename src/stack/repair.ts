/**
 * Owns going on behind a mistake: what is broken is taken out of the file, so that the rules between settings still find
 * their own problems, and a rule counts unless it reads something that is broken. The rules are `rules.ts`'s.
 */
import * as v from 'valibot';
import type { Path, Problem } from './document.ts';
import { schemaProblems, unknownKeys } from './explain.ts';
import { type StackFile, stackSchema } from './schema.ts';

/** Stand for what must be given and is broken or missing; no rule that reads them counts then. */
const STAND_INS = { name: 'stack', region: 'eu-de', domain: 'login.example.com', contact: 'contact@example.com' };

/** Stand for a broken item of a list, so that the others are still looked at; no rule about the whole list counts then. */
const ITEMS: Readonly<Record<string, string>> = {
  'network.dns': '100.125.4.25',
  'database.zones': 'eu-ch2z',
  'cluster.allow': 'runner',
  'cluster.nodes.zones': 'eu-ch2z',
  'loadBalancer.zones': 'eu-ch2z',
};

/** What a setting follows from where the file leaves it out (`defaults.ts`). */
const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  'network.subnets.cluster': ['network.cidr'],
  'network.subnets.database': ['network.cidr', 'network.subnets.single'],
  'database.ha': ['database.flavor'],
  'database.zones': ['database.ha', 'cluster.nodes.zones'],
  'database.storage.autoExpandTo': ['database.storage.size'],
  'cluster.nodes.zones': ['region'],
  'cluster.serviceCidr': ['network.cidr', 'cluster.containerNetwork.cidr'],
  'cluster.containerNetwork.cidr': ['network.cidr', 'cluster.serviceCidr'],
  'loadBalancer.zones': ['cluster.nodes.zones'],
  'ingress.className': ['ingress.controller'],
  'dns.zone': ['domain'],
  'dns.project': ['region'],
};

export interface Validated {
  /** The file without what is broken. */
  readonly output: StackFile;
  readonly problems: readonly Problem[];
  /** Whether a setting, such as `database.flavor`, is broken or follows from one that is. */
  spoiled(setting: string): boolean;
  /** Whether a problem between settings counts: nothing that it reads is spoiled, nor what it is about. */
  counts(problem: Problem): boolean;
}

/** Validates against the schema; `unread` are the paths that already have an error of their own. */
export function validate(value: unknown, unread: readonly Path[]): Validated {
  const unknown = unknownKeys(value);
  const { issues = [] } = v.safeParse(stackSchema, value);
  const found = [...unknown, ...issues.flatMap((issue) => schemaProblems(issue))];
  // An unknown key was most likely meant to be the one that it resembles, unless that is there as well.
  const meant = unknown.flatMap((one) => (one.meant === undefined || given(value, settingOf(one.meant)) ? [] : [one.meant]));
  const failed = [...found.map(({ path }) => path), ...meant, ...unread];
  const repaired = structuredClone(value) as Record<string, unknown>;
  for (const path of failed) if (!replaceItem(repaired, path)) remove(repaired, path);
  let parsed = v.safeParse(stackSchema, { ...STAND_INS, ...repaired });
  while (!parsed.success) {
    for (const { path = [] } of parsed.issues) {
      let broken: Path = path.map(({ key }) => key as string | number);
      // Where something is missing, the block that lacks it goes.
      while (broken.length > 0 && !remove(repaired, broken)) broken = broken.slice(0, -1);
      if (broken.length === 0) throw new Error('the schema refuses a stack file that it left nothing of');
      failed.push(broken);
    }
    parsed = v.safeParse(stackSchema, { ...STAND_INS, ...repaired });
  }
  const { output } = parsed;
  const broken = failed.map(settingOf);
  const isSpoiled = (setting: string, asked: readonly string[]): boolean =>
    broken.some((other) => other === setting || other.startsWith(`${setting}.`) || setting.startsWith(`${other}.`)) ||
    (given(output, setting) ? [] : sourcesOf(setting, output)).some((source) => !asked.includes(source) && isSpoiled(source, [...asked, setting]));
  const problems = found.filter(
    ({ path, message }, index) =>
      !unread.some((other) => String(other) === String(path)) &&
      !found.some((other) => below(other.path, path)) &&
      // A number that breaks two rules is wrong once.
      found.findIndex((other) => String(other.path) === String(path) && other.message === message) === index,
  );
  const spoiled = (setting: string): boolean => isSpoiled(setting, []);
  const counts = ({ path, reads = [] }: Problem): boolean => {
    const own = isItem(path) ? failed.some((other) => String(other) === String(path) || below(other, path)) : spoiled(settingOf(path));
    return !own && !reads.some(spoiled);
  };
  return { output, problems, spoiled, counts };
}

function sourcesOf(setting: string, file: StackFile): readonly string[] {
  if (setting !== 'network.subnets.single') return FOLLOWS[setting] ?? [];
  // Two subnets that the file makes the same are one.
  return given(file, 'network.subnets.database') ? ['network.subnets.cluster'] : ['network.subnets.database'];
}

/** The name of the setting at a path: that of the whole list where the path leads into one. */
export function settingOf(path: Path): string {
  return outsideLists(path).join('.');
}

function outsideLists(path: Path): string[] {
  const index = path.findIndex((part) => typeof part === 'number');
  return (index === -1 ? path : path.slice(0, index)).map(String);
}

function isItem(path: Path): boolean {
  return typeof path.at(-1) === 'number' && outsideLists(path).length === path.length - 1;
}

/** Puts its stand-in in the place of a list's item; false where there is no such list, or none for it. */
function replaceItem(from: Record<string, unknown>, path: Path): boolean {
  const item = path[outsideLists(path).length];
  const standIn = ITEMS[settingOf(path)];
  const list = at(from, outsideLists(path));
  if (item === undefined || standIn === undefined || !Array.isArray(list)) return false;
  list[Number(item)] = standIn;
  return true;
}

/** Whether `path` leads into what is at `outer`. */
function below(outer: Path, path: Path): boolean {
  return outer.length < path.length && outer.every((part, index) => part === path[index]);
}

function given(file: unknown, setting: string): boolean {
  return at(file, setting.split('.')) !== undefined;
}

/** The value at a path without lists; own properties alone count. */
function at(tree: unknown, keys: readonly string[]): unknown {
  let found = tree;
  for (const part of keys)
    found = typeof found === 'object' && found !== null && Object.hasOwn(found, part) ? (found as Record<string, unknown>)[part] : undefined;
  return found;
}

/** Takes a setting out, of a list the whole list; false where there was nothing to take. */
function remove(from: Record<string, unknown>, path: Path): boolean {
  const keys = outsideLists(path);
  const last = keys.pop();
  if (last === undefined) return false;
  const block = at(from, keys);
  if (typeof block !== 'object' || block === null || !Object.hasOwn(block, last)) return false;
  delete (block as Record<string, unknown>)[last];
  return true;
}
