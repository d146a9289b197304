/**
 * Owns measuring the start: from the start of the process until the first request to OTC has arrived, beside what bare Node
 * needs to start and end; and the bytes of `dist` that are loaded. The server it asks is here, on loopback.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type ActionMetadata, inputVariable, readMetadata } from '../../sandbox/runner/job.ts';
import { makeAuthority } from '../../sandbox/world/authority.ts';

const root = join(import.meta.dirname, '../..');

export interface Start {
  /** Milliseconds of `node -e 0`, from start to end. */
  readonly bare: number;
  /** Milliseconds until the first request had arrived, TLS handshake included. */
  readonly request: number;
}

/** Starts bare Node and the action in turn, so that both see the same machine. @throws Error where no request arrives */
export async function measureStart(action: string, runs: number): Promise<readonly Start[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-start-'));
  const authority = await makeAuthority();
  const { keyPem, chainPem } = await authority.issue({ names: ['localhost'], by: 'public' });
  let arrived: () => void = () => undefined;
  // The answer ends the run: these credentials are nobody's.
  const server = createServer({ key: keyPem, cert: chainPem }, (_request, response) => {
    arrived();
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"code":401,"message":"measured"}}');
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  try {
    const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
    const metadata = await readMetadata(action);
    const env = await environment(folder, metadata, endpoint, authority.publicCaPem);
    const starts: Start[] = [];
    for (let run = 0; run < runs; run += 1) {
      const bare = await timed(['-e', '0'], env, () => undefined);
      let request: number | undefined;
      const { output } = await timed([metadata.main], env, (since) => {
        arrived = () => {
          request ??= since();
        };
      });
      if (request === undefined) throw new Error(`the action ended without a request:\n${output}`);
      starts.push({ bare: bare.milliseconds, request });
    }
    return starts;
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function environment(folder: string, metadata: ActionMetadata, endpoint: string, ca: string): Promise<Record<string, string>> {
  await writeFile(join(folder, 'ca.pem'), ca);
  await writeFile(join(folder, 'zitadel.yaml'), await readFile(join(root, 'sandbox/stack/zitadel.yaml')));
  const files = ['OUTPUT', 'STATE', 'STEP_SUMMARY'].map((name) => [`GITHUB_${name}`, join(folder, name)] as const);
  for (const [, path] of files) await writeFile(path, '');
  const defaults = Object.entries(metadata.inputs).map(([name, { default: value }]) => [inputVariable(name), String(value ?? '')] as const);
  const inputs = {
    'access-key': 'BENCHBENCHBENCHBENCH',
    'secret-key': 'measured-and-never-accepted',
    'stack-secret': 'MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6',
    'identity-endpoint': endpoint,
    // Its default is an expression, which only a runner evaluates.
    'github-token': '',
  };
  return {
    PATH: process.env['PATH'] ?? '',
    RUNNER_TEMP: folder,
    GITHUB_WORKSPACE: folder,
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    ...Object.fromEntries(files),
    ...Object.fromEntries(defaults),
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [inputVariable(name), value])),
  };
}

function timed(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  begun: (since: () => number) => void,
): Promise<{ readonly milliseconds: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const since = (): number => performance.now() - start;
    begun(since);
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text.slice(0, 2000)));
    child.once('error', reject);
    let milliseconds = 0;
    child.once('exit', () => {
      milliseconds = since();
    });
    child.once('close', () => resolve({ milliseconds, output: output.join('') }));
  });
}
