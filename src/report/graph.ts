/** Owns the picture of a walk: the graph of its resources in Mermaid, coloured by verdict. Pure. */
import type { Outcome, Verdict } from '../engine/outcome.ts';
import { mermaidLabel } from './escape.ts';

/** Fill, border and text of each verdict: readable on GitHub's light and dark pages. */
const colours: Record<Verdict, string> = {
  unchanged: 'fill:#dafbe1,stroke:#1a7f37,color:#0f2f18',
  create: 'fill:#2da44e,stroke:#1a7f37,color:#ffffff',
  update: 'fill:#ddf4ff,stroke:#0969da,color:#0a2a4a',
  replace: 'fill:#fff1e5,stroke:#bc4c00,color:#4a1f00',
  delete: 'fill:#ffebe9,stroke:#cf222e,color:#4c0b10,stroke-dasharray:4',
  blocked: 'fill:#eaeef2,stroke:#6e7781,color:#24292f,stroke-dasharray:4',
  unknown: 'fill:#f6f8fa,stroke:#8c959f,color:#24292f,stroke-dasharray:4',
  failed: 'fill:#cf222e,stroke:#82071e,color:#ffffff',
  kept: 'fill:#fff8c5,stroke:#9a6700,color:#3b2300',
  absent: 'fill:#ffffff,stroke:#d0d7de,color:#57606a',
};

/** Mermaid text of the graph; absent resources are left out, and so are arrows that follow from others. */
export function graphOf(outcomes: readonly Outcome[]): string {
  const shown = outcomes.filter(({ verdict }) => verdict !== 'absent');
  const node = new Map(shown.map(({ id }, index) => [id, `n${index}`]));
  const needs = new Map(shown.map(({ id, needs: ids }) => [id, ids.filter((need) => node.has(need))]));
  const label = labelsOf(shown);
  const lines = ['flowchart TB'];
  const rooms = [...new Set(shown.map(({ id }) => roomOf(id)))];
  rooms.forEach((room, index) => {
    lines.push(`  subgraph r${index}["${mermaidLabel(room)}"]`);
    for (const { id, verdict } of shown.filter((one) => roomOf(one.id) === room)) {
      lines.push(`    ${node.get(id)}["${label(id)}"]:::${verdict}`);
    }
    lines.push('  end');
  });
  for (const { id } of shown) {
    for (const need of direct(id, needs)) lines.push(`  ${node.get(need)} --> ${node.get(id)}`);
  }
  if (rooms.length > 0) lines.push(`  classDef room fill:none,stroke:#8c959f`, `  class ${rooms.map((_, index) => `r${index}`).join(',')} room`);
  for (const verdict of new Set(shown.map((one) => one.verdict))) lines.push(`  classDef ${verdict} ${colours[verdict]}`);
  return lines.join('\n');
}

/**
 * Labels by title, shortened: names in the cloud (`<stack>-<role>-<6 hex>`) to their role, what stands in brackets left out,
 * a role left out where the title says it already. An empty or a repeated label is the id's.
 */
function labelsOf(outcomes: readonly Outcome[]): (id: string) => string {
  const names = outcomes.flatMap(({ title }) => title.match(CLOUD_NAME) ?? []);
  const prefix = commonStart(names).replace(/[^-]*$/, '');
  const short = (title: string): string =>
    title
      .replace(/ \(.*\)$/, '')
      .replace(/https?:\/\//g, '')
      .replace(CLOUD_NAME, (name) => {
        const role = name.slice(prefix.length, -'-123456'.length);
        return prefix === '' || title.toLowerCase().startsWith(`${role} `) ? '' : role;
      });
  const labels = new Map(outcomes.map(({ id, title }) => [id, mermaidLabel(short(title))]));
  const used = [...labels.values()];
  return (id) => {
    const label = labels.get(id) ?? '';
    return label === '' || used.filter((one) => one === label).length > 1 ? mermaidLabel(id.slice(id.indexOf('/') + 1)) : label;
  };
}

const CLOUD_NAME = /[a-z][a-z0-9-]*-[0-9a-f]{6}(?![a-z0-9-])/g;

function commonStart(names: readonly string[]): string {
  const [first = '', ...rest] = names;
  let length = first.length;
  for (const name of rest) {
    while (!name.startsWith(first.slice(0, length))) length -= 1;
  }
  return rest.length === 0 ? '' : first.slice(0, length);
}

function roomOf(id: string): string {
  return id.includes('/') ? id.slice(0, id.indexOf('/')) : 'stack';
}

/** The needs of a resource that no other need of it already stands on. */
function direct(id: string, needs: ReadonlyMap<string, readonly string[]>): string[] {
  const own = needs.get(id) ?? [];
  const below = new Set<string>();
  const collect = (from: string): void => {
    for (const need of needs.get(from) ?? []) {
      if (below.has(need)) continue;
      below.add(need);
      collect(need);
    }
  };
  for (const need of own) collect(need);
  return own.filter((need) => !below.has(need));
}
