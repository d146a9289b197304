/**
 * Owns the look at a certificate that the user brings (`certificates.issuer: existing`): it is checked before Ingresses or Gateway
 * name its Secret, which would else take a site that is served off the air. Its chain is the verification's to judge, from outside.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { asFault, Fault } from '../engine/fault.ts';
import { check, type Resource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { type CloudNeeds, clusterIn, inCluster, type KubeContext } from '../kube/context.ts';
import { objectPath } from '../kube/paths.ts';
import type { KubeObject } from '../tools/api.ts';
import { tlsSecretName } from './identity.ts';

export interface OwnCertificateSeen {
  /** Why it cannot be served; undefined where it can. */
  readonly problem: string | undefined;
  /** ISO 8601. */
  readonly notAfter: string | undefined;
}

type OwnCertificate = Resource<NeedsCluster, null, OwnCertificateSeen>;

export function ownCertificate(context: KubeContext, { kubeconfig }: Pick<CloudNeeds, 'kubeconfig'>): OwnCertificate {
  const { stack } = context;
  const { namespace } = stack.zitadel;
  const name = tlsSecretName(stack);
  const wanted = stack.certificates.issuer === 'existing';
  const title = `Secret ${namespace}/${name} with a certificate for ${stack.domain}`;
  return check<NeedsCluster, null, OwnCertificateSeen>({
    id: 'certificates/own',
    title,
    needs: { kubeconfig },
    wanted,
    gate: true,
    ...inCluster(context),
    want: () => null,
    observe: async (needs, run) => {
      const cluster = wanted ? clusterIn(context, needs) : undefined;
      if (cluster === undefined) return undefined;
      const live = await cluster.api.get(objectPath({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } }), run.signal);
      return certificateIn(live, stack.domain, new Date());
    },
    diff: (_spec, { problem }) => {
      if (problem === undefined) return [];
      throw new Fault(`Secret ${namespace}/${name} cannot serve https://${stack.domain}: ${problem}`, {
        resource: title,
        finding: 'certificates.secret',
        hint: `ZITADEL's release is not changed before it can. Put certificate and key there: kubectl create secret tls ${name} --namespace=${namespace} --cert=FILE --key=FILE (for one that is there add --dry-run=client --output=yaml | kubectl apply --filename=-), then run again.`,
      });
    },
    facts: ({ notAfter }): Record<string, string> => (notAfter === undefined ? {} : { notAfter }),
  });
}

/** What a TLS Secret holds: the first certificate in `tls.crt` is the server's (Kubernetes, "TLS Secrets"). Pure. */
export function certificateIn(live: KubeObject | undefined, domain: string, now: Date): OwnCertificateSeen {
  const wrong = (problem: string, notAfter?: string): OwnCertificateSeen => ({ problem, notAfter });
  if (live === undefined) return wrong('it is not there');
  const data = (live['data'] ?? {}) as Readonly<Record<string, string>>;
  const missing = ['tls.crt', 'tls.key'].filter((key) => (data[key] ?? '') === '');
  if (missing.length > 0) return wrong(`it lacks ${missing.join(' and ')}`);
  const read = (key: string): Buffer => Buffer.from(data[key] ?? '', 'base64');
  const certificate = orWhy(() => new X509Certificate(read('tls.crt')));
  if (certificate instanceof Fault) return wrong(`tls.crt holds no certificate that can be read (${certificate.message})`);
  const [from, until] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  const notAfter = until.toISOString();
  if (until <= now) return wrong(`its certificate expired at ${notAfter}`, notAfter);
  if (from > now) return wrong(`its certificate is valid from ${from.toISOString()} on only`, notAfter);
  // Browsers do not look at the common name any more.
  if (certificate.checkHost(domain, { subject: 'never' }) === undefined)
    return wrong(`its certificate is for ${certificate.subjectAltName ?? 'no host name at all'}`, notAfter);
  const key = orWhy(() => createPrivateKey(read('tls.key')));
  if (key instanceof Fault) return wrong(`tls.key holds no key that can be read (${key.message})`, notAfter);
  return certificate.checkPrivateKey(key)
    ? { problem: undefined, notAfter }
    : wrong('tls.key is not the key of the certificate in tls.crt', notAfter);
}

function orWhy<T>(make: () => T): T | Fault {
  try {
    return make();
  } catch (error) {
    return asFault(error);
  }
}
