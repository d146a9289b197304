/** YAML with variables: whatever they hold, the document stays what it was. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readDocument } from '../../../src/stack/document.ts';

/** The shape of a value: scalars are all the same. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]));
  return 'scalar';
}

test('property: substitution never changes structure, and text arrives as it is', () => {
  const text = 'a: ${V}\nb: "x${V}y"\nc: \'${V}\'\nd: |\n  first ${V}\n  second\ne:\n  - ${V}\n  - { f: "${V}" }\ng: >-\n  ${V}\n  ${V}\n';
  const nasty = fc.oneof(
    fc.string({ minLength: 1, maxLength: 60 }),
    fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'\n\r\t "\'#:,[]{}&*!|>%@`-?${}\\~', 'V') }),
    fc.constantFrom(
      'a: b',
      '\n- x',
      '# c',
      '"',
      "'",
      '*x',
      '&a b',
      '{a: 1}',
      '[1]',
      '${V}',
      '$${V}',
      '---\nx: y',
      '!!int "1"',
      'null',
      '~',
      '1e3',
      '0x10',
      '007',
    ),
  );
  const plain = readDocument(text, 'f', () => 'x');
  fc.assert(
    fc.property(nasty, (value) => {
      const { value: result, faults } = readDocument(text, 'f', () => value);
      assert.deepEqual(faults, []);
      assert.deepEqual(shape(result), shape(plain.value));
      const { b, c, d, e, g } = result as { b: string; c: string; d: string; e: [unknown, { f: string }]; g: string };
      assert.equal(b, `x${value}y`);
      assert.equal(c, value);
      assert.equal(d, `first ${value}\nsecond\n`);
      assert.equal(e[1].f, value);
      assert.equal(String(e[0]), value);
      assert.equal(g, `${value} ${value}`);
    }),
    { numRuns: 1000 },
  );
});

test('an alias that contains itself is an error, not a loop', () => {
  assert.match(readDocument('a: &x\n  b: *x\n', 'f', () => undefined).faults.join(), /leads nowhere/);
});

test('keys of JavaScript’s own objects are errors with their place', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const { faults, value } = readDocument(`a:\n  b: 1\n  "${key}": { polluted: yes }\n`, 'f.yaml', () => undefined);
    assert.deepEqual(
      faults.map(({ message, place }) => [message, place?.line, place?.column]),
      [[`a.${key}: this key is not allowed`, 3, 3]],
    );
    assert.deepEqual(value, { a: { b: 1 } });
    assert.ok(!('polluted' in {}));
  }
});

/** Each level holds the one before nine times. */
function bomb(level: (before: string) => string): string {
  const names = [...'abcdefghijkl'];
  return [
    'a: &a { x: [1, 2, 3] }',
    ...names.slice(1).map((name, index) => `${name}: &${name} ${level(Array(9).fill(`*${names[index]}`).join(', '))}`),
  ].join('\n');
}

test('files that are made to exhaust their reader are refused, soon and with one error', () => {
  for (const [text, message, place] of [
    [bomb((before) => `[${before}]`), /^\w+.*: the aliases up to here stand for more than 50000 values$/, undefined],
    [bomb((before) => `{ <<: [${before}] }`), /^\w+: the aliases up to here stand for more than 50000 values$/, undefined],
    [`a: ${'x'.repeat(256 * 1024)}`, /^the file is larger than 256 KiB$/, '1:1'],
    [Array.from({ length: 16_000 }, (_, index) => `k${index}: 1`).join('\n'), /^the file has more than 50000 words and signs$/, '1:1'],
    [`a: &a 1\n${Array.from({ length: 600 }, (_, index) => `k${index}: *a`).join('\n')}`, /^the file has more than 500 aliases$/, '1:1'],
    [`${'['.repeat(150)}${']'.repeat(150)}`, /: more than 100 levels$/, '1:102'],
  ] as const) {
    const begun = performance.now();
    const { faults } = readDocument(text, 'f.yaml', () => undefined);
    assert.ok(performance.now() - begun < 10_000, String(message));
    assert.equal(faults.length, 1, faults.join('\n'));
    assert.match(faults[0]?.message ?? '', message);
    if (place !== undefined) assert.equal(`${faults[0]?.place?.line}:${faults[0]?.place?.column}`, place);
    assert.ok(faults[0]?.hint !== undefined);
  }
  const deep = readDocument('['.repeat(40_000), 'f.yaml', () => undefined);
  assert.equal(deep.value, undefined);
  assert.equal(deep.faults[0]?.message, 'not valid YAML: the file is nested too deeply to be read');
});

test('numbers that would change are errors: ids with 18 digits, leading zeros', () => {
  const { faults, value } = readDocument('id: 123456789012345678\npin: 0123\nplus: +5\nsize: 12\nhalf: 0.5\nmore: 1.25\n', 'f', () => undefined);
  assert.deepEqual(
    faults.map(({ message }) => message.split(':')[0]),
    ['id', 'pin'],
  );
  assert.deepEqual(value, { id: null, pin: null, plus: 5, size: 12, half: 0.5, more: 1.25 });
});

test('decimals and numbers beyond JSON that would change are errors with their place, as keys as well', () => {
  const text = 'image: { tag: 4.10 }\nversions: [1.33, 1.30]\na: .inf\nb: -.inf\nc: .nan\nd: 1e400\ne: 0x1F\nf: 1e3\n4.20: x\n';
  const { faults } = readDocument(text, 'f', () => undefined);
  assert.deepEqual(
    faults.map(({ message, place }) => `${place?.line}:${place?.column} ${message}`),
    [
      '1:15 image.tag: the number 4.10 would not stay as it is written',
      '2:18 versions[1]: the number 1.30 would not stay as it is written',
      '3:4 a: the number .inf would not stay as it is written',
      '4:4 b: the number -.inf would not stay as it is written',
      '5:4 c: the number .nan would not stay as it is written',
      '6:4 d: the number 1e400 would not stay as it is written',
      '7:4 e: the number 0x1F would not stay as it is written',
      '8:4 f: the number 1e3 would not stay as it is written',
      '9:1 4.20: the number would not stay as it is written',
    ],
  );
  const quoted = readDocument('image: { tag: "4.10" }\n', 'f', () => undefined);
  assert.deepEqual([quoted.faults, quoted.value], [[], { image: { tag: '4.10' } }]);
});
