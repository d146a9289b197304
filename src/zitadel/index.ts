/** Owns putting the cluster's resources together: ingress controller, certificates, ZITADEL, external-dns, verification. */
import type { AnyResource } from '../engine/resource.ts';
import type { CloudNeeds, Giving, KubeContext } from '../kube/context.ts';
import { namespace } from '../kube/namespace.ts';
import { oneStack } from '../kube/one-stack.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import { certificateResources } from './certificates.ts';
import { externalDnsResources } from './external-dns.ts';
import { ingressControllers } from './ingress.ts';
import { loginToken } from './login-token.ts';
import { onlyOne } from './only-one.ts';
import { ownCertificate } from './own-certificate.ts';
import { zitadelRelease, zitadelSecrets } from './release.ts';
import { type VerificationSeen, verification } from './verification.ts';

export interface ClusterResources {
  /** Every resource, wired; hand them to the walk. */
  readonly all: readonly AnyResource[];
  readonly release: Giving<ReleaseSeen>;
  readonly certificate: AnyResource;
  readonly verification: Giving<VerificationSeen>;
}

/** All resources inside the cluster, and the look at them from outside. */
export function clusterResources(context: KubeContext, given: CloudNeeds): ClusterResources {
  const { stack } = context;
  // A cluster of the stack's own can hold no other one's.
  const cloud = stack.cluster.existing === undefined ? given : { ...given, kubeconfig: oneStack(context, given) };
  const alone = onlyOne(context, cloud);
  const home = namespace(context, cloud, { name: stack.zitadel.namespace, wanted: true, after: { alone } });
  const own = ownCertificate(context, cloud);
  const brought = own.wanted ? [own] : [];
  const certificates = certificateResources(context, cloud, home);
  const wantedCertificate = certificates.certificate.wanted ? [certificates.certificate] : [];
  const ingress = ingressControllers(context, cloud, home, { before: brought, served: wantedCertificate });
  const secrets = zitadelSecrets(context, cloud, home);
  const release = zitadelRelease(context, cloud, secrets, { before: [...ingress.beforeRoutes, ...brought], served: wantedCertificate });
  const token = loginToken(context, cloud, release);
  const gateway = stack.ingress.controller === 'envoy-gateway' ? ingress.wanted : [];
  const externalDns = externalDnsResources(context, cloud, { home, release, gateway });
  const before = [...ingress.wanted, ...wantedCertificate, ...(externalDns.ownership.wanted ? [externalDns.ownership] : [])];
  const verified = verification(context, cloud, { release, before });
  return {
    all: [
      alone,
      home,
      ...ingress.all,
      own,
      ...certificates.all,
      secrets.masterkey,
      secrets.config,
      secrets.databaseCa,
      release,
      token,
      ...externalDns.all,
      verified,
    ],
    release,
    certificate: certificates.certificate,
    verification: verified,
  };
}
