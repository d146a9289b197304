/**
 * Owns the image of cert-manager's controller: it follows issuers and certificates and works on each one at a time, again and again
 * until it is as wanted. What is done is in `issuers.ts`, `certificates.ts` and `ingress-shim.ts`.
 */
import type { Image } from '../../image.ts';
import type { KubeObject } from '../../objects.ts';
import { serveHealth } from '../health.ts';
import { elected } from '../lease.ts';
import { untilAborted } from '../patience.ts';
import { mayTry, reconcileCertificate } from './certificates.ts';
import { type AnnotatedIngress, reconcileIngress } from './ingress-shim.ts';
import { reconcileIssuer } from './issuers.ts';
import { type Certificate, conditionOf, type Issuer } from './objects.ts';
import { mismatch } from './policies.ts';
import { Works } from './works.ts';

export const certManagerController: Image = {
  matches: (reference) => /(^|\/)cert-manager-controller[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) {
      context.log('E "error executing command" err="error creating rest config"');
      return 1;
    }
    const close = await serveHealth(context, 9403, ['/livez']);
    const flag = '--leader-election-namespace=';
    const namespace = context.args.find((word) => word.startsWith(flag))?.slice(flag.length) ?? 'kube-system';
    if (!(await elected(context, kube, { namespace, name: 'cert-manager-controller' }))) {
      await close();
      return 0;
    }
    const failed = (error: unknown): void => context.log(`E ${(error as Error).message}`);
    const issuers = new Works<Issuer>(context, (issuer) => reconcileIssuer(context, kube, issuer));
    const certificates = new Works<Certificate>(context, async (certificate) => {
      if (!mayTry(context, certificate)) return false;
      await reconcileCertificate(context, kube, certificate);
      const seen = await kube.get<Certificate>(
        `/apis/cert-manager.io/v1/namespaces/${certificate.metadata.namespace}/certificates/${certificate.metadata.name}`,
      );
      return seen === undefined || (conditionOf(seen, 'Ready')?.status === 'True' && conditionOf(seen, 'Issuing') === undefined);
    });
    const follow = <T extends KubeObject>(path: string, works: Works<T>): void =>
      kube.follow<T>(path, { changed: (object) => works.put(object), removed: (object) => works.drop(object), failed }, context.signal);
    follow('/apis/cert-manager.io/v1/clusterissuers', issuers);
    follow('/apis/cert-manager.io/v1/issuers', issuers);
    follow('/apis/cert-manager.io/v1/certificates', certificates);
    const ingresses = new Works<AnnotatedIngress>(context, (ingress) => reconcileIngress(context, kube, ingress));
    follow('/apis/networking.k8s.io/v1/ingresses', ingresses);
    // A Secret that is deleted or damaged is issued again, a CA's Secret that appears makes its issuer ready.
    kube.follow(
      '/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls',
      {
        changed: (secret) => {
          const touched = certificates
            .all()
            .filter((one) => one.metadata.namespace === secret.metadata.namespace && one.spec.secretName === secret.metadata.name);
          for (const certificate of touched) if (mismatch(certificate, secret) !== undefined) certificates.put(certificate);
          for (const issuer of issuers.all()) if (issuer.spec.ca?.secretName === secret.metadata.name) issuers.put(issuer);
        },
        removed: (secret) => {
          for (const one of certificates.all())
            if (one.metadata.namespace === secret.metadata.namespace && one.spec.secretName === secret.metadata.name) certificates.put(one);
        },
        failed,
      },
      context.signal,
    );
    await untilAborted(context.signal);
    await Promise.all([issuers.idle(), certificates.idle(), ingresses.idle(), close()]);
    return 0;
  },
};
