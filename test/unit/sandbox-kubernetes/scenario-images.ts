/**
 * Owns what runs in the pods of `scenario.ts`: a web server, a task that looks at everything a container is given, a program
 * that fails, an API behind the API server.
 */
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ContainerContext, Image } from '../../../sandbox/kubernetes/image.ts';
import { clusterAuthority, makeCa } from '../../../sandbox/kubernetes/pki.ts';

const serve = (container: ContainerContext, server: ReturnType<typeof createServer>, port: number): Promise<number> =>
  new Promise((resolve) => {
    server.listen(port, container.address);
    container.signal.addEventListener('abort', () => {
      server.close();
      server.closeAllConnections();
      setTimeout(() => resolve(0), 400);
    });
  });

/** Signs the certificate of the API that a pod serves. */
export const apiCa = await clusterAuthority(await makeCa('extension'));
const apiServing = await apiCa.server({ name: 'ext', names: ['ext.default.svc'], addresses: [] });

export const images: Image[] = [
  {
    matches: (reference) => reference.includes('test/web'),
    run(container) {
      container.log(`args ${container.args.join(' ')}`);
      const name = container.cluster.spec.name;
      return serve(
        container,
        createServer((request, response) => response.end(`${name} ${request.socket.remoteAddress}`)),
        8080,
      );
    },
    exec: async (_, command) => ({ exitCode: command[0] === 'false' ? 3 : 0, stdout: command.join(' '), stderr: '' }),
  },
  {
    matches: (reference) => reference.includes('test/task'),
    async run(container) {
      container.log(`key ${container.env['KEY']}, file ${await container.files.read('/etc/conf/a')}`);
      container.log(`pods ${(await container.kube?.request('GET', '/api/v1/namespaces/default/pods'))?.status}`);
      container.log(`public ${await container.resolve('login.example.com')}`);
      const socket = await container.connect({ host: 'web', port: 80 });
      socket.write('GET / HTTP/1.0\r\n\r\n');
      let text = '';
      for await (const part of socket) text += String(part);
      container.log(`web says ${text.split('\r\n').at(-1)} to ${container.address}`);
      await container.files.write('/dev/termination-log', 'all done');
      return 0;
    },
  },
  { matches: (reference) => reference.includes('test/fail'), run: async () => 3 },
  {
    matches: (reference) => reference.includes('test/extension'),
    run: (container) =>
      serve(
        container,
        createTlsServer({ cert: apiServing.certPem, key: apiServing.keyPem }, (_, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'ext.example.com/v1', resources: [] }));
        }),
        8443,
      ),
  },
];
