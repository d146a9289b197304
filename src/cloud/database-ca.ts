/**
 * Owns the authority that signs the database's certificate: taken from RDS's own download, checked, handed on as PEM.
 * Read anew in every run, so that a change of RDS's authority reaches the cluster. Where it is put is `zitadel/`'s business.
 */
import { X509Certificate } from 'node:crypto';
import { asFault, Fault } from '../engine/fault.ts';
import { type Resource, resource } from '../engine/resource.ts';
import { download } from '../otc/download.ts';
import { listCertificateLinks, listInstances } from '../otc/rds.ts';
import type { CloudContext } from './context.ts';
import type { DatabaseResource } from './database.ts';

const TWICE = 'Run again; if it stays so, ask OTC support.';

export interface DatabaseCaSeen {
  /** One or more certificates, each an authority that is not expired. */
  readonly pem: string;
  readonly subjects: readonly string[];
  /** ISO date on which the first of them expires. */
  readonly notAfter: string;
}

type Needs = { readonly database: DatabaseResource };
export type DatabaseCa = Resource<Needs, null, DatabaseCaSeen>;

export function databaseCa(context: CloudContext, database: DatabaseResource): DatabaseCa {
  const { otc, stack, names } = context;
  const read = new Map<string, Promise<DatabaseCaSeen>>();
  const authoritiesOf = (id: string): Promise<DatabaseCaSeen> => {
    let promise = read.get(id);
    if (promise === undefined) {
      promise = fetchAuthorities(context, id);
      read.set(id, promise);
    }
    return promise;
  };
  return resource<Needs, null, DatabaseCaSeen>({
    id: 'database/ca',
    title: 'Certificate authority of the RDS instance',
    needs: { database },
    within: database,
    wanted: true,
    readsOnly: true,
    prefetch: async () => {
      // Two calls that wait for one another: begun with the first list, not after the database was compared.
      const [found] = await listInstances(otc, stack.database.existing ?? { name: names('db') });
      if (found !== undefined && found.private_ips.length > 0) await authoritiesOf(found.id);
    },
    want: () => null,
    observe: async (needs) => {
      if (needs.database === undefined || needs.database.host === '') return undefined;
      return authoritiesOf(needs.database.id);
    },
    diff: () => [],
    apply: async () => {
      throw new Error('the certificate authority is only read');
    },
    destroy: async () => undefined,
    facts: ({ subjects, notAfter }) => ({ subject: subjects.join('; '), expires: notAfter }),
  });
}

async function fetchAuthorities({ otc }: CloudContext, id: string): Promise<DatabaseCaSeen> {
  const links = await listCertificateLinks(otc, id);
  const link = links.find(({ category }) => category === 'international') ?? links[0];
  if (link === undefined) throw new Fault('RDS offers no certificate for download', { resource: id, hint: TWICE });
  return authorities(await unpack(await download(otc.ports, link.download_link)), new Date());
}

/** The texts of an archive's certificate files, or the text itself where it is no archive. */
async function unpack(bytes: Uint8Array): Promise<string[]> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  if (!isZip) return [Buffer.from(bytes).toString('utf8')];
  const { unzipSync } = await import('fflate');
  try {
    const files = unzipSync(bytes, { filter: ({ name, originalSize }) => /\.(pem|crt|cer)$/i.test(name) && originalSize < 1_000_000 });
    return Object.values(files).map((one) => Buffer.from(one).toString('utf8'));
  } catch (error) {
    throw new Fault(`the archive of certificates from RDS cannot be read: ${asFault(error).message}`, { cause: error, hint: TWICE });
  }
}

/**
 * The authorities among PEM texts, without repeats. Expired ones are left out as long as a valid one remains.
 * @throws Fault where there is none, or none that is valid at `now`
 */
export function authorities(texts: readonly string[], now: Date): DatabaseCaSeen {
  const blocks = texts.flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []);
  const all = new Map(blocks.map((block) => parsed(block)).map((one) => [one.fingerprint256, one]));
  const cas = [...all.values()].filter((one) => one.ca);
  if (cas.length === 0) throw new Fault('the download of RDS holds no certificate authority', { hint: TWICE });
  const valid = cas.filter((one) => new Date(one.validTo) > now);
  if (valid.length === 0) {
    const dates = cas.map((one) => `${line(one.subject)} until ${one.validTo}`).join(', ');
    throw new Fault(`the certificate authority of RDS is expired: ${dates}`, { hint: 'Renew the certificate of the instance in the RDS console.' });
  }
  valid.sort((a, b) => new Date(a.validTo).getTime() - new Date(b.validTo).getTime());
  return {
    pem: valid
      .map((one) => one.toString().trim())
      .join('\n')
      .concat('\n'),
    subjects: valid.map((one) => line(one.subject)),
    notAfter: new Date(valid[0]?.validTo ?? 0).toISOString().slice(0, 10),
  };
}

function parsed(block: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw new Fault('the download of RDS holds a certificate that cannot be read', { cause: error, hint: TWICE });
  }
}

function line(subject: string): string {
  return subject.replaceAll('\n', ', ');
}
