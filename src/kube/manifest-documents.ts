/**
 * Owns manifests as texts that people compare: what a release's stored manifest says, what its chart would render now, what
 * lives in the cluster. Contents of Secrets are never in them. Pure. Field by field they are compared in `compare.ts`.
 */
import { parseAllDocuments, stringify } from 'yaml';
import type { Document } from '../engine/resource.ts';
import type { StoredRelease } from '../tools/helm.ts';
import { asSeen } from './compare.ts';
import type { Manifest } from './paths.ts';

/** What would change: from the manifest that is stored to the one that is rendered now. */
export function renderedDocuments(stored: Pick<StoredRelease, 'manifest' | 'hooks'> | undefined, rendered: string): Document[] {
  const hooks = (stored?.hooks ?? []).map(({ manifest }) => manifest);
  const before = byName(stored === undefined ? [] : [stored.manifest, ...hooks]);
  const after = byName([rendered]);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [was, will] = hidden(before.get(name), after.get(name));
    const [one, other] = [textOf(was), textOf(will)];
    return one === other ? [] : [{ title: `${name}: stored → rendered`, before: one, after: other }];
  });
}

/** What was changed by hand: from the live object, as far as the manifest sets it, to the manifest. */
export function liveDocument(wanted: Manifest, live: object | undefined): Document {
  const seen = live === undefined ? undefined : (asSeen(wanted, live) as Manifest);
  const [was, will] = hidden(seen, wanted);
  return { title: `${nameOf(wanted)}: live → stored`, before: textOf(was), after: textOf(will) };
}

function byName(texts: readonly string[]): Map<string, Manifest> {
  const found = new Map<string, Manifest>();
  for (const text of texts) {
    // Helm reads YAML 1.1; what it has rendered is in order.
    const parsed = parseAllDocuments(text, { version: '1.1', prettyErrors: false, uniqueKeys: false });
    for (const document of Array.isArray(parsed) ? parsed : []) {
      const object = document.toJS() as Partial<Manifest> | null;
      if (object?.kind === undefined || object.metadata === undefined || isTest(object)) continue;
      found.set(nameOf(object as Manifest), object as Manifest);
    }
  }
  return found;
}

function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}

function isTest(object: Partial<Manifest>): boolean {
  const { annotations } = object.metadata as { annotations?: Readonly<Record<string, string>> };
  return annotations?.['helm.sh/hook']?.includes('test') === true;
}

/** Of a Secret only is shown which keys it has and which of them differ. */
function hidden(one: Manifest | undefined, other: Manifest | undefined): [Manifest | undefined, Manifest | undefined] {
  if (one?.kind !== 'Secret' && other?.kind !== 'Secret') return [one, other];
  const [was, will] = [one, other].map((object) => {
    const { data, stringData } = (object ?? {}) as { data?: object | null; stringData?: object | null };
    return { ...data, ...stringData } as Record<string, unknown>;
  }) as [Record<string, unknown>, Record<string, unknown>];
  const differs = (key: string): boolean => JSON.stringify(was[key]) !== JSON.stringify(will[key]);
  const shown = (object: Manifest | undefined, content: Record<string, unknown>, word: string): Manifest | undefined => {
    if (object === undefined) return undefined;
    const { data: _data, stringData: _stringData, ...rest } = object as Manifest & { data?: unknown; stringData?: unknown };
    return { ...rest, data: Object.fromEntries(Object.keys(content).map((key) => [key, differs(key) ? word : 'hidden'])) } as Manifest;
  };
  return [shown(one, was, 'hidden'), shown(other, will, 'changed')];
}

function textOf(object: Manifest | undefined): string {
  return object === undefined ? '' : stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
}
