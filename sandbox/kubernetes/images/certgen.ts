/**
 * Owns the two small images that make certificates for a chart: `contour certgen` (Secrets `contourcert` and `envoycert`) and
 * `kube-webhook-certgen` (a Secret, then its authority in a webhook configuration).
 */
import type { KubeApi } from '../api.ts';
import type { ContainerContext, Image } from '../image.ts';
import type { Secret } from '../objects.ts';
import { clusterAuthority, makeCa } from '../pki.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const flag = (words: readonly string[], name: string): string | undefined =>
  words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);

/** `contour certgen`; the other commands of that image are `contour.ts`'s. */
export async function contourCertgen(context: ContainerContext, kube: KubeApi): Promise<number> {
  const namespace = flag(context.args, 'namespace') ?? 'projectcontour';
  const authority = await clusterAuthority(await makeCa('Project Contour'));
  for (const name of ['contour', 'envoy']) {
    const pair = await authority.server({ name, names: [name, `${name}.${namespace}`, `${name}.${namespace}.svc.cluster.local`], addresses: [] });
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${name}cert`, labels: { app: 'contour' } },
      type: 'kubernetes.io/tls',
      data: { 'ca.crt': base64(authority.ca.certPem), 'tls.crt': base64(pair.certPem), 'tls.key': base64(pair.keyPem) },
    };
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    // The chart lets it create and update, not read (contour 0.7.0, Role contour-certgen).
    const created = await kube.request<{ message?: string }>('POST', path, secret);
    if (created.status === 409 && context.args.includes('--overwrite')) {
      await kube.send('PUT', `${path}/${name}cert`, secret);
      context.log(`secret/${name}cert updated`);
    } else if (created.status < 300) context.log(`secret/${name}cert created`);
    else {
      context.log(`contour: error: failed output certificates, try --help: ${created.body.message ?? created.status}`);
      return 1;
    }
  }
  return 0;
}

export const webhookCertgen: Image = {
  matches: (reference) => /kube-webhook-certgen[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) {
      context.log('error building kubernetes config');
      return 1;
    }
    const [command = '', ...words] = context.args;
    const namespace = flag(words, 'namespace') ?? 'default';
    const secretName = flag(words, 'secret-name') ?? '';
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const existing = await kube.get<Secret>(`${path}/${secretName}`);
    if (command === 'create') {
      if (existing !== undefined) {
        context.log('secret already exists');
        return 0;
      }
      const hosts = (flag(words, 'host') ?? '').split(',');
      const authority = await clusterAuthority(await makeCa('nil1'));
      const pair = await authority.server({ name: hosts[0] ?? '', names: hosts, addresses: [] });
      const data = { ca: base64(authority.ca.certPem), cert: base64(pair.certPem), key: base64(pair.keyPem) };
      await kube.send('POST', path, { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName }, type: 'Opaque', data });
      return 0;
    }
    const ca = existing?.data?.['ca'];
    if (ca === undefined) {
      context.log(`no secret with name ${secretName} in ${namespace}`);
      return 1;
    }
    const configuration = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${flag(words, 'webhook-name') ?? ''}`;
    const seen = await kube.get<{ webhooks: { clientConfig: object }[] }>(configuration);
    if (seen === undefined) {
      context.log(`the server could not find the requested resource: ${configuration}`);
      return 1;
    }
    const webhooks = seen.webhooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle: ca } }));
    // An update of what was read: the chart gives it no right to patch (ingress-nginx 4.15.1, ClusterRole …-admission).
    await kube.send('PUT', configuration, { ...seen, webhooks });
    return 0;
  },
};
