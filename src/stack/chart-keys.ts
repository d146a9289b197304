/**
 * Owns finding a misspelled key in the user's Helm values: Helm takes any key and says nothing. The keys of fixed maps are those
 * of values.schema.json and templates of ZITADEL's chart 9.34.0; what is no fixed map (annotations, resources, ZITADEL's own
 * configuration) is not judged. Loaded when a run tells its notices. Pure.
 */
import type { Problem } from './document.ts';
import { isMap, type Values } from './secret-keys.ts';
import { nearest } from './suggest.ts';

const POD =
  'affinity annotations env extraContainers extraVolumeMounts extraVolumes image imagePullSecrets livenessProbe metrics nodeSelector ' +
  'nameOverride fullnameOverride pdb podAdditionalLabels podAnnotations podSecurityContext readinessProbe replicaCount resources securityContext ' +
  'service serviceAccount startupProbe tolerations topologySpreadConstraints configMap ingress gateway';
const JOB =
  'enabled annotations resources backoffLimit activeDeadlineSeconds initContainers extraContainers podAnnotations podAdditionalLabels command';
const MONITOR =
  'enabled additionalLabels honorLabels honorTimestamps metricRelabellings namespace proxyUrl relabellings scheme scrapeInterval scrapeTimeout tlsConfig';
const ROUTE = 'enabled annotations labels parentRefs hostnames filters';

/** By path; what stands in the server's part and the login app's is written once, without `login.`. */
const BOTH = {
  autoscaling: 'enabled annotations behavior maxReplicas metrics minReplicas targetCPU targetMemory',
  configMap: 'annotations',
  gateway: 'httpRoute grpcRoute',
  'gateway.httpRoute': `${ROUTE} paths timeouts`,
  image: 'repository pullPolicy tag',
  ingress: 'enabled className controller annotations hosts tls',
  metrics: 'enabled serviceMonitor',
  'metrics.serviceMonitor': MONITOR,
  pdb: 'enabled minAvailable maxUnavailable annotations',
  service: 'type clusterIP externalTrafficPolicy port protocol appProtocol annotations labels scheme',
  serviceAccount: 'create annotations name',
};
const KEYS: Readonly<Record<string, string>> = {
  '': `${POD} zitadel login imageRegistry envVarsSecret initJob setupJob cleanupJob extraManifests tools postgresql global`,
  zitadel:
    'autoscaling configSecretKey configSecretName configmapConfig dbSslAdminCrtSecret dbSslCaCrt dbSslCaCrtAnnotations dbSslCaCrtSecret ' +
    'dbSslUserCrtSecret debug extraContainers initContainers masterkey masterkeyAnnotations masterkeySecretName podSecurityContext ' +
    'revisionHistoryLimit secretConfig secretConfigAnnotations securityContext selfSignedCert serverSslCrtSecret',
  'zitadel.autoscaling': BOTH.autoscaling,
  'zitadel.debug': 'annotations enabled extraContainers initContainers',
  'zitadel.selfSignedCert': 'additionalDnsName enabled',
  login: `${POD} initContainers enabled autoscaling customConfigmapConfig loginClientSecretPrefix revisionHistoryLimit`,
  initJob: JOB,
  setupJob: `${JOB} additionalArgs machinekeyWriter args`,
  'setupJob.machinekeyWriter': 'image resources',
  cleanupJob: JOB,
  tools: 'kubectl wait4x',
  'tools.kubectl': 'image',
  'tools.wait4x': 'image resources',
  'gateway.grpcRoute': `${ROUTE} matches`,
  ...Object.fromEntries(Object.entries(BOTH).flatMap(([path, keys]) => [path, `login.${path}`].map((one) => [one, keys]))),
};

/** Keys that the chart does not know and that resemble one that it knows; what resembles none is a newer chart's, or nobody's. */
export function misspelled(values: Values): Problem[] {
  return Object.entries(KEYS).flatMap(([block, keys]) => {
    const path = block === '' ? [] : block.split('.');
    const known = keys.split(' ');
    const map = path.reduce((at: unknown, key) => (isMap(at) && Object.hasOwn(at, key) ? at[key] : undefined), values);
    if (!isMap(map)) return [];
    return Object.keys(map).flatMap((key): Problem[] => {
      const near = known.includes(key) ? undefined : nearest(key, known);
      if (near === undefined) return [];
      const message = 'ZITADEL’s chart does not know this key, and Helm leaves it out without a word';
      return [{ path: [...path, key], message, hint: `Did you mean "${near}"?`, atKey: true }];
    });
  });
}
