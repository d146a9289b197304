/**
 * Owns the shape of the validated stack: what `zitadel.yaml` becomes once every default is filled in and every rule is
 * checked. `schema.ts` makes it; all other rooms only read it. Pure data, no secrets in it.
 */

export type Region = 'eu-de' | 'eu-nl' | 'eu-ch2';

/** Something the user already has and we only read; exactly one of id and name. */
export interface Existing {
  readonly id?: string;
  readonly name?: string;
}

export interface Stack {
  /** Version of the file's format. */
  readonly format: 1;
  readonly name: string;
  readonly region: Region;
  /** Host name of ZITADEL, for example `login.example.com`; without a trailing dot, lower case. */
  readonly domain: string;
  /** E-mail for ACME and the DNS zone. */
  readonly contact: string;
  readonly consent: { readonly agency: boolean };
  /** Consents to take over what stands in the cluster without our label: Helm releases, issuers, certificates. */
  readonly adopt: { readonly releases: boolean };
  readonly network: NetworkSettings;
  readonly database: DatabaseSettings;
  readonly cluster: ClusterSettings;
  readonly loadBalancer: LoadBalancerSettings;
  readonly ingress: {
    readonly controller: 'contour' | 'nginx' | 'haproxy' | 'envoy-gateway' | 'existing';
    readonly className: string;
    readonly replicas: number;
    readonly chart?: ChartPin;
  };
  readonly certificates: CertificateSettings;
  readonly dns: DnsSettings;
  readonly zitadel: ZitadelSettings;
  /** Consents to lose data at destroy; each also needs the input `confirm-destroy`. */
  readonly destroy: { readonly database: boolean; readonly zone: boolean };
}

/** A chart's version and, where the user says so, the sha256 of its archive (64 hex digits) and another place than its makers'. */
export interface ChartPin {
  readonly version: string;
  readonly digest?: string;
  readonly repository?: string;
}

export interface NetworkSettings {
  readonly existing?: Existing;
  readonly cidr: string;
  /** `database` equals `cluster` where one subnet serves both, as in the blueprint. */
  readonly subnets: { readonly cluster: SubnetSettings; readonly database: SubnetSettings; readonly single: boolean };
  readonly egress: 'nat-gateway' | 'shared-snat' | 'none';
  readonly natGateway: { readonly size: 'micro' | 'small' | 'medium' | 'large' };
  /** Internal resolvers; two addresses. */
  readonly dns: readonly string[];
}

export interface SubnetSettings {
  readonly existing?: Existing;
  readonly cidr: string;
}

export interface DatabaseSettings {
  readonly existing?: Existing;
  /** `rds.pg.<family>.<size>.<ratio>[.ha]` */
  readonly flavor: string;
  /** Major version, `13` to `17`. */
  readonly version: string;
  readonly ha: { readonly replication: 'async' | 'sync' } | false;
  /** Availability zones: one for a single instance, two for HA. */
  readonly zones: readonly string[];
  /** True where the file leaves them out: they follow the nodes' when it is made, and one that is there keeps its own. */
  readonly zonesFollow?: boolean;
  readonly storage: { readonly type: 'CLOUDSSD' | 'ESSD' | 'COMMON' | 'ULTRAHIGH'; readonly size: number; readonly autoExpandTo: number };
  readonly backup: { readonly keepDays: number; readonly window: string };
  readonly port: number;
  /** Name of the database and of ZITADEL's own role. */
  readonly name: string;
  readonly user: string;
  /** Generations of the derived passwords; raise one to rotate it. */
  readonly passwordGeneration: { readonly root: number; readonly user: number };
}

export interface ClusterSettings {
  readonly existing?: Existing;
  /** `cce.s1.*` one master, `cce.s2.*` three. */
  readonly flavor: string;
  /** `vX.Y` */
  readonly version: string;
  readonly containerNetwork: { readonly mode: 'vpc-router' | 'overlay_l2'; readonly cidr: string };
  readonly serviceCidr: string;
  readonly access: 'eip' | 'bastion' | 'private';
  /** CIDRs that may reach the API server (and SSH on the bastion); `runner` is this run's own address. */
  readonly allow: readonly string[];
  /** Whether plan and drift open the door for `runner` too. */
  readonly openForReads: boolean;
  readonly bastion: {
    readonly image: string;
    readonly flavor: string;
    readonly zone: string;
    /** As for the database. */
    readonly zoneFollows?: boolean;
    readonly keep: boolean;
    /** Minutes after which sshd ends a connection through which nothing goes. */
    readonly idleMinutes: number;
  };
  readonly nodes: {
    readonly flavor: string;
    /** All nodes together, spread over the zones. */
    readonly count: number;
    readonly zones: readonly string[];
    readonly os: string;
    readonly rootVolume: VolumeSettings;
    readonly dataVolume: VolumeSettings;
  };
}

export interface VolumeSettings {
  readonly type: 'SAS' | 'SSD' | 'GPSSD' | 'ESSD';
  /** GB */
  readonly size: number;
}

export interface LoadBalancerSettings {
  readonly existing?: Existing;
  readonly zones: readonly string[];
  /** As for the database. */
  readonly zonesFollow?: boolean;
  readonly l4Flavor: string;
  readonly l7Flavor: string;
  /** Mbit/s of the EIP. */
  readonly bandwidth: number;
}

export interface CertificateSettings {
  readonly issuer: 'letsencrypt' | 'letsencrypt-staging' | 'existing';
  /** Name of an existing TLS Secret in ZITADEL's namespace, with `issuer: existing`. */
  readonly secret?: string;
  readonly certManager: ChartPin;
  readonly solver: ChartPin;
  /** Prefix of the ClusterIssuers' names; the blueprint says `opentelekomcloud-letsencrypt`. */
  readonly issuerName: string;
}

export interface DnsSettings {
  /** Zone without trailing dot; the domain is in it. */
  readonly zone: string;
  readonly existing?: Existing;
  readonly records: 'direct' | 'external-dns' | 'existing';
  /** Seconds. */
  readonly ttl: number;
  /** Name of the project that holds the zone. */
  readonly project: string;
  readonly externalDns: ChartPin;
  /** Stop before database and cluster where the parent does not delegate the zone to OTC. */
  readonly requireDelegation: boolean;
}

export interface ZitadelSettings {
  readonly chart: ChartPin;
  readonly namespace: string;
  readonly release: string;
  readonly replicas: number;
  readonly loginReplicas: number;
  readonly organization: string;
  readonly admin: {
    readonly userName: string;
    readonly email: string;
    readonly firstName: string;
    readonly lastName: string;
    readonly changePassword: boolean;
    readonly passwordGeneration: number;
  };
  readonly tlsMode: 'auto' | 'require' | 'verify-ca' | 'verify-full';
  /** The user's own values, parsed and substituted, secret paths already lifted out; empty where none are given. */
  readonly values: Readonly<Record<string, unknown>>;
}
