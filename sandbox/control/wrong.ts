/** Owns refusing what people ask of the control: what is wrong, and what would be right. */

/** A request that makes no sense: answered with 400, or with 404 where it names what is not there. */
export class Wrong extends Error {
  readonly status: 400 | 404;

  constructor(message: string, status: 400 | 404 = 400) {
    super(message);
    this.status = status;
  }
}

/** @throws Wrong unless the value is an object */
export const record = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong(`${what} must be an object, not ${shown(value)}`);
  return value as Readonly<Record<string, unknown>>;
};

/** @throws Wrong where the object has other fields */
export const onlyKeys = (value: Readonly<Record<string, unknown>>, keys: readonly string[], what: string): void => {
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  if (unknown.length > 0) throw new Wrong(`${what} knows ${keys.join(', ')}, not ${unknown.join(', ')}`);
};

export const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** What a field takes, in words and as a test. */
export interface Takes {
  readonly words: string;
  readonly fits: (value: unknown) => boolean;
}

export const oneOf = (...values: readonly unknown[]): Takes => ({ words: `one of ${values.join(', ')}`, fits: (value) => values.includes(value) });
export const trueOrFalse: Takes = { words: 'true or false', fits: (value) => typeof value === 'boolean' };
export const text: Takes = { words: 'a text', fits: (value) => typeof value === 'string' };
export const wholeFrom = (least: number, most = Number.MAX_SAFE_INTEGER): Takes => ({
  words: `a whole number of ${least} ${most === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${most}`}`,
  fits: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
});
/** Milliseconds that Node can wait: more than that it takes for one. */
export const milliseconds: Takes = {
  words: 'a number of 0 to 2147483647',
  fits: (value) => typeof value === 'number' && value >= 0 && value <= 2 ** 31 - 1,
};

/** @throws Wrong where a field that is there takes something else */
export function checkFields(value: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, Takes>>, what: string): void {
  onlyKeys(value, Object.keys(fields), what);
  for (const [key, { words, fits }] of Object.entries(fields))
    if (value[key] !== undefined && !fits(value[key])) throw new Wrong(`${what}: ${key} must be ${words}, not ${shown(value[key])}`);
}
