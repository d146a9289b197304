/**
 * Owns the download site of RDS's certificate authority: a ZIP behind a short-lived link on a host of its own, without
 * sign-in (API reference 5.6). The link is handed out by `rds.ts`.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { strToU8, zipSync } from 'fflate';
import type { Site, World } from '../contract.ts';

const key = randomBytes(32);
const bucket = 'rds-ssl-certificates';
const object = '/international/Certificate_Download.zip';
/** Seconds a link lives. */
const lifetime = 300;

const signatureOf = (expires: number): string => createHmac('sha256', key).update(`${object}\n${expires}`).digest('base64url');
const hostOf = (region: string): string => `${bucket}.obs.${region}.${region === 'eu-ch2' ? 'sc.otc' : 'otc'}.t-systems.com`;

/** A link that works for five minutes. */
export function certificateLink(region: string): string {
  const expires = Math.floor(Date.now() / 1000) + lifetime;
  return `https://${hostOf(region)}${object}?Expires=${expires}&Signature=${signatureOf(expires)}`;
}

/** The ZIP as the console offers it: the authority's certificate under the name it has there. */
export const certificateArchive = (world: World): Uint8Array => zipSync({ 'otc-ca-rds.pem': strToU8(world.authority.rdsCaPem) });

/** Answers the links. */
export function rdsDownloads(world: World): Site {
  return {
    name: 'rds-downloads',
    hosts: ['eu-de', 'eu-nl', 'eu-ch2'].map(hostOf),
    handle(request, response) {
      const url = new URL(request.url ?? '/', 'https://host');
      const expires = Number(url.searchParams.get('Expires'));
      const valid = url.searchParams.get('Signature') === signatureOf(expires) && expires * 1000 > Date.now();
      if (!valid || request.method !== 'GET' || url.pathname !== object) {
        const code = url.pathname === object ? 'AccessDenied' : 'NoSuchKey';
        response.writeHead(code === 'AccessDenied' ? 403 : 404, { 'content-type': 'application/xml' });
        response.end(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
        return;
      }
      const archive = certificateArchive(world);
      response.writeHead(200, { 'content-type': 'application/zip', 'content-length': archive.length });
      response.end(archive);
    },
  };
}
