/**
 * Owns the Certificates that cert-manager makes for annotated Ingresses ("ingress-shim"): one for each `tls` entry with a Secret,
 * of the Secret's name, owned by the Ingress. A Certificate of that name that something else made stays as it is.
 */
import type { ContainerContext } from '../../image.ts';
import type { KubeObject } from '../../objects.ts';
import { type Certificate, certificatePath } from './objects.ts';

type Kube = NonNullable<ContainerContext['kube']>;

export interface AnnotatedIngress extends KubeObject {
  readonly spec?: { readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[] };
}

const clusterIssuer = 'cert-manager.io/cluster-issuer';
const issuer = 'cert-manager.io/issuer';

/** @returns true, as there is nothing to come back to */
export async function reconcileIngress(context: ContainerContext, kube: Kube, ingress: AnnotatedIngress): Promise<boolean> {
  const { namespace = '', name, uid = '', annotations = {} } = ingress.metadata;
  const issuerName = annotations[clusterIssuer] ?? annotations[issuer];
  if (issuerName === undefined) return true;
  const issuerRef = { name: issuerName, kind: annotations[clusterIssuer] === undefined ? 'Issuer' : 'ClusterIssuer', group: 'cert-manager.io' };
  for (const { hosts = [], secretName } of ingress.spec?.tls ?? []) {
    if (secretName === undefined || hosts.length === 0) continue;
    const spec = { secretName, dnsNames: hosts, issuerRef, usages: ['digital signature', 'key encipherment'] };
    const there = await kube.get<Certificate>(certificatePath(namespace, secretName));
    if (there === undefined) {
      const owner = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name, uid, controller: true, blockOwnerDeletion: true };
      const metadata = { name: secretName, ownerReferences: [owner] };
      await kube.send('POST', certificatePath(namespace), { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata, spec });
      continue;
    }
    if (there.metadata.ownerReferences?.some((one) => one.uid === uid) !== true) {
      context.log(`I certificate resource is not owned by this object. refusing to update non-owned certificate resource "${secretName}"`);
      continue;
    }
    const same = there.spec.issuerRef.name === issuerName && JSON.stringify(there.spec.dnsNames) === JSON.stringify(hosts);
    if (!same) await kube.send('PATCH', certificatePath(namespace, secretName), { spec });
  }
  return true;
}
