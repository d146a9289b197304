/**
 * Owns what people do by hand that shows from outside, or that exchanges what runs, beside the quiet changes of `by-hand.ts`:
 * replicas, images, addresses, ZITADEL's release, its certificate.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { helmReleases, object } from './cluster.ts';
import { deleted, edited, type HandChange, isRecord, kubectl, named, patched, type Row, rowOf, update } from './hands.ts';
import type { TestWorld } from './world.ts';

/** Nothing but a deploy undoes it. */
const once = async (): Promise<void> => undefined;

/** Of the servers' ports only those of nodes carry two groups. */
const nodePort = (world: TestWorld): Promise<Row> =>
  rowOf(world, 'vpc.ports', (port) => String(port['device_owner']).startsWith('compute:') && (port['security_groups'] as string[]).length > 1);

/** What the row of an address says that is bound to a port. */
function boundTo(port: Row): object {
  const [address] = port['fixed_ips'] as { readonly ip_address: string }[];
  return { bound_to: { kind: 'PORT', id: port.id }, port_id: port.id, private_ip_address: address?.ip_address, status: 'ACTIVE' };
}

/** Kinds that show from outside, or that change what runs: nothing undoes them but a deploy. */
export const loudChanges: readonly HandChange[] = [
  {
    what: 'ZITADEL scaled by hand',
    make: patched('deployment/zitadel', 'zitadel', { spec: { replicas: 1 } }, { spec: { replicas: 3 } }),
    id: 'zitadel/release',
    field: /^Deployment zitadel spec\.replicas$/,
  },
  {
    what: "another image for the controller's pods",
    async make(world) {
      await kubectl(world, ['set', 'image', 'deployment/cert-manager', '-n', 'cert-manager', '*=quay.io/jetstack/cert-manager-controller:v1.0.0']);
      return once;
    },
    id: 'certificates/cert-manager',
    field: /^Deployment cert-manager .*image/,
  },
  {
    what: "somebody's variable and container in ZITADEL's pods",
    async make(world) {
      const containers = [
        { name: 'zitadel', env: [{ name: 'ZITADEL_EXTERNALDOMAIN', value: 'evil.example.com' }] },
        { name: 'guest', image: 'docker.io/evil/guest:1' },
      ];
      const patch = JSON.stringify({ spec: { template: { spec: { containers } } } });
      await kubectl(world, ['patch', 'deployment/zitadel', '-n', 'zitadel', '-o', 'name', '-p', patch]);
      return once;
    },
    id: 'zitadel/release',
    field: /^Deployment zitadel spec\.template\.spec\.containers\[(guest|zitadel\]\.env\[ZITADEL_EXTERNALDOMAIN)\]$/,
  },
  {
    what: "the login app's Service led nowhere",
    make: patched('service/zitadel-login', 'zitadel', { spec: { selector: { nope: 'x' } } }, { spec: { selector: { nope: null } } }),
    id: 'zitadel/release',
    field: /^Service zitadel-login spec\.selector\.nope$/,
    outside: true,
  },
  {
    what: 'an issuer taken away',
    make: deleted('clusterissuer/opentelekomcloud-letsencrypt'),
    id: 'certificates/issuer-production',
    field: /^is not there$/,
  },
  {
    what: 'the A record led elsewhere',
    make: edited('dns.recordsets', isRecord, () => ({ records: ['192.0.2.66'] })),
    id: 'dns/record',
    field: /^records$/,
    outside: true,
  },
  {
    what: "the load balancer's address exchanged for another",
    async make(world) {
      const eip = await rowOf(world, 'vpc.publicips', named('-elb-'));
      await update(world, 'vpc.publicips', eip.id, { bound_to: null, port_id: null, private_ip_address: null, status: 'DOWN' });
      const other = { ...eip, id: 'eip-by-hand', alias: 'by-hand', public_ip_address: '203.0.113.77', tags: [] };
      await world.control.edit({ tables: { 'vpc.publicips': { insert: [other] } } });
      return once;
    },
    id: 'load-balancer/load-balancer',
    field: /^publicips$/,
    outside: true,
  },
  {
    what: 'a public address of somebody bound to a node',
    async make(world) {
      const [eip, node] = [await rowOf(world, 'vpc.publicips', named('-nat-')), await nodePort(world)];
      await world.control.edit({
        tables: {
          'vpc.publicips': { insert: [{ ...eip, id: 'eip-on-node', alias: 'on-node', public_ip_address: '203.0.113.78', ...boundTo(node) }] },
        },
      });
      return once;
    },
    id: 'cluster/node-groups',
    field: /^public address 203\.0\.113\.78 of node /,
  },
  {
    what: 'the load balancer replaced by another one of its name, and its address bound to a node',
    async make(world) {
      const balancer = await rowOf(world, 'elb.loadbalancers', named('-elb-'));
      const [listeners, pools] = await Promise.all(
        ['elb.listeners', 'elb.pools'].map(async (table) =>
          (await world.control.table<Row>(table)).filter((row) => row['loadbalancer_id'] === balancer.id).map(({ id }) => id),
        ),
      );
      await world.control.edit({
        tables: {
          'elb.loadbalancers': { remove: [balancer.id], insert: [{ ...balancer, id: randomUUID() }] },
          'elb.listeners': { remove: listeners ?? [] },
          'elb.pools': { remove: pools ?? [] },
          'vpc.publicips': {
            remove: ['eip-by-hand'],
            update: { [(await rowOf(world, 'vpc.publicips', named('-elb-'))).id]: boundTo(await nodePort(world)) },
          },
        },
      });
      return once;
    },
    id: 'load-balancer/load-balancer',
    field: /^publicips$/,
    outside: true,
    // Its Service is bound to the former one for good.
    also: 'ingress/contour',
  },
];

async function shell(world: TestWorld, script: string): Promise<void> {
  const { exitCode, stderr } = await world.enter(['sh', '-c', script], { timeout: 90_000 });
  assert.equal(exitCode, 0, stderr);
}

/** Upgrades ZITADEL's release with its own chart and values, but for these. */
export const upgradeRelease = (world: TestWorld, set: string): Promise<void> =>
  shell(
    world,
    `helm upgrade zitadel zitadel --repo https://charts.zitadel.com --version 9.34.0 -n zitadel --reuse-values --skip-schema-validation --wait --set ${set}`,
  );

/** Rolls ZITADEL's release back to the revision before the present one, and waits until that runs: till then the login does not answer either. */
export const rollBackRelease = (world: TestWorld): Promise<void> => shell(world, 'helm rollback zitadel -n zitadel --wait');

/** Leaves ZITADEL's release as a Helm that died in the middle of an upgrade leaves it: labels are handed on from revision to revision. */
export async function leavePending(world: TestWorld): Promise<void> {
  const [newest] = (await helmReleases(world)).filter(({ name }) => name === 'zitadel').toSorted((one, other) => other.version - one.version);
  assert.ok(newest);
  const of = (version: number): string => `sh.helm.release.v1.zitadel.v${version}`;
  const { labels } = (await object(world, `secret/${of(newest.version)}`, 'zitadel')).metadata;
  const stored = JSON.parse(newest.text) as { readonly info: object };
  const [version, status] = [newest.version + 1, 'pending-upgrade'];
  const release = gzipSync(JSON.stringify({ ...stored, version, info: { ...stored.info, status } })).toString('base64');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'helm.sh/release.v1',
    metadata: { name: of(version), namespace: 'zitadel', labels: { ...labels, status, version: String(version) } },
    data: { release: Buffer.from(release).toString('base64') },
  };
  await kubectl(world, ['create', '-f', '-'], JSON.stringify(secret));
}

/** Stops cert-manager: nothing is issued or renewed until it is there again. */
export async function stopCertManager(world: TestWorld): Promise<void> {
  await kubectl(world, ['scale', 'deployment/cert-manager', '-n', 'cert-manager', '--replicas=0']);
  await kubectl(world, ['wait', '--for=delete', 'pods', '-n', 'cert-manager', '-l', 'app.kubernetes.io/component=controller', '--timeout=30s']);
}

/** Puts another certificate into ZITADEL's Secret; cert-manager would mend it. */
export async function exchangeCertificate(
  world: TestWorld,
  { certPem, keyPem }: { readonly certPem: string; readonly keyPem: string },
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const data = { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) };
  await kubectl(world, ['patch', 'secret', 'zitadel-tls', '-n', 'zitadel', '-o', 'name', '-p', JSON.stringify({ data })]);
}
