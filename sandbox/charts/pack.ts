/**
 * Owns chart archives: packs the stand-in charts of this folder the way `helm package` does (same bytes every time, so that
 * a digest means something), and reads real archives that a user hands in. Where they are served is `sites.ts`.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { parse, stringify } from 'yaml';

export interface ChartMetadata {
  readonly apiVersion: string;
  readonly name: string;
  readonly version: string;
  readonly appVersion?: string;
  readonly kubeVersion?: string;
  readonly [field: string]: unknown;
}

export interface ChartArchive {
  readonly metadata: ChartMetadata;
  readonly bytes: Buffer;
  /** Hex SHA-256 of the bytes, as a repository's index has it. */
  readonly digest: string;
}

const here = fileURLToPath(new URL('.', import.meta.url));
/** Time stamp of every packed file, in seconds since 1970: fixed, so that equal content is equal bytes. */
const packedAt = 1_767_225_600;

/** Packs a stand-in chart, with the shared template and under another version where one is asked for. */
export async function packStandIn(name: string, versions: { readonly version?: string; readonly appVersion?: string } = {}): Promise<ChartArchive> {
  const folder = join(here, name);
  const metadata: ChartMetadata = { ...(parse(await readFile(join(folder, 'Chart.yaml'), 'utf8')) as ChartMetadata), ...versions };
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => path !== 'Chart.yaml')
    .sort();
  const tar = pack();
  const put = (path: string, content: string): void => {
    tar.entry({ name: `${metadata.name}/${path}`, mode: 0o644, mtime: new Date(packedAt * 1000) }, content);
  };
  put('Chart.yaml', stringify(metadata));
  for (const path of names) put(path, await readFile(join(folder, path), 'utf8'));
  put('templates/_standin.tpl', await readFile(join(here, '_standin.tpl'), 'utf8'));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return archive(metadata, gzipSync(Buffer.concat(chunks)));
}

/** The archives (`*.tgz`) of a folder. Throws where one holds no chart. */
export async function readArchives(folder: string): Promise<ChartArchive[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return archive(await metadataOf(bytes, join(folder, name)), bytes);
    }),
  );
}

function archive(metadata: ChartMetadata, bytes: Buffer): ChartArchive {
  return { metadata, bytes, digest: createHash('sha256').update(bytes).digest('hex') };
}

async function metadataOf(bytes: Buffer, file: string): Promise<ChartMetadata> {
  const entries = Readable.from([gunzipSync(bytes)]).pipe(extract());
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (/^[^/]+\/Chart\.yaml$/.test(entry.header.name)) return parse(Buffer.concat(chunks).toString('utf8')) as ChartMetadata;
  }
  throw new Error(`${file} is no chart archive: it has no Chart.yaml`);
}
