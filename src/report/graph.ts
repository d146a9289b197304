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
  const lines = ['flowchart LR'];
  const rooms = [...new Set(shown.map(({ id }) => roomOf(id)))];
  rooms.forEach((room, index) => {
    lines.push(`  subgraph r${index}["${mermaidLabel(room)}"]`);
    for (const { id, verdict } of shown.filter((one) => roomOf(one.id) === room)) {
      lines.push(`    ${node.get(id)}["${mermaidLabel(id.slice(id.indexOf('/') + 1))}"]:::${verdict}`);
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
