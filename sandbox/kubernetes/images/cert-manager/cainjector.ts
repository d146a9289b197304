/** Owns the image of cert-manager's CA injector: it writes authorities into webhook configurations and API services that ask for one. */
import type { ContainerContext, Image } from '../../image.ts';
import type { KubeObject, Secret } from '../../objects.ts';
import { untilAborted } from '../patience.ts';
import type { Certificate } from './objects.ts';
import { Works } from './works.ts';

const fromSecret = 'cert-manager.io/inject-ca-from-secret';
const fromCertificate = 'cert-manager.io/inject-ca-from';

const admission = '/apis/admissionregistration.k8s.io/v1';
const targets = [
  `${admission}/mutatingwebhookconfigurations`,
  `${admission}/validatingwebhookconfigurations`,
  '/apis/apiregistration.k8s.io/v1/apiservices',
];

export const certManagerCainjector: Image = {
  matches: (reference) => /(^|\/)cert-manager-cainjector[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) return 1;
    const failed = (error: unknown): void => context.log(`E ${(error as Error).message}`);
    const all = targets.map((path) => {
      const works = new Works<Injectable>(context, (object) => inject(kube, path, object));
      kube.follow<Injectable>(path, { changed: (object) => works.put(object), removed: (object) => works.drop(object), failed }, context.signal);
      return works;
    });
    const again = (): void => {
      for (const works of all) for (const object of works.all()) works.put(object);
    };
    // An authority that is new or another one.
    const withAuthority = (secret: Secret): void => {
      if (secret.data?.['ca.crt'] !== undefined) again();
    };
    const secrets = '/api/v1/secrets?fieldSelector=type%21%3Dhelm.sh%2Frelease.v1';
    kube.follow<Secret>(secrets, { changed: withAuthority, removed: withAuthority, failed }, context.signal);
    await untilAborted(context.signal);
    await Promise.all(all.map((works) => works.idle()));
    return 0;
  },
};

interface Injectable extends KubeObject {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  readonly spec?: { readonly caBundle?: string };
}

/** @returns false where the authority is not there yet */
async function inject(kube: NonNullable<ContainerContext['kube']>, path: string, object: Injectable): Promise<boolean> {
  const annotations = object.metadata.annotations ?? {};
  if (annotations[fromSecret] === undefined && annotations[fromCertificate] === undefined) return true;
  const ca = await bundle(kube, annotations);
  if (ca === undefined) return false;
  const target = `${path}/${object.metadata.name}`;
  if (object.webhooks === undefined) {
    if (object.spec?.caBundle !== ca) await kube.send('PATCH', target, { spec: { caBundle: ca } });
  } else if (object.webhooks.some(({ clientConfig }) => clientConfig.caBundle !== ca)) {
    await kube.send('PATCH', target, {
      webhooks: object.webhooks.map((hook) => ({ ...hook, clientConfig: { ...hook.clientConfig, caBundle: ca } })),
    });
  }
  return true;
}

/** The authority that the annotations name, in base64. */
async function bundle(kube: NonNullable<ContainerContext['kube']>, annotations: Readonly<Record<string, string>>): Promise<string | undefined> {
  const direct = annotations[fromSecret]?.split('/');
  if (direct !== undefined) {
    const secret = await kube.get<Secret>(`/api/v1/namespaces/${direct[0]}/secrets/${direct[1]}`);
    return secret?.metadata.annotations?.['cert-manager.io/allow-direct-injection'] === 'true' ? secret.data?.['ca.crt'] : undefined;
  }
  const named = annotations[fromCertificate]?.split('/');
  if (named === undefined) return undefined;
  const certificate = await kube.get<Certificate>(`/apis/cert-manager.io/v1/namespaces/${named[0]}/certificates/${named[1]}`);
  if (certificate === undefined) return undefined;
  return (await kube.get<Secret>(`/api/v1/namespaces/${named[0]}/secrets/${certificate.spec.secretName}`))?.data?.['ca.crt'];
}
