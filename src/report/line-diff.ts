/** Owns the difference of two texts by lines, as people know it from `diff -u`. Pure. */

/** More pairs of lines than these are not compared one by one: the changed middle is shown as a whole. */
const MOST_PAIRS = 4_000_000;

/** Lines with `+`, `-` or a blank before them; unchanged ones only near a change, gaps marked by `@@`. [] where nothing differs. */
export function lineDiff(before: string, after: string, context = 3): string[] {
  const [one, other] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < Math.min(one.length, other.length) && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < Math.min(one.length, other.length) - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end += 1;
  const middle = edits(one.slice(start, one.length - end), other.slice(start, other.length - end));
  const kept = (lines: readonly string[]): string[] => lines.map((line) => ` ${line}`);
  return folded([...kept(one.slice(0, start)), ...middle, ...kept(one.slice(one.length - end))], context);
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The shortest edit by longest common subsequence. */
function edits(one: readonly string[], other: readonly string[]): string[] {
  const [rows, columns] = [one.length, other.length];
  const whole = [...one.map((line) => `-${line}`), ...other.map((line) => `+${line}`)];
  if (rows === 0 || columns === 0 || rows * columns > MOST_PAIRS) return whole;
  const width = columns + 1;
  /** Length of the longest common subsequence of the rests from row and column on. */
  const longest = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number): number => longest[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      longest[row * width + column] = one[row] === other[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: string[] = [];
  let [row, column] = [0, 0];
  while (row < rows && column < columns) {
    if (one[row] === other[column]) {
      found.push(` ${one[row]}`);
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      found.push(`-${one[row]}`);
      row += 1;
    } else {
      found.push(`+${other[column]}`);
      column += 1;
    }
  }
  return [...found, ...one.slice(row).map((line) => `-${line}`), ...other.slice(column).map((line) => `+${line}`)];
}

function folded(lines: readonly string[], context: number): string[] {
  const shown = new Set<number>();
  lines.forEach((line, index) => {
    if (line.startsWith(' ')) return;
    for (let near = index - context; near <= index + context; near += 1) shown.add(near);
  });
  const result: string[] = [];
  let last = -1;
  lines.forEach((line, index) => {
    if (!shown.has(index)) return;
    if (index !== last + 1) result.push('@@');
    result.push(line);
    last = index;
  });
  return result;
}
