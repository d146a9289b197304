/** Owns what the parts of one cluster's kubelet share. Types only; the parts are the other files of this folder. */
import type { NodeSpec, World } from '../../contract.ts';
import type { KubeApi } from '../api.ts';
import type { ClusterView } from '../image.ts';
import type { Services } from '../services.ts';
import type { AddressPool } from './addresses.ts';
import type { Recorder } from './events.ts';
import type { Puller } from './pull.ts';
import type { Sources } from './sources.ts';

export interface KubeletContext {
  readonly world: World;
  readonly cluster: ClusterView;
  readonly kube: KubeApi;
  readonly sources: Sources;
  readonly services: Services;
  readonly pool: AddressPool;
  readonly puller: Puller;
  /** Is a real program run for this image? */
  isProgram(reference: string): boolean;
  /** The kubelet's events on a node. */
  readonly recorder: (node: NodeSpec) => Recorder;
  /** Folder of all pods' files. */
  readonly folder: string;
  /** A defect of the sandbox: said in the world's log. */
  failed(error: unknown): void;
}
