/**
 * Owns ZITADEL in the cluster: its namespace's Secrets and the Helm release. The masterkey is created once and never
 * overwritten, since ZITADEL does not notice a wrong one; the values are `values.ts`'s.
 */
import type { AnyResource, Resource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { chartRelease, type ReleaseSpec } from '../kube/chart-release.ts';
import { after, type CloudNeeds, type DatabaseSeen, type Giving, type KubeContext, type LoadBalancerSeen } from '../kube/context.ts';
import type { Manifest } from '../kube/paths.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import type { JobLimit } from '../kube/rollout.ts';
import { type SecretSeen, secretObject } from '../kube/secret.ts';
import { configDocument, rolePassword } from './config.ts';
import { downgradeWarnings } from './downgrade.ts';
import { firstSetupWarnings, keepFirst, loginNameIn, sameSite } from './first-setup.ts';
import type { BeforeServing } from './gateway.ts';
import { CONFIG_KEY, fullName, secretNames } from './identity.ts';
import { keepsToken } from './kept-token.ts';
import { restoreToken } from './login-token.ts';
import { setRolePassword } from './role-password.ts';
import { refuseOtherDatabase } from './same-database.ts';
import { zitadelValues } from './values.ts';

type SecretResource<N extends NeedsCluster = NeedsCluster> = ReturnType<typeof secretObject<N>>;

export interface ZitadelSecrets {
  readonly masterkey: SecretResource;
  readonly config: SecretResource<ConfigNeeds>;
  readonly databaseCa: SecretResource<CaNeeds>;
}

type CaNeeds = NeedsCluster & { readonly databaseCa: Giving<{ readonly pem: string }> };
type ConfigNeeds = NeedsCluster & { readonly database: Giving<DatabaseSeen> };

export function zitadelSecrets(context: KubeContext, cloud: CloudNeeds, home: AnyResource): ZitadelSecrets {
  const { stack, secrets } = context;
  const { namespace } = stack.zitadel;
  const { kubeconfig } = cloud;
  const { masterkey } = secrets;
  const masterkeySecret = secretObject<NeedsCluster>(context, {
    id: 'zitadel/masterkey',
    // The database stands first: its check value has then agreed with this masterkey.
    needs: { kubeconfig, home, database: cloud.database },
    wanted: true,
    namespace,
    name: secretNames.masterkey,
    keys: ['masterkey'],
    content: () => (masterkey === undefined ? undefined : () => ({ masterkey: masterkey.open() })),
    inputs: 'stack-secret (or masterkey)',
    createOnly: 'ZITADEL would go on with the wrong key without noticing, and what it stored could not be read any more',
  });
  const databaseCa = secretObject<CaNeeds>(context, {
    id: 'zitadel/database-ca',
    needs: { kubeconfig, home, databaseCa: cloud.databaseCa },
    wanted: true,
    namespace,
    name: secretNames.databaseCa,
    keys: ['ca.crt'],
    content: (needs) => (): Record<string, string> => ({ 'ca.crt': needs.databaseCa.pem }),
    inputs: 'nothing: it comes from RDS',
    known: true,
  });
  const config = secretObject<ConfigNeeds>(context, {
    id: 'zitadel/config',
    // A wrong stack-secret shows at the masterkey, before wrong passwords take the place of right ones.
    needs: { kubeconfig, home, masterkey: masterkeySecret, database: cloud.database, databaseCa },
    wanted: true,
    namespace,
    name: secretNames.config,
    keys: [CONFIG_KEY],
    content: () => {
      const document = configDocument(secrets, context.configuration);
      return document === undefined ? undefined : () => ({ [CONFIG_KEY]: document() });
    },
    inputs: 'stack-secret (or database-password, database-user-password and admin-password)',
    ahead: {
      parts: rolePassword,
      carryOut: ({ kubeconfig: access, database }, run) => setRolePassword(context, context.toolbox.cluster(access), database, run),
      // A database that a former cluster set up: its role may have the password of another generation.
      unseen: ({ database }) => keepsToken(database.tags),
    },
  });
  return { masterkey: masterkeySecret, config, databaseCa };
}

/** Seconds that the Jobs may run before their waiting is taken for what it nearly always is. */
function jobLimits(release: string): Record<string, JobLimit> {
  const name = fullName(release);
  const blocked =
    "it is waiting for the database, which does not answer: check that the database's security group admits rds-client and, in a vpc-router cluster, the container network";
  return { [`${name}-init`]: { seconds: 60, meaning: blocked }, [`${name}-setup`]: { seconds: 600, meaning: 'setup usually takes seconds' } };
}

/** Jobs and ConfigMaps of the hooks, by their names (chart 9.34.0). */
function hookObjects(namespace: string, name: string): Manifest[] {
  const jobs = ['init', 'setup'].map((part) => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: `${name}-${part}`, namespace } }));
  const maps = ['config-yaml', 'login-config-dotenv'].map((part) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${name}-${part}`, namespace },
  }));
  return [...jobs, ...maps];
}

type ReleaseNeeds = NeedsCluster & {
  readonly cluster: Giving<{ readonly version: string }>;
  readonly database: Giving<DatabaseSeen>;
  readonly loadBalancer: Giving<LoadBalancerSeen>;
  readonly masterkey: Giving<SecretSeen>;
  readonly config: Giving<SecretSeen>;
  readonly databaseCa: Giving<SecretSeen>;
};

export function zitadelRelease(
  context: KubeContext,
  cloud: CloudNeeds,
  secrets: ZitadelSecrets,
  { before, served }: BeforeServing,
): Resource<ReleaseNeeds, ReleaseSpec, ReleaseSeen> {
  const { stack } = context;
  const { chart, namespace, release } = stack.zitadel;
  return chartRelease<ReleaseNeeds>(context, {
    id: 'zitadel/release',
    needs: {
      kubeconfig: cloud.kubeconfig,
      cluster: cloud.cluster,
      database: cloud.database,
      loadBalancer: cloud.loadBalancer,
      masterkey: secrets.masterkey,
      config: secrets.config,
      databaseCa: secrets.databaseCa,
      ...after([...cloud.workloads, ...before]),
    },
    wanted: true,
    namespace,
    release,
    source: { repository: 'https://charts.zitadel.com', name: 'zitadel', ...chart },
    values: ({ cluster, database, loadBalancer, masterkey, config, databaseCa }) =>
      zitadelValues({
        stack,
        database,
        address: loadBalancer.eipAddress,
        clusterVersion: cluster.version,
        secretsChanged: [masterkey.changed, config.changed, databaseCa.changed],
      }),
    refuse: (before, wanted) => refuseOtherDatabase(`Helm release ${namespace}/${release}`, before, wanted),
    settled: {
      keep: keepFirst,
      warnings: (before, wanted) => [
        ...downgradeWarnings(before, { version: chart.version, values: wanted }),
        ...firstSetupWarnings(before.values, wanted, stack.contact),
      ],
    },
    changedAfter: (before, wanted) => (sameSite(before, wanted) ? [] : served),
    facts: (values) => {
      const login = loginNameIn(values);
      return login === undefined ? {} : { login };
    },
    restartsFor: ['masterkey', 'config', 'databaseCa'],
    hookObjects: hookObjects(namespace, fullName(release)),
    before: ({ database }, { cluster }, run) => restoreToken(context, cluster, database, run),
    // Migrations of a new version cannot be taken back; the data before them can.
    beforeVersion: async ({ database }, change, run) => context.backup?.(database.id, change, run),
    timeoutSeconds: 1200,
    usualSeconds: 120,
    jobLimits: jobLimits(release),
  });
}
