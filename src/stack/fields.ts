/**
 * Owns the kinds of fields that the stack file's schema is made of: text with a pattern, whole numbers with limits,
 * networks, zones, charts, disks. Each says what would be right, for the error message and for editors.
 */
import * as v from 'valibot';

export const say = v.description;
export const text = (pattern: RegExp, right: string, description: string) => v.pipe(v.string(), v.regex(pattern, right), say(description));
export const integer = (least: number, most: number, description: string, right = `${least} to ${most}`) =>
  v.pipe(v.number(), v.integer('a whole number'), v.minValue(least, right), v.maxValue(most, right), say(description));
export const step10 = (least: number, most: number, description: string, right = `${least} to ${most}, a multiple of 10`) =>
  v.pipe(integer(least, most, description, right), v.multipleOf(10, right));

const CIDR = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/;
export const cidr = (description: string) => text(CIDR, 'a network such as 10.20.0.0/16', description);
export const zones = (description: string) =>
  v.pipe(
    v.array(text(/^eu-(de|nl)-\d\d$|^eu-ch2[a-z]$/, 'an availability zone such as eu-de-01', 'Availability zone')),
    v.minLength(1, 'at least one zone'),
    say(description),
  );
export const existing = (what: string) =>
  v.optional(
    v.pipe(
      v.strictObject({ id: v.optional(text(/^\S+$/, 'an id', 'Its id.')), name: v.optional(text(/\S/, 'a name', 'Its exact name.')) }),
      say(`${what} that exists already: it is read, never changed. Exactly one of id and name.`),
    ),
  );
const VERSION = /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
export const chart = (what: string) => {
  const version = text(VERSION, 'a chart version such as 9.34.0', `Version of the chart of ${what}.`);
  const digest = text(
    /^(sha256:)?[0-9a-f]{64}$/,
    'the sha256 of the chart archive: 64 hexadecimal digits',
    'sha256 of the chart archive; other bytes are refused.',
  );
  const repository = text(
    /^(https|oci):\/\/[A-Za-z0-9.-]+(:\d+)?(\/[^\s?#@]*)?$/,
    'the URL of a Helm repository (https://) or of a folder in a registry (oci://), without credentials',
    'Where the chart is, in place of its makers’ repository: https://… with an index.yaml, or oci://… .',
  );
  const pinned = v.strictObject({ version, digest: v.optional(digest), repository: v.optional(repository) });
  return v.union([version, v.pipe(pinned, say(`Chart of ${what}: version, digest, and where it is.`))]);
};
export const volume = (what: string, least: number, most: number, size: number) =>
  v.optional(
    v.pipe(
      v.strictObject({
        type: v.optional(v.pipe(v.picklist(['SAS', 'SSD', 'GPSSD', 'ESSD']), say('Disk type.')), 'SSD'),
        size: v.optional(integer(least, most, 'GB.'), size),
      }),
      say(what),
    ),
    {},
  );
export const subnet = (what: string) =>
  v.union([
    cidr(`CIDR of ${what}, /28 or larger.`),
    v.strictObject({ cidr: cidr(`CIDR of ${what}, /28 or larger.`), existing: existing('A subnet') }),
  ]);
export const generation = (what: string) => v.optional(integer(1, 10_000, `Generation of ${what}; raise it by one to rotate.`), 1);
export const k8sName = (description: string) =>
  text(/^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/, 'lower-case letters, digits and hyphens, at most 53', description);
export const person = (description: string) => text(/^[^\r\n\t\u2028\u2029]{1,200}$/, '1 to 200 characters on one line', description);
const address = (local: RegExp, right: string, description: string) =>
  text(new RegExp(`^${local.source}@([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\\.)+[a-zA-Z]{2,}$`), right, description);
export const email = (description: string) => address(/[^\s@"<>]+/, 'an e-mail address', description);
/** What Let’s Encrypt takes of an account: ASCII, neither ? nor # (boulder, ra.go, validateContacts). OTC writes down no limit for a zone's. */
export const contact = (description: string) =>
  address(/((?!["#<>?@])[!-~])+/, 'an e-mail address in ASCII without ? and #, as Let’s Encrypt demands', description);
export const HOST = /^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.?$/;
export const block = <const E extends v.ObjectEntries>(description: string, entries: E) => v.pipe(v.strictObject(entries), say(description));
