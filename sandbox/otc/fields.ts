/**
 * Owns the shapes of request bodies: which fields the API reference knows, of which JSON type, and which are required.
 * The front door checks a body against its route's shape; handlers read it back typed with {@link read}.
 */

export interface Shape<T> {
  readonly kind: 'string' | 'integer' | 'number' | 'boolean' | 'any' | 'list' | 'map' | 'object' | 'either';
  readonly required: boolean;
  readonly of?: Shape<unknown>;
  readonly fields?: Readonly<Record<string, Shape<unknown>>>;
  readonly choices?: readonly Shape<unknown>[];
  /** For the compiler only. */
  readonly type?: T;
}

export interface Required<T> extends Shape<T> {
  readonly required: true;
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends Required<unknown> ? K : never }[keyof F];
export type TypeOf<S> = S extends Shape<infer T> ? T : never;
export type ObjectOf<F extends Fields> = { readonly [K in RequiredKeys<F>]: TypeOf<F[K]> } & {
  readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: TypeOf<F[K]> | undefined;
};

const simple = <T>(kind: Shape<T>['kind']): Shape<T> => ({ kind, required: false });

export const string: Shape<string> = simple('string');
export const integer: Shape<number> = simple('integer');
export const number: Shape<number> = simple('number');
export const boolean: Shape<boolean> = simple('boolean');
/** Any JSON value, its inside is not looked at. */
export const any: Shape<unknown> = simple('any');
export const list = <T>(of: Shape<T>): Shape<readonly T[]> => ({ kind: 'list', required: false, of });
/** An object with free keys. */
export const map = <T>(of: Shape<T>): Shape<Readonly<Record<string, T>>> => ({ kind: 'map', required: false, of });
export const object = <F extends Fields>(fields: F): Shape<ObjectOf<F>> => ({ kind: 'object', required: false, fields });
export const either = <A, B>(a: Shape<A>, b: Shape<B>): Shape<A | B> => ({ kind: 'either', required: false, choices: [a, b] });
export const required = <T>(shape: Shape<T>): Required<T> => ({ ...shape, required: true });

export interface Findings {
  /** Wrong types and missing required fields: the service refuses the request. */
  readonly wrong: readonly { readonly path: string; readonly message: string }[];
  /** Fields the reference does not know: ignored by the service, recorded by the front door. */
  readonly unknown: readonly string[];
}

/** Compares a body with a shape; `null` counts as absent, as Go and Python clients send it. */
export function check(shape: Shape<unknown>, value: unknown): Findings {
  const wrong: { path: string; message: string }[] = [];
  const unknown: string[] = [];
  visit(shape, value, '');
  return { wrong, unknown };

  function visit(part: Shape<unknown>, here: unknown, path: string): void {
    if (here === undefined || here === null) {
      if (part.required) wrong.push({ path, message: `${path === '' ? 'the body' : path} is required` });
      return;
    }
    if (!isA(part, here)) {
      wrong.push({ path, message: `${path === '' ? 'the body' : path} must be ${article(part)}, not ${nameOf(here)}` });
      return;
    }
    if (part.kind === 'list' && part.of !== undefined)
      for (const [index, item] of (here as unknown[]).entries()) visit(part.of, item, `${path}[${index}]`);
    if (part.kind === 'map' && part.of !== undefined) for (const [key, item] of Object.entries(here)) visit(part.of, item, join(path, key));
    if (part.kind === 'either') {
      const choice =
        part.choices?.find((one) => isA(one, here) && check(one, here).wrong.length === 0) ?? part.choices?.find((one) => isA(one, here));
      if (choice !== undefined) visit(choice, here, path);
    }
    if (part.kind === 'object' && part.fields !== undefined) {
      for (const [key, field] of Object.entries(part.fields)) visit(field, (here as Record<string, unknown>)[key], join(path, key));
      for (const key of Object.keys(here)) if (!Object.hasOwn(part.fields, key)) unknown.push(join(path, key));
    }
  }
}

/** A body whose field names are spelled as in its shape, whatever their case; keys of maps stay as they are. */
export function spelled(shape: Shape<unknown>, value: unknown): unknown {
  if (Array.isArray(value)) return shape.of === undefined ? value : value.map((item) => spelled(shape.of as Shape<unknown>, item));
  if (typeof value !== 'object' || value === null) return value;
  const { fields } = shape;
  if (fields === undefined)
    return shape.of === undefined
      ? value
      : Object.fromEntries(Object.entries(value).map(([key, part]) => [key, spelled(shape.of as Shape<unknown>, part)]));
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      const name = Object.hasOwn(fields, key) ? key : (names.get(key.toLowerCase()) ?? key);
      const field = fields[name];
      return [name, field === undefined ? part : spelled(field, part)];
    }),
  );
}

/** The body as its shape's type; the front door has checked it before the handler ran. */
export function read<T>(_shape: Shape<T>, body: unknown): T {
  return withoutNulls(body) as T;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== null)
      .map(([key, part]) => [key, withoutNulls(part)]),
  );
}

function isA(shape: Shape<unknown>, value: unknown): boolean {
  switch (shape.kind) {
    case 'any':
      return true;
    case 'integer':
      return Number.isInteger(value);
    case 'list':
      return Array.isArray(value);
    case 'map':
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    case 'either':
      return (shape.choices ?? []).some((choice) => isA(choice, value));
    default:
      return typeof value === shape.kind;
  }
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
const nameOf = (value: unknown): string =>
  Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value)}`;

function article(shape: Shape<unknown>): string {
  if (shape.kind === 'either') return (shape.choices ?? []).map(article).join(' or ');
  if (shape.kind === 'map') return 'an object';
  return /^[aeiou]/.test(shape.kind) ? `an ${shape.kind}` : `a ${shape.kind}`;
}
