/**
 * Owns masking as the runner does it before a line is shown or a summary is kept: the values themselves and the forms in
 * which the runner's own encoders know them. What registers a value is `commands.ts`'s or the job's (its secrets).
 */

/** The forms of a value that the runner masks besides the value (its secret masker's encoders). */
export function encodings(value: string): string[] {
  const bytes = Buffer.from(value);
  // Base64 of the value at each of three offsets in a longer text, without the characters that its neighbours decide.
  const shifted = [0, 1, 2].map((shift) => {
    const text = bytes.subarray(shift).toString('base64').replace(/=+$/, '');
    return (bytes.length - shift) % 3 === 0 ? text : text.slice(0, -1);
  });
  const json = JSON.stringify(value).slice(1, -1);
  const xml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&apos;');
  return [
    bytes.toString('base64'),
    ...shifted,
    json,
    encodeURIComponent(value),
    xml,
    value.replaceAll('"', '\\"'),
    value.replaceAll("'", "''"),
    value.replace(/^"(.*)"$/s, '$1'),
  ];
}

export class Masks {
  readonly #values = new Set<string>();
  readonly #forms = new Set<string>();
  /** The forms, those that may hold others first; made anew after a new one. */
  #longestFirst: readonly string[] | undefined;

  /** Registers a value, and each of its lines, as `add-mask` does. */
  add(value: string): void {
    for (const part of [value, ...value.split(/\r?\n|\r/)]) {
      if (part.trim() === '' || this.#values.has(part)) continue;
      this.#values.add(part);
      this.#forms.add(part);
      // Very short forms would blot out ordinary text; the runner has the same limit in effect through its encoders' inputs.
      for (const form of encodings(part)) if (form.length >= 8) this.#forms.add(form);
      this.#longestFirst = undefined;
    }
  }

  /** The registered values, without their encoded forms. */
  values(): string[] {
    return [...this.#values];
  }

  apply(text: string): string {
    this.#longestFirst ??= [...this.#forms].sort((a, b) => b.length - a.length);
    let shown = text;
    for (const form of this.#longestFirst) if (form.length <= shown.length && shown.includes(form)) shown = shown.replaceAll(form, '***');
    return shown;
  }
}
