/**
 * Owns the TLS server on port 443 behind which all sites answer under their true host names. A certificate is made when a
 * host is first asked for; a host that no site serves has neither certificate nor DNS entry.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Authority, Site } from '../contract.ts';

export class SiteServer {
  readonly #authority: Authority;
  readonly #sites: Site[] = [];
  readonly #contexts = new Map<string, Promise<SecureContext>>();
  readonly #server: Server;
  readonly #log: (line: string) => void;

  /** @param log hears of handlers that threw: defects of the sandbox */
  constructor(authority: Authority, log: (line: string) => void) {
    this.#authority = authority;
    this.#log = log;
    this.#server = createServer({
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, done) => {
        this.#context(name.toLowerCase()).then(
          (context) => done(null, context),
          (error: Error) => done(error),
        );
      },
    });
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    // A gateway keeps connections for a minute; node's five seconds would race with clients that reuse theirs.
    this.#server.keepAliveTimeout = 60_000;
    this.#server.maxHeadersCount = 200;
  }

  add(site: Site): void {
    for (const host of site.hosts) {
      const other = this.#sites.find((known) => known.hosts.includes(host));
      if (other !== undefined) throw new Error(`${host} is served by ${other.name} already; ${site.name} cannot serve it too`);
    }
    this.#sites.push(site);
  }

  /** The site that serves a host name: an exact one before a suffix, a longer suffix before a shorter. */
  siteOf(host: string): Site | undefined {
    const exact = this.#sites.find((site) => site.hosts.includes(host));
    if (exact !== undefined) return exact;
    let best: { readonly site: Site; readonly length: number } | undefined;
    for (const site of this.#sites) {
      for (const suffix of site.hosts) {
        if (!suffix.startsWith('.') || !host.endsWith(suffix)) continue;
        if (best === undefined || suffix.length > best.length) best = { site, length: suffix.length };
      }
    }
    return best?.site;
  }

  /** Listens; port 0 picks a free one. Resolves with the port. */
  async listen(address: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #context(host: string): Promise<SecureContext> {
    if (this.siteOf(host) === undefined) throw new Error(`no site serves ${host}`);
    let context = this.#contexts.get(host);
    if (context === undefined) {
      context = this.#authority
        .issue({ names: [host], by: 'public' })
        .then(({ keyPem, chainPem }) => createSecureContext({ key: keyPem, cert: chainPem }));
      this.#contexts.set(host, context);
    }
    return await context;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    const site = this.siteOf(host);
    if (site === undefined) {
      response.writeHead(421, { 'content-type': 'text/plain' }).end('Misdirected Request\n');
      return;
    }
    try {
      await site.handle(request, response);
    } catch (error) {
      this.#log(`${site.name}: ${request.method} ${host}${request.url}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal Server Error\n');
    }
  }
}
