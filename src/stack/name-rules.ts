/**
 * Owns the rules of names: the domain in its zone, the zone's project, the certificate's Secret, namespaces. All other
 * rules between settings are `rules.ts`'s. Pure: a stack in, problems with their paths out.
 */
import { dnsProjectOf } from './defaults.ts';
import type { Path, Problem } from './document.ts';
import type { StackFile } from './schema.ts';
import type { Stack } from './stack.ts';

/** Namespaces of what else this action installs, or takes away when another controller is chosen (a test compares them with the graph's). */
export const TAKEN_NAMESPACES: readonly string[] = ['cert-manager', 'contour', 'envoy-gateway-system', 'external-dns', 'haproxy', 'nginx-system'];

/** All problems of the stack's names; `file` tells what the user wrote. */
export function nameProblems(file: StackFile, stack: Stack): Problem[] {
  const { ingress, zitadel } = stack;
  const problems = [...domainProblems(stack), ...dnsProjectProblems(stack), ...certificateProblems(stack), ...namespaceProblems(stack)];
  if (ingress.controller === 'existing' && file.ingress.className === undefined) {
    problems.push({
      path: ['ingress', 'controller'],
      reads: ['ingress.className'],
      message: 'with "controller: existing" its IngressClass must be named',
      hint: 'Add "className:".',
    });
  }
  const major = Number(/^v?(\d+)/.exec(zitadel.chart.version)?.[1] ?? 0);
  if (major < 9) {
    const path: Path = ['zitadel', 'chart', ...(typeof file.zitadel.chart === 'object' ? ['version'] : [])];
    problems.push({ path, message: `chart ${zitadel.chart.version} has no login app`, hint: 'Use 9.34.0.' });
  }
  return problems;
}

function domainProblems({ domain, dns }: Stack): Problem[] {
  const problems: Problem[] = [];
  if (domain !== dns.zone && !domain.endsWith(`.${dns.zone}`)) {
    problems.push({
      path: ['domain'],
      reads: ['dns.zone'],
      message: `${domain} is not in the zone ${dns.zone}`,
      hint: `Use a name that ends in .${dns.zone}, or another zone.`,
    });
  }
  if (!dns.zone.includes('.'))
    problems.push({ path: ['dns', 'zone'], message: `${dns.zone} is a top-level domain`, hint: 'Use a zone of your own, such as example.com.' });
  for (const [path, name] of [
    [['domain'], domain],
    [['dns', 'zone'], dns.zone],
  ] as const) {
    if (name.length > 253) problems.push({ path, message: `the name has ${name.length} characters; DNS takes 253` });
  }
  return problems;
}

/** In which project the zone may be. */
function dnsProjectProblems({ region, dns, certificates }: Stack): Problem[] {
  const home = dnsProjectOf(region);
  if (dns.project.split('_')[0] !== home) {
    const message = `public zones of ${region} are managed in ${home}`;
    return [{ path: ['dns', 'project'], reads: ['region'], message, hint: `Use ${home}.` }];
  }
  if (certificates.issuer === 'existing' || dns.project === home) return [];
  return [
    {
      path: ['dns', 'project'],
      reads: ['region', 'certificates.issuer'],
      message: `the DNS01 solver sees the zones of project ${home} only, so no certificate could be issued for one in ${dns.project}`,
      hint: `Leave "project" out and let the zone be in ${home}; or bring a certificate of your own (certificates.issuer: existing).`,
    },
  ];
}

function certificateProblems({ certificates: { issuer, secret } }: Stack): Problem[] {
  if (issuer === 'existing' && secret === undefined) {
    return [
      {
        path: ['certificates', 'issuer'],
        reads: ['certificates.secret'],
        message: 'with "issuer: existing" the certificate’s Secret must be named',
        hint: 'Add "secret:" with the name of a TLS Secret in ZITADEL’s namespace.',
      },
    ];
  }
  if (issuer === 'existing' || secret === undefined) return [];
  const message = 'a Secret of your own goes with "issuer: existing" only';
  return [{ path: ['certificates', 'secret'], reads: ['certificates.issuer'], message }];
}

/** ZITADEL's own; names that begin with `kube-` are the cluster's (Kubernetes, Namespaces). */
function namespaceProblems({ zitadel: { namespace } }: Stack): Problem[] {
  const path = ['zitadel', 'namespace'];
  const hint = 'Use zitadel, or another name of its own.';
  if (TAKEN_NAMESPACES.includes(namespace)) return [{ path, message: `in ${namespace} this action keeps something else than ZITADEL`, hint }];
  return namespace === 'default' || namespace.startsWith('kube-') ? [{ path, message: `${namespace} belongs to the cluster itself`, hint }] : [];
}
