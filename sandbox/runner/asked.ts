/** Owns reading what `POST /run` asks for: a misspelt field would deploy something else than was meant. */
import { constants } from 'node:os';
import { isAbsolute, normalize } from 'node:path';
import { checkFields, milliseconds, oneOf, record, type Takes, text, trueOrFalse, Wrong } from '../control/wrong.ts';
import type { DeployRequest } from './service.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const object: Takes = { words: 'an object', fits: isObject };
const texts: Takes = { words: 'an object of texts', fits: (value) => isObject(value) && Object.values(value).every(text.fits) };
const listOfTexts: Takes = { words: 'a list of texts', fits: (value) => Array.isArray(value) && value.every(text.fits) };
const files: Takes = {
  words: 'an object of texts by relative path inside the repository',
  fits: (value) => texts.fits(value) && Object.keys(value as object).every((path) => !isAbsolute(path) && !/^\.\.?(\/|$)/.test(normalize(path))),
};

const fields: Readonly<Record<string, Takes>> = {
  ...{ command: text, config: text, files, inputs: texts, env: texts, secretInputs: listOfTexts, debug: trueOrFalse },
  ...{ credentials: oneOf('access-key', 'password', 'reader', 'none'), runner: oneOf('hosted', 'vpc') },
  ...{ stop: object, action: object },
};

/** The one field of a choice. */
function only(value: Readonly<Record<string, unknown>>, choice: Readonly<Record<string, Takes>>, what: string): void {
  checkFields(value, choice, what);
  if (Object.keys(value).length !== 1) throw new Wrong(`${what} takes one of ${Object.keys(choice).join(', ')}`);
}

/** @throws Wrong that says what is wrong and what would be right */
export function readRequest(value: unknown): DeployRequest {
  const asked = record(value ?? {}, 'a run');
  checkFields(asked, fields, 'a run');
  if (isObject(asked['stop'])) {
    const { stop } = asked;
    checkFields(stop, { by: oneOf('cancel', ...Object.keys(constants.signals)), at: object }, 'stop');
    if (stop['by'] === undefined) throw new Wrong('stop needs by: cancel, or a signal');
    const at = record(stop['at'], 'stop.at');
    only(at, { milliseconds, request: object, line: text }, 'stop.at');
    if (isObject(at['request'])) checkFields(at['request'], { service: text, method: text, path: text }, 'stop.at.request');
  }
  if (isObject(asked['action'])) only(asked['action'], { folder: text, script: text }, 'action');
  return asked as DeployRequest;
}
