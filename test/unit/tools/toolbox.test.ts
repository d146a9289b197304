/** The toolbox: the way to a bastion that was begun before there were credentials is the one that the cluster's client takes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { makeAuthority } from '../../../sandbox/world/authority.ts';
import { toolboxFor } from '../../../src/tools/toolbox.ts';
import { access, bastion, client, host, listening } from './ssh-bastion.ts';

it('approaches a bastion once, for all credentials of what is behind it', async () => {
  const authority = await makeAuthority();
  const { keyPem, chainPem } = await authority.issue({ names: ['api'], addresses: ['127.0.0.1'], by: 'public' });
  const target = await listening(
    createServer({ key: keyPem, cert: chainPem }, (_request, response) => response.end('{"metadata":{"name":"version"}}')),
  );
  const { port, sockets } = await bastion(host.privateKey.open(), client, target);
  const folder = await mkdtemp(join(tmpdir(), 'toolbox-'));
  const pin = { version: '0.0.0', checksum: undefined, mirror: undefined };
  const toolbox = toolboxFor({ inputs: { helm: pin, kubectl: pin }, runnerTemp: folder, workspaceMade: () => undefined });
  const server = `https://127.0.0.1:${target}`;
  await toolbox.approach(access(port), server);
  assert.equal(sockets.size, 1);
  for (const clientKey of [keyPem, `${keyPem}\n`]) {
    const kubeconfig = { server, certificateAuthority: authority.publicCaPem, clientCertificate: chainPem, clientKey, bastion: access(port) };
    const answer = await toolbox.cluster(kubeconfig).api.get('/version', new AbortController().signal);
    assert.equal(answer?.metadata.name, 'version');
  }
  assert.equal(sockets.size, 1, 'still the one connection');
  await toolbox.close();
  await rm(folder, { recursive: true });
});
