/** Owns "did you mean": the nearest known word to a mistyped one. */

/** The known word within two edits (one in short words), case aside; undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = distanceBetween(lower, candidate.toLowerCase());
    if (distance <= (candidate.length <= 4 ? 1 : Math.max(2, Math.floor(candidate.length / 4))) && (best === undefined || distance < best.distance)) {
      best = { word: candidate, distance };
    }
  }
  if (best !== undefined) return best.word;
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  return known.find((candidate) => letters(candidate) === letters(word));
}

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
function distanceBetween(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= one.length; i += 1) {
    rows[i] = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = cell(i - 1, j - 1) + (one[i - 1] === other[j - 1] ? 0 : 1);
      let value = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) value = Math.min(value, cell(i - 2, j - 2) + 1);
      rows[i]?.push(value);
    }
  }
  return cell(one.length, other.length);
}
