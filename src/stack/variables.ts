/**
 * Owns `${VAR}` in a scalar of a file: what may be named, and what it becomes. Never text is substituted, so that no value can change
 * the document around it; where the scalars are is `document.ts`'s.
 */

/** What a variable stands for: text, nothing known (`undefined`: an error), or `leftOut`: its key is dropped. */
export type Lookup = (name: string) => string | undefined | typeof leftOut;
export const leftOut: unique symbol = Symbol('left out');

type Report = (message: string, hint: string) => unknown;

/**
 * What a file, which a pull request may change, must not read out: the inputs, tokens and state of the runner (names of
 * GitHub's runner), and the credentials of OpenStack's and OTC's own clients.
 */
const WITHHELD = /^((INPUT|ACTIONS|RUNNER|STATE|OS|OTC|AWS)_|(GITHUB|GH)_TOKEN$)/i;

const WHOLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

/** Private characters, one for each of `${}`. */
const VEILS = ['\uE000', '\uE001', '\uE002'] as const;

/**
 * A text whose variables are plain words to a parser of YAML, in lists and maps of one line too, where `{` would begin a map. No
 * character moves. A text that has such characters itself stays as it is.
 */
export function veiled(text: string): string {
  if (VEILS.some((veil) => text.includes(veil))) return text;
  const [dollar, open, close] = VEILS;
  return text.replace(/\$\{([A-Za-z_]\w*)\}/g, (_, name: string) => dollar + open + name + close);
}

/** What was veiled, as it was written. */
export function unveiled(text: string): string {
  return text.replace(/\uE000\uE001([A-Za-z_]\w*)\uE002/g, (_, name: string) => `\${${name}}`);
}

/** A scalar with its variables filled in; each that cannot be is reported. An unquoted one that is a variable alone takes its type. */
export function filledIn(text: string, quoted: boolean, lookup: Lookup, report: Report): string | number | boolean | typeof leftOut {
  const filled = substitute(text, lookup, report);
  return !quoted && filled !== leftOut && WHOLE.test(text) ? typed(filled) : filled;
}

function substitute(text: string, lookup: Lookup, report: Report): string | typeof leftOut {
  let out: string | typeof leftOut = '';
  let last = 0;
  const add = (part: string): void => {
    if (out !== leftOut) out += part;
  };
  for (const match of text.matchAll(/\$\$\{|\$\{([^}]*)(\}?)/g)) {
    add(text.slice(last, match.index));
    last = match.index + match[0].length;
    const name = match[1];
    if (name === undefined) {
      add('${');
      continue;
    }
    if (match[2] === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report(`"${match[0]}" is not a variable`, `Write \${NAME} for the environment variable NAME, or $\${ for a literal \${.`);
      continue;
    }
    if (WITHHELD.test(name)) {
      report(
        `the variable ${name} is the runner's own or signs in to the cloud, and is not handed to a file`,
        'Give what is meant under another name.',
      );
      continue;
    }
    const found = lookup(name);
    if (found === leftOut && WHOLE.test(text)) out = leftOut;
    else if (found === undefined || found === leftOut)
      report(`the variable ${name} is not set`, 'Set it under "env:" of the step, or write the value here.');
    else add(found);
  }
  add(text.slice(last));
  return out;
}

/** An unquoted `${VAR}` takes the type that YAML would give it, as far as nothing of the text is lost. */
function typed(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return /^-?\d+$/.test(text) && Number.isSafeInteger(number) && String(number) === text ? number : text;
}
