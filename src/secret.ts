/**
 * Owns the one type that may hold secret text, and `redact()`. A `Secret` announces every form in which its text could
 * be printed to the masking sink before anybody can read it. Who the sink is (the runner) is decided in `main.ts`;
 * where secrets come from is `stack/`'s business.
 */

/** Told every form of a secret that must never be shown; on GitHub this is `::add-mask::`. */
export type MaskingSink = (form: string) => void;

const SHORTEST = 8;
const known = new Set<string>();
/** The known forms, those that may hold others first; made anew after a new one. A report asks for it hundreds of times. */
let longestFirst: readonly string[] | undefined;
const sinks = new Set<MaskingSink>();

/** Sends the forms of every secret, those known so far and those still to come, to `sink`. */
export function maskTo(sink: MaskingSink): void {
  sinks.add(sink);
  for (const form of known) sink(form);
}

/** Registers text as secret that is not carried as a {@link Secret}: a token in a header, a key in a kubeconfig. */
export function mask(text: string): void {
  for (const form of forms(text)) {
    if (known.has(form)) continue;
    known.add(form);
    longestFirst = undefined;
    for (const sink of sinks) sink(form);
  }
}

/** Replaces every known form of every secret by `***`; for text that leaves by API, which the runner does not mask. */
export function redact(text: string): string {
  longestFirst ??= [...known].sort((a, b) => b.length - a.length);
  let clean = text;
  for (const form of longestFirst) if (form.length <= clean.length && clean.includes(form)) clean = clean.replaceAll(form, '***');
  return clean;
}

/** Secret text. Prints as `***` everywhere; only code that hands it to stdin, a 0600 file or a request body opens it. */
export class Secret {
  readonly #text: string;

  /**
   * @param text the secret; shorter than 8 characters is refused, since masking it would blank out unrelated text
   * @param label what it is, for the error message only
   */
  constructor(text: string, label = 'secret') {
    if (text.length < SHORTEST) throw new RangeError(`${label} has ${text.length} characters; at least ${SHORTEST} are needed`);
    this.#text = text;
    mask(text);
  }

  /** The secret itself. Never pass the result to a log, an output, a summary or an argument list. */
  open(): string {
    return this.#text;
  }

  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***';
  }
}

/** Lines that frame a key or a certificate: the same in every file, so nothing secret. */
const ARMOUR = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;

/**
 * Every form in which `text` can show up in output: as it is, its lines, base64 at each alignment (both alphabets), URL
 * and form encoding, JSON as JavaScript, Go and Python write it, JSON inside JSON, XML, quoted for YAML and shells.
 * Not covered, as by the runner itself: hashes, hexadecimal, compression, base64 of base64.
 */
export function forms(text: string): string[] {
  const found = new Set<string>();
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  for (const part of new Set([text, text.trim(), ...lines])) {
    if (part.length < SHORTEST || ARMOUR.test(part)) continue;
    const json = JSON.stringify(part).slice(1, -1);
    const go = json.replace(/[<>&\u2028\u2029]/g, unicode);
    const url = encodeURIComponent(Buffer.from(part, 'utf8').toString('utf8'));
    const strictUrl = url.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
    const xml = part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    for (const form of [
      part,
      json,
      go,
      json.replace(/[\u0080-\uffff]/g, unicode),
      JSON.stringify(json).slice(1, -1),
      url,
      strictUrl,
      strictUrl.replaceAll('%20', '+'),
      xml,
      xml.replaceAll('"', '&quot;').replaceAll("'", '&apos;'),
      xml.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
      part.replaceAll("'", "''"),
      part.replaceAll("'", `'\\''`),
    ]) {
      found.add(form);
    }
    for (const core of base64Cores(part)) {
      found.add(core);
      found.add(core.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return [...found].filter((form) => form.length >= SHORTEST);
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * What of base64 stays the same wherever `text` stands inside a longer document: one core for each of the three
 * alignments, cut at both ends where neighbours would change the digits.
 */
function base64Cores(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const cores = [bytes.toString('base64').replace(/=+$/, '')];
  for (const shift of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const start = shift === 0 ? 0 : shift + 1;
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    cores.push(padded.slice(start, whole));
  }
  return cores;
}
