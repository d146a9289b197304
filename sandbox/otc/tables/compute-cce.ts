/** Owns the row types of CCE: clusters, node pools, nodes, add-ons, jobs. Part of `compute.ts`. */
import type { Row } from '../store.ts';
import type { Tag } from './tag.ts';

/** `cce.clusters` */
export interface CceClusterRow extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly region: string;
  /** IAM user who made it: its certificate has cluster-admin rights. */
  readonly user_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As read back: see section 6.1 of the reference. */
  readonly spec: CceClusterSpec;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly job_id: string;
  readonly tags: readonly Tag[];
  readonly internal_address: string;
  /** Id of the EIP bound to the API server. */
  readonly publicip_id: string | undefined;
  readonly external_address: string | undefined;
  readonly port_ids: readonly string[];
  readonly control_group_id: string;
  readonly node_group_id: string;
  /** False where the order named a group of its own. */
  readonly node_group_is_ours: boolean;
  /** Group of the pods' ports, in CCE Turbo alone. */
  readonly eni_group_id: string | undefined;
}

/** `eni`: CCE Turbo, whose pods have ports of their own in a subnet of the VPC. */
export type ContainerMode = 'vpc-router' | 'overlay_l2' | 'eni';

export interface CceClusterSpec {
  readonly category: string;
  readonly type: string;
  readonly flavor: string;
  readonly version: string;
  readonly platformVersion: string;
  readonly description: string;
  readonly hostNetwork: { readonly vpc: string; readonly subnet: string; readonly SecurityGroup: string };
  readonly containerNetwork: {
    readonly mode: ContainerMode;
    /** Empty in CCE Turbo: its pods are in `eniNetwork`. */
    readonly cidr: string;
    readonly cidrs: readonly { readonly cidr: string }[];
  };
  readonly eniNetwork: { readonly eniSubnetId?: string; readonly eniSubnetCIDR?: string };
  readonly serviceNetwork: { readonly IPv4CIDR: string };
  readonly publicAccess: { readonly cidrs?: readonly string[] };
  readonly authentication: { readonly mode: string; readonly authenticatingProxy: Readonly<Record<string, string>> };
  readonly billingMode: number;
  readonly kubernetesSvcIpRange: string;
  readonly kubeProxyMode: string;
  readonly enableMasterVolumeEncryption: boolean;
  readonly deletionProtection: boolean;
  readonly customSan?: readonly string[];
  readonly masters?: readonly { readonly availabilityZone: string }[];
  readonly extendParam: Readonly<Record<string, string>>;
}

/** `cce.nodepools` */
export interface CceNodePoolRow extends Row {
  readonly cluster_id: string;
  readonly name: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly spec: CceNodePoolSpec;
  /** Empty is normal; `Synchronizing`, `Synchronized`, `SoldOut`, `Deleting`, `Error`. */
  readonly phase: string;
  readonly job_id: string;
}

export interface CceNodePoolSpec {
  readonly type: string;
  readonly initialNodeCount: number;
  readonly autoscaling: Readonly<Record<string, unknown>>;
  readonly nodeManagement: Readonly<Record<string, unknown>>;
  readonly customSecurityGroups?: readonly string[];
  readonly nodeTemplate: CceNodeTemplate;
}

export interface CceNodeTemplate {
  readonly flavor: string;
  readonly az: string;
  readonly os: string;
  readonly login: { readonly sshKey?: string; readonly userPassword?: unknown };
  readonly rootVolume: CceVolume;
  readonly dataVolumes: readonly CceVolume[];
  readonly nodeNicSpec: { readonly primaryNic: { readonly subnetId: string; readonly fixedIps?: readonly string[] | undefined } };
  readonly runtime: { readonly name: string };
  readonly k8sTags: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
  readonly userTags: readonly Tag[];
  /** EIPs that exist, or how many to make and how. */
  readonly publicIP: CcePublicIp;
  readonly [other: string]: unknown;
}

export interface CcePublicIp {
  readonly ids?: readonly string[] | undefined;
  readonly count?: number | undefined;
  readonly eip?:
    | {
        readonly iptype?: string | undefined;
        readonly bandwidth?:
          | { readonly size?: number | undefined; readonly chargemode?: string | undefined; readonly id?: string | undefined }
          | undefined;
      }
    | undefined;
}

export interface CceVolume {
  readonly volumetype: string;
  readonly size: number;
  readonly [other: string]: unknown;
}

/** `cce.nodes` */
export interface CceNodeRow extends Row {
  readonly cluster_id: string;
  /** Undefined for nodes made one by one. */
  readonly pool_id: string | undefined;
  readonly name: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly template: CceNodeTemplate;
  readonly zone: string;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly server_id: string;
  /** Also the node's name in Kubernetes. */
  readonly private_ip: string;
  /** Is it a node of the real control plane? */
  readonly joined: boolean;
  /** An EIP that its order made, which goes with it (unverified). */
  readonly own_public_ip?: string | undefined;
  readonly job_id: string;
}

/** `cce.addons` */
export interface CceAddonRow extends Row {
  readonly cluster_id: string;
  readonly template: string;
  readonly version: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `cce.jobs` */
export interface CceJobRow extends Row {
  /** Milliseconds since the epoch. */
  readonly opened?: number;
  readonly project_id: string;
  readonly type: string;
  readonly cluster_id: string;
  readonly resource_id: string;
  readonly resource_name: string;
  readonly phase: 'Initializing' | 'Running' | 'Success' | 'Failed';
  readonly reason: string;
  readonly created_at: string;
  readonly updated_at: string;
}
