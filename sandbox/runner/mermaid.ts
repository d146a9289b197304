/** Owns reading a Mermaid flowchart and showing it as an indented tree, for terminals. */

interface Node {
  readonly label: string;
  readonly className: string | undefined;
}

export interface Flowchart {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly edges: readonly (readonly [string, string])[];
}

const shape = /^([\w-]+)(?:\s*(?:\(\[|\[\[|\[\(|\(\(|\{\{|\[|\(|\{)\s*"?(.*?)"?\s*(?:\]\)|\]\]|\)\]|\)\)|\}\}|\]|\)|\}))?(?::::([\w-]+))?$/;

/** Nodes with their labels and classes, and edges, of a `flowchart` or `graph`; other lines (styles) are passed over. */
export function readFlowchart(text: string): Flowchart {
  const nodes = new Map<string, Node>();
  const edges: [string, string][] = [];
  /** Titles of the open subgraphs: part of the labels of the nodes first named in them. */
  const rooms: string[] = [];
  const node = (part: string): string | undefined => {
    const match = shape.exec(part.trim());
    const id = match?.[1];
    if (match === null || id === undefined) return undefined;
    const known = nodes.get(id);
    nodes.set(id, {
      label: known?.label ?? [...rooms, match[2]?.replace(/<br\s*\/?>/g, ' · ') ?? id].join('/'),
      className: match[3] ?? known?.className,
    });
    return id;
  };
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/;$/, '');
    const room = /^subgraph\s+[\w-]+\s*\["?(.*?)"?\]$/.exec(line);
    if (room !== null) rooms.push(room[1] ?? '');
    if (line === 'end') rooms.pop();
    if (line === '' || /^(flowchart|graph|classDef|style|linkStyle|subgraph|end|direction|click|%%)\b|^%%/.test(line)) continue;
    const assigned = /^class\s+([\w,\s-]+?)\s+([\w-]+)$/.exec(line);
    if (assigned !== null) {
      for (const id of (assigned[1] ?? '').split(',').map((part) => part.trim())) {
        const known = nodes.get(id);
        if (known !== undefined) nodes.set(id, { ...known, className: assigned[2] });
      }
      continue;
    }
    const groups = line.split(/\s*(?:-->|---|-\.->|==>)(?:\|[^|]*\|)?\s*/).map((group) => group.split(/\s+&\s+/).flatMap((part) => node(part) ?? []));
    for (const [index, group] of groups.entries()) {
      for (const from of groups[index - 1] ?? []) for (const to of group) edges.push([from, to]);
    }
  }
  return { nodes, edges };
}

/**
 * The tree of a flowchart: each node once, below the one that comes last of those that lead to it, with the others named
 * behind it.
 * @param paint shows a label in its class's colour
 */
export function asTree({ nodes, edges }: Flowchart, paint: (label: string, className: string | undefined) => string): string {
  const depths = depthsOf({ nodes, edges });
  const depth = (id: string): number => depths.get(id) ?? 0;
  const sources = (id: string): string[] => edges.filter(([, to]) => to === id).map(([from]) => from);
  // A circle would leave its nodes below each other: an edge that does not lead deeper carries nobody.
  const under = (id: string): string | undefined =>
    sources(id)
      .filter((from) => depth(from) < depth(id))
      .sort((a, b) => depth(b) - depth(a))[0];
  const parents = new Map([...nodes.keys()].map((id) => [id, under(id)]));
  const lines: string[] = [];
  const show = (id: string, lead: string, branch: string, next: string): void => {
    const node = nodes.get(id);
    const others = sources(id).filter((from) => from !== parents.get(id));
    const also = others.length === 0 ? '' : `  ← also ${others.map((from) => nodes.get(from)?.label ?? from).join(', ')}`;
    lines.push(`${lead}${branch}${paint(node?.label ?? id, node?.className)}${also}`);
    const children = [...parents].filter(([, parent]) => parent === id).map(([child]) => child);
    for (const [index, child] of children.entries()) {
      const last = index === children.length - 1;
      show(child, lead + next, last ? '└ ' : '├ ', last ? '  ' : '│ ');
    }
  };
  for (const [id, parent] of parents) if (parent === undefined) show(id, '', '', '');
  return lines.join('\n');
}

/** How far each node is from the start, by the longest way; circles are cut where they close. */
function depthsOf({ nodes, edges }: Flowchart): Map<string, number> {
  const depths = new Map<string, number>();
  const open = new Set<string>();
  const measure = (id: string): number => {
    const known = depths.get(id);
    if (known !== undefined || open.has(id)) return known ?? -1;
    open.add(id);
    const depth = Math.max(-1, ...edges.filter(([, to]) => to === id).map(([from]) => measure(from))) + 1;
    open.delete(id);
    depths.set(id, depth);
    return depth;
  };
  for (const id of nodes.keys()) measure(id);
  return depths;
}
