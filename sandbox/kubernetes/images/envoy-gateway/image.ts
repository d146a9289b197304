/** Owns the image of Envoy Gateway: the controller, the Job that makes its certificates, the sidecar of its Envoys. */
import type { KubeApi } from '../../api.ts';
import type { ContainerContext, Image } from '../../image.ts';
import type { Secret } from '../../objects.ts';
import { clusterAuthority, makeCa } from '../../pki.ts';
import { serveHealth } from '../health.ts';
import { untilAborted } from '../patience.ts';
import { serveController } from './controller.ts';

export const envoyGateway: Image = {
  matches: (reference) => /(^|\/)envoyproxy\/gateway[:@]/.test(reference),
  async run(context) {
    const words = [...context.command, ...context.args].filter((word) => word !== 'envoy-gateway');
    if (words[0] === 'envoy' && words[1] === 'shutdown-manager') {
      const close = await serveHealth(context, 19_002, ['/healthz', '/shutdown/ready']);
      await untilAborted(context.signal);
      await close();
      return 0;
    }
    const { kube } = context;
    if (kube === undefined) {
      context.log('Error: failed to get kubeconfig');
      return 1;
    }
    if (words[0] === 'server') return serveController(context, kube);
    if (words[0] === 'certgen') return certgen(context, kube);
    context.log(`Error: unknown command "${words[0] ?? ''}" for "envoy-gateway"`);
    return 1;
  },
};

/** Secrets of the control plane; those that are there stay (`certgen` without `--overwrite`). */
async function certgen(context: ContainerContext, kube: KubeApi): Promise<number> {
  const namespace = context.env['ENVOY_GATEWAY_NAMESPACE'] ?? '';
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const authority = await clusterAuthority(await makeCa('envoy-gateway'));
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  for (const name of ['envoy-gateway', 'envoy', 'envoy-rate-limit']) {
    if ((await kube.get<Secret>(`${path}/${name}`)) !== undefined) continue;
    const names = [name, `${name}.${namespace}`, `${name}.${namespace}.svc.cluster.local`];
    const pair = await authority.server({ name, names, addresses: [] });
    const data = { 'ca.crt': base64(authority.ca.certPem), 'tls.crt': base64(pair.certPem), 'tls.key': base64(pair.keyPem) };
    await kube.send('POST', path, { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/tls', data });
  }
  if ((await kube.get<Secret>(`${path}/envoy-oidc-hmac`)) === undefined) {
    const data = { 'hmac-secret': base64(crypto.randomUUID()) };
    await kube.send('POST', path, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'envoy-oidc-hmac' }, type: 'Opaque', data });
  }
  context.log('created secrets');
  return 0;
}
