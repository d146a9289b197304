/** Finding callers, certificates, ID tokens: the world's parts that need no namespaces. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPublicKey, createVerify, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import { githubSite } from '../../../sandbox/github/index.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { makeAuthority } from '../../../sandbox/world/authority.ts';
import { inodesOf, procAddress } from '../../../sandbox/world/caller.ts';

describe('callers', () => {
  it('are found by the kernel table of connections', () => {
    const local = procAddress('192.0.2.10', 41692);
    assert.equal(local, '0A0200C0:A2DC');
    const table = `  sl  local_address rem_address   st\n   0: ${local} 010012C6:01BB 01 00000000:00000000 00:00000000 00000000     0        0 4242 1\n`;
    assert.deepEqual(inodesOf(table, local), ['4242']);
    assert.deepEqual(inodesOf(table, procAddress('192.0.2.10', 1)), []);
  });
});

describe('authorities', () => {
  it('issue chains that verify up to their own root alone, and expired ones on request', async () => {
    const authority = await makeAuthority();
    const { chainPem, certPem } = await authority.issue({ names: ['a.test'], addresses: ['10.0.0.1'], by: 'public' });
    const [leaf, intermediate] = chainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter(Boolean)
      .map((pem) => new X509Certificate(pem));
    const root = new X509Certificate(authority.publicCaPem);
    assert.ok(leaf !== undefined && intermediate !== undefined);
    assert.equal(leaf.verify(intermediate.publicKey) && intermediate.verify(root.publicKey) && intermediate.ca, true);
    assert.equal(leaf.verify(new X509Certificate(authority.rdsCaPem).publicKey), false);
    assert.equal(leaf.checkHost('a.test') === 'a.test' && leaf.checkIP('10.0.0.1') === '10.0.0.1', true);
    assert.equal(certPem, leaf.toString());
    const old = new X509Certificate((await authority.issue({ names: ['a.test'], by: 'rds', days: -1 })).certPem);
    assert.ok(Date.parse(old.validTo) < Date.now() && Date.parse(old.validFrom) < Date.parse(old.validTo));
  });

  it('sign requests with their names, and refuse ones without', async () => {
    const authority = await makeAuthority();
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const request = async (extensions: x509.Extension[]): Promise<string> =>
      (
        await x509.Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' }, extensions })
      ).toString('pem');
    const csrPem = await request([new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'login.example.com' }])]);
    const { chainPem } = await authority.sign({ csrPem, by: 'staging' });
    const leaf = new X509Certificate(chainPem);
    assert.equal(leaf.checkHost('login.example.com'), 'login.example.com');
    assert.match(leaf.issuer, /STAGING/);
    await assert.rejects(authority.sign({ csrPem: await request([]), by: 'public' }), /no alternative names/);
  });
});

describe('ID tokens', () => {
  it('are signed by a published key and say who asks, only to who was granted', async () => {
    const github = await githubSite(new Store(assert.ifError));
    const grant = github.grant({ repository: 'o/r', ref: 'refs/heads/main', environment: 'prod', runId: '1', eventName: 'push', actor: 'a' });
    const url = new URL(grant.ACTIONS_ID_TOKEN_REQUEST_URL);
    const site = github.sites.find(({ hosts }) => hosts.includes(url.host));
    const ask = async (bearer: string): Promise<{ status: number; body: string }> => {
      const reply = { status: 0, body: '' };
      const response = {
        writeHead(status: number) {
          reply.status = status;
          return response;
        },
        end(body = '') {
          reply.body = body;
        },
      };
      await site?.handle(
        { url: `${url.pathname}${url.search}&audience=me`, headers: { authorization: `Bearer ${bearer}` } } as never,
        response as never,
      );
      return reply;
    };
    assert.equal((await ask('guess')).status, 401);
    const { value } = JSON.parse((await ask(grant.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).body) as { value: string };
    const [head = '', body = '', signature = ''] = value.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    assert.deepEqual([claims['aud'], claims['iss'], claims['sub']], ['me', github.issuer, 'repo:o/r:environment:prod']);
    const [jwk] = github.jwks.keys;
    assert.ok(jwk !== undefined);
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    assert.equal(createVerify('sha256').update(`${head}.${body}`).verify(key, signature, 'base64url'), true);
  });
});
