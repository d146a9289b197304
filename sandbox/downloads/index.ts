/** Owns the download sites of helm and kubectl: the real paths, checksum files and version files. Any other version does not exist. */
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Site } from '../contract.ts';
import { sha256, sha512, type Tools, tools } from './tools.ts';

export { type Tools, tools } from './tools.ts';

type Files = Readonly<Record<string, () => Promise<Uint8Array | string>>>;

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** `get.helm.sh`, `dl.k8s.io` and its redirect's target. */
export async function downloadSites(cache: string, log: (line: string) => void): Promise<Site[]> {
  const found = await tools(cache, log);
  return [serve('get.helm.sh', ['get.helm.sh'], helmFiles(found), missingBlob), ...kubectlSites(found)];
}

function helmFiles({ helmVersion, helmArchive }: Tools): Files {
  const name = `helm-${helmVersion}-linux-amd64.tar.gz`;
  const archive = lazily(() => readFile(helmArchive));
  const sum = lazily(async () => sha256(await archive()));
  return {
    [`/${name}`]: archive,
    [`/${name}.sha256`]: sum,
    [`/${name}.sha256sum`]: async () => `${await sum()}  ${name}\n`,
    [`/helm${helmVersion.slice(1).split('.')[0]}-latest-version`]: async () => helmVersion,
  };
}

function kubectlSites({ kubectlVersion, bin }: Tools): Site[] {
  const path = `/release/${kubectlVersion}/bin/linux/amd64/kubectl`;
  const binary = lazily(() => readFile(join(bin, 'kubectl')));
  const minor = kubectlVersion.split('.').slice(0, 2).join('.').slice(1);
  const files: Files = {
    [path]: binary,
    [`${path}.sha256`]: lazily(async () => sha256(await binary())),
    [`${path}.sha512`]: lazily(async () => sha512(await binary())),
    '/release/stable.txt': async () => kubectlVersion,
    [`/release/stable-${minor}.txt`]: async () => kubectlVersion,
  };
  const cdn = 'cdn.dl.k8s.io';
  return [
    {
      name: 'dl.k8s.io',
      hosts: ['dl.k8s.io'],
      handle(request, response) {
        // `/v1.34.5/…` and `/stable.txt` are short for the paths below `/release`.
        const asked = new URL(request.url ?? '/', 'https://dl.k8s.io').pathname;
        const target = asked.startsWith('/release/') ? asked : `/release${asked}`;
        response.writeHead(302, { location: `https://${cdn}${target}`, 'content-type': 'text/html' }).end();
      },
    },
    serve(cdn, [cdn], files, missingBlob),
  ];
}

function missingBlob(response: ServerResponse): void {
  const body = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
  response.writeHead(404, { 'content-type': 'application/xml', 'content-length': body.length }).end(body);
}

function serve(name: string, hosts: readonly string[], files: Files, missing: (response: ServerResponse) => void): Site {
  return {
    name,
    hosts,
    async handle(request, response) {
      const make = files[new URL(request.url ?? '/', 'https://site').pathname];
      if (make === undefined) return missing(response);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405).end();
        return;
      }
      const body = Buffer.from(await make());
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    },
  };
}
