/** Owns showing a job summary (GitHub Markdown) readable in a terminal: tables, lists, folded parts, links, Mermaid as a tree. */
import { lexer, type Token, type Tokens } from 'marked';
import { asTree, readFlowchart } from './mermaid.ts';

type Style = (text: string) => string;
const ansi =
  (on: number, off: number): Style =>
  (text) =>
    `\u001b[${on}m${text}\u001b[${off}m`;
const colours = {
  red: ansi(31, 39),
  green: ansi(32, 39),
  yellow: ansi(33, 39),
  blue: ansi(34, 39),
  cyan: ansi(36, 39),
  bold: ansi(1, 22),
  dim: ansi(2, 22),
};
const plainStyle: Style = (text) => text;

export interface Terminal {
  readonly columns: number;
  readonly colour: boolean;
}

/** Colour of a verdict's class in a graph; unknown classes stay plain. */
const classColours: Readonly<Record<string, keyof typeof colours>> = {
  ok: 'green',
  unchanged: 'green',
  insync: 'green',
  created: 'cyan',
  changed: 'cyan',
  updated: 'cyan',
  planned: 'blue',
  blocked: 'yellow',
  drifted: 'yellow',
  absent: 'dim',
  failed: 'red',
  deleted: 'dim',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is measured away
const escapes = /\u001b\[\d+m/g;
const wide = /\p{Extended_Pictographic}/gu;
/** Columns a text takes: pictographs take two. */
export const widthOf = (text: string): number => {
  const bare = text.replace(escapes, '');
  return [...bare.replaceAll('\uFE0F', '')].length + (bare.match(wide)?.length ?? 0);
};
/** A text cut to so many columns. */
function clip(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let [shown, width] = ['', 0];
  // Escape sequences take no room and are kept, so that every style that was begun is ended too.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  for (const part of text.match(/\u001b\[\d+m|./gsu) ?? []) {
    const room = part.startsWith('\u001b') ? 0 : widthOf(part);
    if (room > 0 && width + room > columns - 1) {
      if (!shown.endsWith('…')) shown += '…';
      width = columns;
      continue;
    }
    shown += part;
    width += room;
  }
  return shown;
}
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ', '#124': '|' };
const decode = (text: string): string => text.replace(/&(#?\w+);/g, (whole, name: string) => entities[name] ?? whole);
const untagged = (html: string): string =>
  decode(
    html
      .replace(/<br\s*\/?>/gi, '\n')
      .replace(/<!--.*?-->/gs, '')
      .replace(/<[^>]*>/g, ''),
  );

/** The summary as text for a terminal. */
export function renderSummary(markdown: string, terminal: Terminal): string {
  // What keeps GitHub from linking would spoil what is copied from here.
  markdown = markdown.replaceAll('\u200b', '');
  const style = (name: keyof typeof colours): Style => (terminal.colour ? colours[name] : plainStyle);
  const inline = (tokens: readonly Token[] | undefined): string =>
    (tokens ?? [])
      .map((token) => {
        switch (token.type) {
          case 'strong':
            return style('bold')(inline(token.tokens));
          case 'em':
            return inline(token.tokens);
          case 'codespan':
            return style('cyan')(decode(token.text));
          case 'link':
            return token.text === token.href ? style('blue')(token.href) : `${inline(token.tokens)} (${style('blue')(token.href)})`;
          case 'image':
            return token.text;
          case 'br':
            return '\n';
          case 'html':
            return untagged(token.raw);
          case 'del':
            return style('dim')(inline(token.tokens));
          default:
            return 'tokens' in token && token.tokens !== undefined ? inline(token.tokens) : decode('text' in token ? String(token.text) : token.raw);
        }
      })
      .join('');

  const table = (token: Tokens.Table): string => {
    const rows = [token.header, ...token.rows].map((row) => row.map((cell) => inline(cell.tokens).replaceAll('\n', ' ')));
    const widths = token.header.map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))));
    // The widest column gives way where the table is wider than the terminal.
    const excess = widths.reduce((sum, width) => sum + width + 2, 0) - terminal.columns;
    const widest = widths.indexOf(Math.max(...widths));
    if (excess > 0) widths[widest] = Math.max(24, (widths[widest] ?? 0) - excess);
    const pad = (text: string, column: number): string => {
      const room = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(text)));
      return token.align[column] === 'right' ? room + text : text + room;
    };
    const lines = rows.map((row) => `  ${row.map((cell, column) => pad(clip(cell, widths[column] ?? 0), column)).join('  ')}`.trimEnd());
    const [head = '', ...body] = lines;
    return [style('bold')(head), `  ${widths.map((width) => '─'.repeat(width)).join('  ')}`, ...body].join('\n');
  };

  const list = (token: Tokens.List, depth: number): string =>
    token.items
      .map((item, index) => {
        const mark = token.ordered ? `${Number(token.start || 1) + index}.` : item.task ? (item.checked ? '[x]' : '[ ]') : '•';
        const parts = item.tokens.map((part) => {
          if (part.type === 'list') return `\n${list(part as Tokens.List, depth + 1)}`;
          const text = block(part);
          // What is no running text begins a line of its own, below the item's.
          return text === '' || part.type === 'text' || part.type === 'paragraph' ? text : `\n${text.replace(/^(?=.)/gm, '  '.repeat(depth + 2))}`;
        });
        return `${'  '.repeat(depth + 1)}${mark} ${parts.join('').trim()}`;
      })
      .join('\n');

  const block = (token: Token): string => {
    switch (token.type) {
      case 'heading':
        return style('bold')(token['depth'] === 1 ? inline(token.tokens).toUpperCase() : inline(token.tokens));
      case 'paragraph':
      case 'text':
        return token.tokens === undefined ? decode(String(token['text'])) : inline(token.tokens);
      case 'table':
        return table(token as Tokens.Table);
      case 'list':
        return list(token as Tokens.List, 0);
      case 'code': {
        const text = String(token['text']);
        const shown = token['lang'] === 'mermaid' ? asTree(readFlowchart(text), (label, className) => paint(label, className)) : text;
        return shown.replace(/^/gm, '    ');
      }
      case 'blockquote':
        return blocks(token.tokens ?? []).replace(/^/gm, `${style('dim')('│')} `);
      case 'hr':
        return '─'.repeat(Math.min(terminal.columns, 80));
      case 'html': {
        const title = /<summary>(.*?)<\/summary>/s.exec(token.raw)?.[1];
        const rest = untagged(token.raw.replace(/<summary>.*?<\/summary>/s, '')).trim();
        return [title === undefined ? '' : style('bold')(`▸ ${untagged(title)}`), rest].filter((part) => part !== '').join('\n');
      }
      default:
        return '';
    }
  };
  const paint = (label: string, className: string | undefined): string => {
    const colour = classColours[className?.toLowerCase().replace(/[^a-z]/g, '') ?? ''];
    return colour === undefined ? label : style(colour)(label);
  };
  const blocks = (tokens: readonly Token[]): string =>
    tokens
      .map(block)
      .filter((text) => text !== '')
      .join('\n\n');
  return blocks(lexer(markdown));
}
