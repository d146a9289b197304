/**
 * Owns bringing helm and kubectl onto the runner: tool cache, else download, checksum, unpack of the one binary. Fails
 * closed: nothing runs that does not hash to a pinned or given sum (`checksums.ts`).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { type Pin, trusted } from './checksums.ts';
import { fetchBytes } from './fetch.ts';
import { plainEnv, run } from './process.ts';

export interface DownloadPorts {
  /** Puts the URL's bytes into the file; follows redirects. */
  readonly fetchTo: (url: string, file: string) => Promise<void>;
  /** Directory of a cached tool, or nothing. */
  readonly find: (tool: string, version: string, arch: string) => Promise<string | undefined>;
  /** Keeps a file; returns the directory it then is in. */
  readonly keep: (file: string, tool: string, version: string, arch: string) => Promise<string>;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The path of a verified binary.
 * @param folder a private directory for what is unpacked
 * @throws Fault where the download fails or hashes to something else
 */
export async function obtain(pin: Pin, folder: string, ports: DownloadPorts): Promise<string> {
  const { tool, version, platform } = pin;
  const cached = await ports.find(tool, version, platform);
  if (cached !== undefined) {
    const binary = join(cached, tool);
    if (trusted(pin, undefined, await sha256Of(binary))) return binary;
    // Where only an archive's sum is known, a cached binary proves nothing; where the binary's is, it was changed.
    ports.say(`the cached ${tool} ${version} does not match its checksum; downloading it again`);
  }
  const download = join(folder, `${tool}-${version}-${platform}.download`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await ports.fetchTo(pin.url, download);
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    throw new Fault(`could not download ${tool} ${version} from ${pin.url}: ${asFault(error).message}`, {
      hint:
        pin.mirror === undefined
          ? `If the site is not reachable from this runner, set ${tool}-mirror to one that is; the checksum stays the same.`
          : `${tool}-mirror is set to ${pin.mirror}: see that this runner reaches it and that it has this file, or leave ${tool}-mirror out.`,
      cause: error,
    });
  }
  const sum = await sha256Of(download);
  const binary = tool === 'helm' ? await unpack(pin, download, folder, ports.signal) : download;
  const binarySum = tool === 'helm' ? await sha256Of(binary) : sum;
  if (!trusted(pin, sum, binarySum)) {
    const expected = pin.given ?? pin.sums.binary ?? pin.sums.archive;
    throw new Fault(
      `${tool} ${version} from ${pin.url} has the sha256 ${tool === 'helm' ? `${sum} (binary ${binarySum})` : sum}, not ${expected}; it was not run`,
      {
        hint: 'The download was changed or is another version. Do not go on before you know why.',
      },
    );
  }
  await chmod(binary, 0o755);
  return join(await ports.keep(binary, tool, version, platform), tool);
}

/** Takes the one binary out of Helm's archive, and nothing else, so that no path in it can lead elsewhere. */
async function unpack(pin: Pin, archive: string, folder: string, signal: AbortSignal): Promise<string> {
  const member = `${pin.platform}/${pin.tool}`;
  const target = join(folder, `${pin.tool}-${pin.version}`);
  await mkdir(target, { recursive: true, mode: 0o700 });
  const args = ['-xzf', archive, '-C', target, '--no-same-owner', member];
  const { code, stderr } = await run({ program: 'tar', args, env: plainEnv(process.env), signal, timeoutSeconds: 120 });
  const binary = join(target, member);
  if (code !== 0) throw new Fault(`the archive from ${pin.url} holds no ${member}: ${stderr.trim()}`);
  if (!(await lstat(binary)).isFile() || !(await lstat(dirname(binary))).isDirectory()) {
    throw new Fault(`the archive from ${pin.url} holds something else than a file at ${member}; it was not run`);
  }
  return binary;
}

/** sha256 of a file in hex, read as a stream. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** The real ports, on `@actions/tool-cache`, which is loaded only when a tool is needed. */
export async function toolCachePorts(say: (line: string) => void, signal: AbortSignal): Promise<DownloadPorts> {
  const cache = await import('@actions/tool-cache');
  return {
    say,
    signal,
    find: async (tool, version, arch) => cache.find(tool, version, arch) || undefined,
    keep: (file, tool, version, arch) => cache.cacheFile(file, tool, tool, version, arch),
    // Not by the tool cache's own download, which goes on for minutes after a cancel.
    fetchTo: async (url, file) => writeFile(file, await fetchBytes(url, signal), { mode: 0o600 }),
  };
}
