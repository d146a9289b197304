/**
 * Owns the rules between settings that the schema cannot say: zones of the region, flavors against high availability,
 * those between networks are `networks.ts`'s, those of names `name-rules.ts`'s. Pure: a stack in, problems with their paths out.
 */
import { zonesOf } from './defaults.ts';
import type { Path, Problem } from './document.ts';
import { nameProblems } from './name-rules.ts';
import { networkProblems } from './networks.ts';
import type { StackFile } from './schema.ts';
import type { Stack } from './stack.ts';

/** All problems of a complete stack; `file` tells what the user wrote from what is a default. */
export function problemsOf(file: StackFile, stack: Stack): Problem[] {
  return [
    ...gatewayProblems(file, stack),
    ...networkProblems(file, stack),
    ...databaseProblems(file, stack),
    ...clusterProblems(file, stack),
    ...nameProblems(file, stack),
  ];
}

/** Envoy Gateway knows no Ingress, which is what a class is of. */
function gatewayProblems(file: StackFile, { ingress, zitadel }: Stack): Problem[] {
  if (ingress.controller !== 'envoy-gateway') return [];
  const problems: Problem[] = [];
  if (file.ingress.className !== undefined)
    problems.push({
      path: ['ingress', 'className'],
      reads: ['ingress.controller'],
      message: 'Envoy Gateway serves no IngressClass',
      hint: 'Remove the line: its GatewayClass is called envoy-gateway.',
    });
  const [major = 0, minor = 0] = zitadel.chart.version.replace(/^v/, '').split('.').map(Number);
  if (major === 9 && minor < 26)
    problems.push({
      path: ['zitadel', 'chart'],
      reads: ['ingress.controller'],
      message: `ZITADEL's chart ${zitadel.chart.version} knows no routes, only Ingresses`,
      hint: 'Use 9.26.0 or newer, or another ingress.controller.',
    });
  return problems;
}

/** What is allowed and still deserves a word. */
export function noticesOf(stack: Stack): Problem[] {
  const notices: Problem[] = [];
  const say = (path: Path, message: string, hint: string): number => notices.push({ path, message, hint });
  stack.cluster.allow.forEach((entry, index) => {
    if (entry.endsWith('/0'))
      say(['cluster', 'allow', index], 'the API server is open to the whole internet', 'Name the networks that need it, or use "runner".');
  });
  if (stack.cluster.existing === undefined && stack.cluster.flavor.startsWith('cce.s1')) {
    say(
      ['cluster', 'flavor'],
      `${stack.cluster.flavor} has one master only, and that cannot be changed later`,
      'Use cce.s2.small or larger for production.',
    );
  }
  if (stack.database.existing === undefined && stack.database.ha === false)
    say(['database', 'flavor'], 'the database has no standby', 'Use a flavor that ends in .ha for production.');
  if (stack.ingress.controller === 'nginx')
    say(['ingress', 'controller'], 'ingress-nginx was retired in March 2026 and gets no security fixes', 'Use contour.');
  if (stack.ingress.controller === 'envoy-gateway' && stack.ingress.chart === undefined && Number(stack.cluster.version.slice(3)) < 33)
    say(
      ['cluster', 'version'],
      `Envoy Gateway 1.9 is not tested by its makers on ${stack.cluster.version} (v1.33 and newer)`,
      'Use v1.33, or pin an older chart of Envoy Gateway with "ingress.chart".',
    );
  if (stack.certificates.issuer === 'letsencrypt-staging')
    say(['certificates', 'issuer'], 'browsers do not trust the staging issuer', 'Use letsencrypt for production.');
  return notices;
}

function databaseProblems(file: StackFile, stack: Stack): Problem[] {
  const problems: Problem[] = [];
  const { database } = stack;
  const at = (...path: Path): Path => ['database', ...path];
  const highlyAvailable = database.flavor.endsWith('.ha');
  if (database.existing === undefined && highlyAvailable !== (database.ha !== false)) {
    const right = highlyAvailable ? database.flavor.slice(0, -3) : `${database.flavor}.ha`;
    problems.push({
      path: at('flavor'),
      reads: ['database.ha', 'database.existing'],
      message: `${database.flavor} does not go with ${database.ha === false ? '"ha: false"' : 'high availability'}`,
      hint: `Use ${right}, or leave "ha" out: it follows from the flavor.`,
    });
  }
  problems.push(...zoneProblems(at('zones'), file.database.zones, stack));
  const zones = database.ha === false ? 1 : 2;
  if (database.zones.length !== zones) {
    problems.push({
      path: at('zones'),
      reads: ['database.ha'],
      message: `${database.zones.length === 1 ? '1 zone is' : `${database.zones.length} zones are`} given, and ${zones === 2 ? 'high availability takes two: primary, standby' : 'a single instance takes one'}`,
    });
  }
  if (Number(database.version) < 14)
    problems.push({ path: at('version'), message: `ZITADEL does not run on PostgreSQL ${database.version}`, hint: 'Use 16.' });
  const { size, autoExpandTo } = database.storage;
  // The smallest disk has 40 GB, whatever the size was meant to be.
  if (autoExpandTo !== 0 && autoExpandTo <= Math.max(40, size)) {
    problems.push({
      path: at('storage', 'autoExpandTo'),
      reads: autoExpandTo <= 40 ? [] : ['database.storage.size'],
      message:
        autoExpandTo <= 40 ? `${autoExpandTo} GB is not above the smallest disk, 40 GB` : `${autoExpandTo} GB is not above the size of ${size} GB`,
      hint: 'Raise it, or set 0 to switch auto-expansion off.',
    });
  }
  const [start, end] = database.backup.window.split('-').map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)));
  if (start === undefined || end === undefined || (end - start + 1440) % 1440 !== 60) {
    problems.push({
      path: at('backup', 'window'),
      message: `"${database.backup.window}" is not one hour`,
      hint: 'RDS takes a window of exactly one hour, such as 02:00-03:00.',
    });
  }
  for (const [key, taken] of [
    ['user', ['root', 'postgres', 'rdsadmin', 'replication', 'public', 'none']],
    ['name', ['postgres', 'template0', 'template1', 'rdsadmin']],
  ] as const) {
    const value = database[key];
    if ((taken as readonly string[]).includes(value) || value.startsWith('pg_'))
      problems.push({ path: at(key), message: `"${value}" is reserved by PostgreSQL or RDS`, hint: 'Use zitadel.' });
  }
  problems.push(...existingProblems(['database'], file.database.existing));
  return problems;
}

function clusterProblems(file: StackFile, stack: Stack): Problem[] {
  const { cluster } = stack;
  const problems: Problem[] = [
    ...zoneProblems(['cluster', 'nodes', 'zones'], file.cluster.nodes.zones, stack),
    ...zoneProblems(['loadBalancer', 'zones'], file.loadBalancer.zones, stack),
    ...foreignZone(['cluster', 'bastion', 'zone'], file.cluster.bastion.zone, stack),
    ...existingProblems(['network'], file.network.existing),
    ...existingProblems(['cluster'], file.cluster.existing),
    ...existingProblems(['loadBalancer'], file.loadBalancer.existing),
    ...existingProblems(['dns'], file.dns.existing),
    ...(['cluster', 'database'] as const).flatMap((name) => {
      const subnet = file.network.subnets[name];
      return typeof subnet === 'object' ? existingProblems(['network', 'subnets', name], subnet.existing) : [];
    }),
  ];
  // Chart 9.34.0: kubeVersion >=1.30.
  if (Number(cluster.version.slice(3)) < 30)
    problems.push({
      path: ['cluster', 'version'],
      message: `ZITADEL's chart does not run on ${cluster.version}`,
      hint: 'Use v1.33; CCE offers v1.30 to v1.33.',
    });
  const limits = { small: 50, medium: 200, large: 1000, xlarge: 2000 } as const;
  const limit = limits[cluster.flavor.split('.')[2] as keyof typeof limits];
  if (cluster.existing === undefined && cluster.nodes.count > limit) {
    problems.push({
      path: ['cluster', 'nodes', 'count'],
      reads: ['cluster.flavor', 'cluster.existing'],
      message: `${cluster.nodes.count} nodes are more than the ${limit} that ${cluster.flavor} manages`,
      hint: 'Choose a larger flavor of the control plane.',
    });
  }
  if (cluster.nodes.count < cluster.nodes.zones.length) {
    problems.push({
      path: ['cluster', 'nodes', 'count'],
      reads: ['cluster.nodes.zones'],
      message: `a count of ${cluster.nodes.count} does not fill ${cluster.nodes.zones.length} zones`,
      hint: 'Raise the count, or name fewer zones.',
    });
  }
  return problems;
}

/** Of zones that the file names; those that it leaves out follow from others. */
function zoneProblems(path: Path, zones: readonly string[] | undefined, stack: Stack): Problem[] {
  if (zones === undefined) return [];
  const foreign = zones.flatMap((zone, index) => foreignZone([...path, index], zone, stack));
  const twice = zones.findIndex((zone, index) => zones.indexOf(zone) !== index);
  // RDS allows both nodes of an instance in one zone; everywhere else a zone named twice is a slip.
  if (twice === -1 || path[0] === 'database') return foreign;
  return [...foreign, { path: [...path, twice], message: `${zones[twice]} is named twice` }];
}

function foreignZone(path: Path, zone: string | undefined, { region }: Stack): Problem[] {
  const known = zonesOf[region];
  if (zone === undefined || known.includes(zone)) return [];
  return [{ path, reads: ['region'], message: `${zone} is not a zone of ${region}`, hint: `Its zones are ${known.join(', ')}.` }];
}

function existingProblems(path: Path, existing: { id?: string | undefined; name?: string | undefined } | undefined): Problem[] {
  if (existing === undefined || (existing.id === undefined) !== (existing.name === undefined)) return [];
  const message = existing.id === undefined ? 'neither id nor name is given' : 'both id and name are given';
  return [{ path: [...path, 'existing'], message, hint: 'Give exactly one of them.' }];
}
