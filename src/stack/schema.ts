/**
 * Owns the one definition of the stack file's form: what keys there are, their types, limits, fixed defaults and what
 * they mean. Validation, the type of the parsed file and `docs/zitadel.schema.json` all come from it. Defaults that
 * follow from other settings are `defaults.ts`'s, rules between settings `rules.ts`'s.
 */
import * as v from 'valibot';
import {
  block,
  chart,
  cidr,
  contact,
  email,
  existing,
  generation,
  HOST,
  integer,
  k8sName,
  person,
  say,
  step10,
  subnet,
  text,
  zones,
} from './fields.ts';
import { clusterBlock } from './schema-cluster.ts';
import { adoptBlock, consentBlock } from './schema-consent.ts';
import { dnsBlock } from './schema-dns.ts';

export const stackSchema = v.strictObject({
  $schema: v.optional(v.pipe(v.string(), say('Where editors find the schema of this file.'))),
  format: v.optional(v.pipe(v.picklist([1]), say("Version of this file's format.")), 1),
  name: text(
    /^[a-z][a-z0-9-]{0,28}[a-z0-9]$/,
    '2 to 30 characters: lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen',
    'Name of the stack; every resource is called after it. It cannot be changed later.',
  ),
  region: v.pipe(v.picklist(['eu-de', 'eu-nl', 'eu-ch2']), say('Region of Open Telekom Cloud.')),
  domain: text(
    HOST,
    'a host name such as login.example.com',
    'Host name under which ZITADEL is reached; another one is another issuer for every application.',
  ),
  contact: contact('E-mail address for Let’s Encrypt and the DNS zone.'),
  consent: consentBlock,
  adopt: adoptBlock,
  network: v.optional(
    block('VPC, subnets and the way out.', {
      existing: existing('A VPC'),
      cidr: v.optional(cidr('CIDR of the VPC: in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, /24 or larger.')),
      subnets: v.optional(
        block('Subnets in the VPC.', {
          cluster: v.optional(subnet('the subnet of nodes and load balancer')),
          database: v.optional(subnet('the subnet of the database')),
          single: v.optional(v.pipe(v.boolean(), say('One subnet, `cluster`, for both.'))),
        }),
        {},
      ),
      egress: v.optional(
        v.pipe(v.picklist(['nat-gateway', 'shared-snat', 'none']), say('How nodes reach the internet; images come from ghcr.io and docker.io.')),
        'nat-gateway',
      ),
      natGateway: v.optional(
        block('NAT gateway.', {
          size: v.optional(v.pipe(v.picklist(['micro', 'small', 'medium', 'large']), say('Size of the NAT gateway.')), 'small'),
        }),
        {},
      ),
      dns: v.optional(
        v.pipe(
          v.array(text(/^\d{1,3}(\.\d{1,3}){3}$/, 'an IPv4 address', 'Address of a resolver.')),
          v.length(2, 'two addresses'),
          say('Resolvers of the subnets.'),
        ),
        ['100.125.4.25', '100.125.129.199'],
      ),
    }),
    {},
  ),
  database: v.optional(
    block('RDS for PostgreSQL.', {
      existing: existing('An RDS instance'),
      flavor: v.optional(
        text(
          /^rds\.pg\.[a-z][a-z0-9]*\.(medium|large|[1-9]?[0-9]*xlarge)(\.(2|4|8))?(\.ha)?$/,
          'rds.pg.<family>.<size>.<GB per vCPU>, with .ha at the end for high availability, for example rds.pg.n1.large.4.ha',
          'Flavor; one that ends in .ha has a standby in a second zone.',
        ),
        'rds.pg.n1.large.4.ha',
      ),
      version: v.optional(
        v.pipe(v.picklist(['13', '14', '15', '16', '17', 13, 14, 15, 16, 17]), say('Major version of PostgreSQL; ZITADEL needs 14 or newer.')),
        '16',
      ),
      ha: v.optional(
        v.union([
          v.pipe(v.boolean(), say('High availability; follows from the flavor where left out.')),
          v.strictObject({ replication: v.optional(v.pipe(v.picklist(['async', 'sync']), say('How the standby follows.')), 'async') }),
        ]),
      ),
      zones: v.optional(
        zones('Availability zones: one, or two for high availability (primary, standby); default: the first of the nodes when it is made.'),
      ),
      storage: v.optional(
        block('Disk.', {
          type: v.optional(v.pipe(v.picklist(['CLOUDSSD', 'ESSD', 'COMMON', 'ULTRAHIGH']), say('Storage type that the region offers.')), 'CLOUDSSD'),
          size: v.optional(
            step10(40, 4000, 'GB, a multiple of 10. It grows, never shrinks: a disk larger than the file explains stays as it is, with a warning.'),
            100,
          ),
          autoExpandTo: v.optional(
            step10(0, 4000, 'GB up to which RDS enlarges the disk by itself; 0 switches that off. Default: five times the size.'),
          ),
        }),
        {},
      ),
      backup: v.optional(
        block('Automatic backups.', {
          keepDays: v.optional(integer(1, 732, 'Days that backups are kept.'), 7),
          window: v.optional(
            text(
              /^([01]\d|2[0-3]):(00|15|30|45)-([01]\d|2[0-3]):(00|15|30|45)$/,
              'one hour in UTC, such as 02:00-03:00, at a quarter of an hour',
              'Hour in which backups start, UTC.',
            ),
            '02:00-03:00',
          ),
        }),
        {},
      ),
      port: v.optional(integer(2100, 9500, 'Port; another one on a living stack breaks connections until ZITADEL runs with it.'), 5432),
      name: v.optional(
        text(/^[a-z][a-z0-9_]{0,62}$/, 'lower-case letters, digits and underscores', 'Name of the database; it stays once ZITADEL runs.'),
        'zitadel',
      ),
      user: v.optional(
        text(/^[a-z][a-z0-9_]{0,62}$/, 'lower-case letters, digits and underscores', 'Name of ZITADEL’s own role; it stays, too.'),
        'zitadel',
      ),
      passwordGeneration: v.optional(
        block('Generations of the derived passwords.', {
          root: generation('the password of root'),
          user: generation('the password of ZITADEL’s role'),
        }),
        {},
      ),
    }),
    {},
  ),
  cluster: clusterBlock,
  loadBalancer: v.optional(
    block('Dedicated load balancer with its public address.', {
      existing: existing('A dedicated load balancer'),
      zones: v.optional(zones('Availability zones; default: those of the nodes when it is made.')),
      l4Flavor: v.optional(
        text(/^L4_flavor\.elb\.s\d\.(small|medium|large)$/, 'a flavor such as L4_flavor.elb.s1.small', 'Flavor for TCP.'),
        'L4_flavor.elb.s1.small',
      ),
      l7Flavor: v.optional(
        text(/^L7_flavor\.elb\.s\d\.(small|medium|large)$/, 'a flavor such as L7_flavor.elb.s1.small', 'Flavor for HTTP.'),
        'L7_flavor.elb.s1.small',
      ),
      bandwidth: v.optional(integer(1, 1000, 'Mbit/s of the public address.'), 100),
    }),
    {},
  ),
  ingress: v.optional(
    block('Ingress controller.', {
      controller: v.optional(
        v.pipe(
          v.picklist(['contour', 'nginx', 'haproxy', 'envoy-gateway', 'existing']),
          say('Which controller; nginx is the blueprint’s and was retired by its makers in March 2026.'),
        ),
        'contour',
      ),
      className: v.optional(k8sName('IngressClass; needed with `controller: existing`.')),
      replicas: v.optional(integer(1, 50, 'Replicas of the controller.'), 2),
      chart: v.optional(chart('the controller')),
    }),
    {},
  ),
  certificates: v.optional(
    block('TLS certificate of the domain.', {
      issuer: v.optional(v.pipe(v.picklist(['letsencrypt', 'letsencrypt-staging', 'existing']), say('Who signs.')), 'letsencrypt'),
      secret: v.optional(k8sName('TLS Secret in ZITADEL’s namespace; needed with `issuer: existing`, and checked before anything names it.')),
      certManager: v.optional(chart('cert-manager'), 'v1.21.1'),
      solver: v.optional(chart('the DNS01 solver for Open Telekom Cloud'), '0.1.4'),
      issuerName: v.optional(k8sName('Name of the ClusterIssuer; the staging one adds -staging.'), 'opentelekomcloud-letsencrypt'),
    }),
    {},
  ),
  dns: dnsBlock,
  zitadel: v.optional(
    block('ZITADEL itself.', {
      chart: v.optional(chart('ZITADEL'), '9.34.0'),
      namespace: v.optional(k8sName('Namespace; it stays once ZITADEL runs.'), 'zitadel'),
      release: v.optional(k8sName('Name of the Helm release; it stays once ZITADEL runs.'), 'zitadel'),
      replicas: v.optional(integer(1, 50, 'Replicas of the server.'), 3),
      loginReplicas: v.optional(integer(1, 50, 'Replicas of the login app.'), 2),
      organization: v.optional(person('Name of the first organization; counts at the first setup only.'), 'ZITADEL'),
      admin: v.optional(
        block('First administrator; counts at the first setup only.', {
          userName: v.optional(text(/^[A-Za-z0-9._@+-]{1,200}$/, 'letters, digits and . _ @ + -', 'User name.'), 'zitadel-admin'),
          email: v.optional(email('E-mail address; default: the contact.')),
          firstName: v.optional(person('First name.'), 'ZITADEL'),
          lastName: v.optional(person('Last name.'), 'Admin'),
          changePassword: v.optional(v.pipe(v.boolean(), say('Ask for a new password at the first login.')), true),
          passwordGeneration: generation('the first password'),
        }),
        {},
      ),
      tlsMode: v.optional(
        v.pipe(
          v.picklist(['auto', 'require', 'verify-ca', 'verify-full']),
          say('TLS to the database; auto is verify-full where it is reached by name, verify-ca by address, which its certificate need not carry.'),
        ),
        'auto',
      ),
      values: v.optional(text(/\S/, 'the path of a file', 'Helm values of your own, relative to this file; they win over those of this action.')),
    }),
    {},
  ),
  destroy: v.optional(
    block('Consent to lose data at `command: destroy`; the input confirm-destroy is needed besides.', {
      database: v.optional(v.pipe(v.boolean(), say('Delete the database instance.')), false),
      zone: v.optional(v.pipe(v.boolean(), say('Delete the DNS zone.')), false),
    }),
    {},
  ),
});

/** The stack file after validation, fixed defaults filled in. */
export type StackFile = v.InferOutput<typeof stackSchema>;
