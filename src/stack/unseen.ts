/** Owns characters of a text that are not seen, or make another text of it to the eye. */

export const UNSEEN_HINT = 'Remove it: it is not seen, or turns what is seen around.';

/** A control character but tab and line break, or one that overrides the direction of text (Unicode, UAX 9, 2.1 to 2.4). */
export function unseenIn(text: string): string | undefined {
  const [found] = /(?![\t\n\r])[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.exec(text) ?? [];
  return found === undefined ? undefined : `the character U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
