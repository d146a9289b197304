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
  #forms: string[] = [];

  /** Registers a value, and each of its lines, as `add-mask` does. */
  add(value: string): void {
    for (const part of [value, ...value.split(/\r?\n|\r/)]) {
      if (part.trim() !== '') this.#values.add(part);
    }
    const forms = new Set<string>();
    for (const known of this.#values) {
      forms.add(known);
      // Very short forms would blot out ordinary text; the runner has the same limit in effect through its encoders' inputs.
      for (const form of encodings(known)) if (form.length >= 8) forms.add(form);
    }
    this.#forms = [...forms].sort((a, b) => b.length - a.length);
  }

  /** The registered values, without their encoded forms. */
  values(): string[] {
    return [...this.#values];
  }

  apply(text: string): string {
    let shown = text;
    for (const form of this.#forms) if (shown.includes(form)) shown = shown.replaceAll(form, '***');
    return shown;
  }
}
