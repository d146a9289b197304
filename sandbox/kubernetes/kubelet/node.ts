/** Owns how a node of a pool looks in the API: labels, capacity, conditions as CCE's nodes carry them. Pure. */
import type { NodeSpec } from '../../contract.ts';

const cores: Record<string, number> = { small: 1, medium: 1, large: 2, xlarge: 4 };

/** vCPUs and GiB of memory by a flavor's name: `s3.large.4` is 2 and 8 (ECS user guide, "ECS specifications"). */
export function sizeOf(flavor: string): { readonly cpus: number; readonly memoryGib: number } {
  const [, size = '', ratio = ''] = /\.([0-9]*x?(?:small|medium|large))\.([0-9]+)/.exec(flavor) ?? [];
  const multiple = /^([0-9]+)xlarge$/.exec(size)?.[1];
  const cpus = multiple === undefined ? (cores[size] ?? 2) : Number(multiple) * 4;
  return { cpus, memoryGib: cpus * (ratio === '' ? 4 : Number(ratio)) };
}

/** The Node object as the kubelet registers it. */
export function nodeObject(
  node: NodeSpec,
  options: { readonly region: string; readonly version: string; readonly now: string },
): Record<string, unknown> {
  const { cpus, memoryGib } = sizeOf(node.flavor);
  // What CCE keeps back for system and kubelet: CCE user guide, "Node Resource Reservation Policy", rounded.
  const reservedMib = Math.round(memoryGib * 1024 * (memoryGib <= 8 ? 0.25 : 0.15)) + 100;
  const pods = memoryGib <= 4 ? 20 : memoryGib <= 8 ? 40 : 110;
  const shared = { 'ephemeral-storage': '49Gi', 'hugepages-1Gi': '0', 'hugepages-2Mi': '0', pods: String(pods) };
  const condition = (type: string, status: string, reason: string, message: string) => ({
    ...{ type, status, reason, message },
    lastHeartbeatTime: options.now,
    lastTransitionTime: options.now,
  });
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'beta.kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/os': 'linux',
        'kubernetes.io/hostname': node.name,
        'node.kubernetes.io/instance-type': node.flavor,
        'node.kubernetes.io/subnetid': '',
        'failure-domain.beta.kubernetes.io/region': options.region,
        'failure-domain.beta.kubernetes.io/zone': node.zone,
        'topology.kubernetes.io/region': options.region,
        'topology.kubernetes.io/zone': node.zone,
        'cce.cloud.com/cce-nodepool': node.poolId,
        'os.name': 'HCE_OS_2.0',
        ...node.labels,
      },
      annotations: { 'kubernetes.io/node-pool.id': node.poolId, 'alpha.kubernetes.io/provided-node-ip': node.address },
    },
    spec: { providerID: node.serverId, ...(node.taints.length === 0 ? {} : { taints: node.taints }) },
    status: {
      addresses: [
        { type: 'InternalIP', address: node.address },
        { type: 'Hostname', address: node.name },
      ],
      capacity: { cpu: String(cpus), memory: `${memoryGib}Gi`, ...shared },
      allocatable: { cpu: `${cpus * 1000 - 70}m`, memory: `${memoryGib * 1024 - reservedMib}Mi`, ...shared },
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        machineID: node.serverId,
        systemUUID: node.serverId,
        bootID: node.serverId,
        kernelVersion: '5.10.0-60.18.0.50.r1083_58.hce2.x86_64',
        osImage: 'Huawei Cloud EulerOS 2.0 (x86_64)',
        containerRuntimeVersion: 'containerd://1.7.28',
        kubeletVersion: options.version,
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture: 'amd64',
      },
    },
  };
}
