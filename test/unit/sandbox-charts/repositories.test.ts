/** Checks that the chart repositories serve what their indexes say, where the real ones serve it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { chartSites } from '../../../sandbox/charts/sites.ts';

describe('chart repositories', () => {
  let server: Server;
  let ask: (host: string, path: string) => Promise<Response>;

  before(async () => {
    const sites = chartSites();
    server = createServer((request, response) => {
      const host = String(request.headers['x-host']);
      request.headers.host = host;
      const site = sites.find(({ hosts }) => hosts.includes(host));
      if (site === undefined) response.writeHead(421).end();
      else void site.handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    ask = (host, path) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-host': host }, redirect: 'manual' });
  });
  after(() => server.close());

  it('serve an index whose digests are those of the archives', async () => {
    const index = parse(await (await ask('charts.zitadel.com', '/index.yaml')).text()) as {
      entries: { zitadel: { version: string; digest: string; urls: string[] }[] };
    };
    assert.deepEqual(
      index.entries.zitadel.map(({ version }) => version),
      ['9.34.0', '9.33.0'],
    );
    for (const { digest, urls } of index.entries.zitadel) {
      const url = new URL(urls[0] ?? '');
      const redirect = await ask(url.host, url.pathname);
      assert.equal(redirect.status, 302);
      const to = new URL(redirect.headers.get('location') ?? '');
      const bytes = Buffer.from(await (await ask(to.host, to.pathname)).arrayBuffer());
      assert.equal(createHash('sha256').update(bytes).digest('hex'), digest);
    }
  });

  it('serve relative archives and refuse what is not there', async () => {
    assert.equal((await ask('charts.jetstack.io', '/charts/cert-manager-v1.21.1.tgz')).status, 200);
    assert.equal((await ask('projectcontour.github.io', '/helm-charts/index.yaml')).status, 200);
    assert.equal((await ask('projectcontour.github.io', '/index.yaml')).status, 404);
  });
});
