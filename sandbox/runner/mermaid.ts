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
 * The tree of a flowchart: each node below the first one that leads to it, later mentions marked with an arrow up.
 * @param paint shows a label in its class's colour
 */
export function asTree({ nodes, edges }: Flowchart, paint: (label: string, className: string | undefined) => string): string {
  const targets = new Set(edges.map(([, to]) => to));
  const lines: string[] = [];
  const shown = new Set<string>();
  const show = (id: string, lead: string, branch: string, next: string): void => {
    const node = nodes.get(id);
    const label = paint(node?.label ?? id, node?.className);
    const children = edges.filter(([from]) => from === id).map(([, to]) => to);
    if (shown.has(id)) {
      lines.push(`${lead}${branch}${label}${children.length > 0 ? ' ↑' : ''}`);
      return;
    }
    shown.add(id);
    lines.push(`${lead}${branch}${label}`);
    for (const [index, child] of children.entries()) {
      const last = index === children.length - 1;
      show(child, lead + next, last ? '└ ' : '├ ', last ? '  ' : '│ ');
    }
  };
  for (const id of nodes.keys()) if (!targets.has(id)) show(id, '', '', '');
  // What is left stands in circles: shown from any of their nodes.
  for (const id of nodes.keys()) if (!shown.has(id)) show(id, '', '', '');
  return lines.join('\n');
}
