/**
 * Owns pulling images onto nodes: whether the registry is reachable from the node, whether the image exists, and containerd's
 * words for both. What an image does is `../images/`.
 */
import type { NodeSpec, World } from '../../contract.ts';
import type { Image, ImageFinder } from '../image.ts';
import type { Container } from '../objects.ts';
import { scaled } from './time.ts';

/** The runtime could not get the image. */
export class PullFailure extends Error {}

export interface Puller {
  /** Is the image on the node, as far as the container's pull policy lets that count? */
  present(node: NodeSpec, container: Container): Image | undefined;
  /** Throws {@link PullFailure} in containerd's words. */
  pull(node: NodeSpec, reference: string): Promise<Image>;
  forget(nodeName: string): void;
  /** Names of the images on a node: they are on its disk, and stay there over a restore. */
  held(nodeName: string): string[];
  hold(nodeName: string, references: readonly string[]): void;
}

const registryAddresses: Record<string, string> = {
  'ghcr.io': '140.82.121.33',
  'docker.io': '44.208.254.194',
  'registry.k8s.io': '34.96.108.209',
  'quay.io': '54.163.152.203',
};

/** Registry, repository and tag of a name, with containerd's defaults. */
export function parseReference(reference: string): {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly full: string;
} {
  const [, name = reference, tag, digest] = /^(.*?)(?::([A-Za-z0-9_][\w.-]*))?(?:@(sha256:[0-9a-f]+))?$/.exec(reference) ?? [];
  const [first = '', ...rest] = name.split('/');
  const hosted = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const registry = hosted ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  const path = hosted ? rest.join('/') : name;
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  const version = digest ?? tag ?? 'latest';
  return { registry, repository, tag: version, full: `${registry}/${repository}${digest === undefined ? ':' : '@'}${version}` };
}

/** Pull policy by default: `Always` for `latest`, else `IfNotPresent` (the API server fills it in; kept for pods made by hand). */
const always = (container: Container): boolean => container.imagePullPolicy === 'Always';

export function puller(world: World, find: ImageFinder): Puller {
  const held = new Map<string, Set<string>>();
  return {
    present(node, container) {
      if (always(container) || held.get(node.name)?.has(container.image) !== true) return undefined;
      return find(container.image);
    },
    async pull(node, reference) {
      const { registry, repository, tag, full } = parseReference(reference);
      const head = `failed to pull and unpack image "${full}": failed to resolve reference "${full}"`;
      if (!node.hasEgress()) {
        await wait(scaled(world, 30));
        const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
        const url = `https://${host}/v2/${repository}/manifests/${tag}`;
        const address = registryAddresses[registry] ?? '203.0.113.250';
        throw new PullFailure(`${head}: failed to do request: Head "${url}": dial tcp ${address}:443: i/o timeout`);
      }
      const image = find(reference);
      if (image === undefined) {
        await wait(scaled(world, 1));
        throw new PullFailure(`${head}: ${full}: not found`);
      }
      await wait(scaled(world, 4));
      const known = held.get(node.name) ?? new Set<string>();
      held.set(node.name, known.add(reference));
      return image;
    },
    forget: (nodeName) => {
      held.delete(nodeName);
    },
    held: (nodeName) => [...(held.get(nodeName) ?? [])],
    hold: (nodeName, references) => {
      held.set(nodeName, new Set(references));
    },
  };
}

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
