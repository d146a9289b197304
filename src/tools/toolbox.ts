/**
 * Owns what a run has at hand for a cluster: the API client, and helm and kubectl, which are downloaded only when
 * something must be written. One toolbox a run; `main.ts` makes it and closes it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Run } from '../engine/resource.ts';
import { type KubeApi, kubeApi } from './api.ts';
import type { BastionAccess } from './bastion-ssh.ts';
import type { ChartAccount } from './chart-account.ts';
import { type Charts, chartsIn } from './charts.ts';
import { type PinRequest, pinFor, platformOf, type ToolName } from './checksums.ts';
import { obtain, toolCachePorts } from './download.ts';
import { type Fetch, fetchAnswer } from './fetch.ts';
import { type Helm, helmOver } from './helm.ts';
import { type Kubeconfig, kubeconfigText } from './kubeconfig.ts';
import { type Kubectl, kubectlOver } from './kubectl.ts';
import { type Ended, plainEnv, run as runProcess } from './process.ts';
import { type Tunnel, tunnelThrough } from './tunnel.ts';
import { type Workspace, workspaceIn } from './workspace.ts';

export interface Cluster {
  readonly api: KubeApi;
  readonly charts: Charts;
  helm(run: Run): Promise<Helm>;
  kubectl(run: Run): Promise<Kubectl>;
}

export interface Toolbox {
  readonly charts: Charts;
  /** The cluster of a kubeconfig; the same value gives the same client and files. */
  cluster(kubeconfig: Kubeconfig): Cluster;
  /**
   * Opens the connection to a bastion before there are credentials for what is behind it; {@link cluster} then goes on with it.
   * @param server `https://address:port` of the API server. @throws Fault that says what is wrong with the bastion
   */
  approach(bastion: BastionAccess, server: string): Promise<void>;
  /**
   * Brings helm and kubectl, so that a wrong version or checksum shows before the cloud is touched, not at the end of it.
   * @throws Fault for a version without a known sum, or bytes that do not match theirs
   */
  prepare(run: Run): Promise<void>;
  /** Ends connections and removes the files. */
  close(): Promise<void>;
}

export interface ToolInputs {
  readonly helm: PinRequest;
  readonly kubectl: PinRequest;
}

export interface ToolboxOptions {
  readonly inputs: ToolInputs;
  /** For a registry or repository of charts that is not open to all. */
  readonly chartAccount?: ChartAccount | undefined;
  /** `RUNNER_TEMP` */
  readonly runnerTemp: string;
  /** Told the private directory once it exists; kept for the post step. */
  readonly workspaceMade: (path: string) => void;
  /** Gets charts and repository indexes; over HTTPS where not given. */
  readonly fetch?: Fetch;
}

export function toolboxFor(options: ToolboxOptions): Toolbox {
  const workspace = workspaceIn(options.runnerTemp, options.workspaceMade);
  const charts = chartsIn(workspace, options.fetch ?? fetchAnswer, options.chartAccount);
  const tools = new Map<ToolName, Promise<string>>();
  const clusters = new Map<string, Cluster>();
  const tunnels = new Map<string, Tunnel>();
  /** All credentials for one server share its tunnel. */
  const tunnelTo = (bastion: BastionAccess, server: string): Tunnel => {
    const { hostname, port } = new URL(server);
    const target = { host: hostname, port: Number(port || 443) };
    const key = JSON.stringify([bastion, target]);
    const tunnel = tunnels.get(key) ?? tunnelThrough(bastion, target);
    tunnels.set(key, tunnel);
    return tunnel;
  };
  const tool = (name: ToolName, run: Run): Promise<string> => {
    const promise = tools.get(name) ?? bring(name, options.inputs[name], workspace, run);
    tools.set(name, promise);
    return promise;
  };
  return {
    charts,
    cluster: (kubeconfig) => {
      const id = createHash('sha256').update(JSON.stringify(kubeconfig)).digest('hex').slice(0, 12);
      const known = clusters.get(id);
      if (known !== undefined) return known;
      const { bastion, server } = kubeconfig;
      const tunnel = bastion === undefined ? undefined : tunnelTo(bastion, server);
      const cluster = clusterOf(kubeconfig, tunnel, id, workspace, charts, tool);
      clusters.set(id, cluster);
      return cluster;
    },
    approach: (bastion, server) => tunnelTo(bastion, server).open(),
    prepare: async (run) => {
      await Promise.all([tool('helm', run), tool('kubectl', run)]);
    },
    close: async () => {
      for (const { api } of clusters.values()) api.close();
      await Promise.all([...tunnels.values()].map((tunnel) => tunnel.close()));
      await workspace.remove();
    },
  };
}

async function bring(name: ToolName, request: PinRequest, workspace: Workspace, run: Run): Promise<string> {
  const pin = pinFor(name, request, platformOf(process.platform, process.arch));
  const path = await obtain(pin, join(await workspace.path(), 'tools'), await toolCachePorts(run.say, run.signal));
  run.say(`${name} ${pin.version}, checksum verified`);
  return path;
}

function clusterOf(
  kubeconfig: Kubeconfig,
  tunnel: Tunnel | undefined,
  id: string,
  workspace: Workspace,
  charts: Charts,
  tool: (name: ToolName, run: Run) => Promise<string>,
): Cluster {
  let environment: Promise<Record<string, string | undefined>> | undefined;
  /** Own homes for helm and kubectl, so that the runner's settings neither help nor hinder. */
  const prepare = async (): Promise<Record<string, string | undefined>> => {
    const file = await workspace.write(`kubeconfig-${id}`, kubeconfigText(kubeconfig, await tunnel?.localPort()));
    const home = await workspace.path();
    const at = (folder: string): string => join(home, folder);
    return {
      ...plainEnv(process.env),
      KUBECONFIG: file,
      KUBECACHEDIR: at('kube-cache'),
      KUBERC: 'off',
      HELM_CACHE_HOME: at('helm-cache'),
      HELM_CONFIG_HOME: at('helm-config'),
      HELM_DATA_HOME: at('helm-data'),
    };
  };
  const env = async (): Promise<Record<string, string | undefined>> => {
    // A cut tunnel is mended before a program needs it, and what is wrong with it is said by us, not by the program.
    await tunnel?.localPort();
    environment ??= prepare();
    return environment;
  };
  return {
    api: kubeApi(kubeconfig, tunnel),
    charts,
    helm: async (run) => {
      const program = await tool('helm', run);
      return helmOver(async (args, more) => through(tunnel, runProcess({ program, args, env: await env(), ...more })));
    },
    kubectl: async (run) => {
      const program = await tool('kubectl', run);
      return kubectlOver(async (args, more) => through(tunnel, runProcess({ program, args, env: await env(), ...more })));
    },
  };
}

/** What failed while the tunnel was cut says so: a request that was under way then is lost, and only its program knows which. */
async function through(tunnel: Tunnel | undefined, running: Promise<Ended>): Promise<Ended> {
  const before = tunnel?.cuts ?? 0;
  const ended = await running;
  if (ended.code === 0 || (tunnel?.cuts ?? 0) === before) return ended;
  return { ...ended, cut: true, stderr: `${ended.stderr.trimEnd()}\nThe tunnel through the bastion was cut while this ran.\n` };
}
