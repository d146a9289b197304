/** Owns what a run of an action is given: the request, and the place it runs at. How it runs stands in `run.ts`. */

export interface RunRequest {
  /** Folder that holds `action.yml`; or a script that is run in its place (no post step). */
  readonly action: { readonly folder: string } | { readonly script: string };
  /** By input name; inputs that `action.yml` does not declare are passed on with the runner's warning. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Values that the workflow took from its secrets: masked from the start. */
  readonly secrets: readonly string[];
  /** Files of the checked-out repository, by relative path. */
  readonly files: Readonly<Record<string, string>>;
  /** More environment of the job. */
  readonly env: Readonly<Record<string, string>>;
  readonly debug?: boolean;
}

export interface RunPlace {
  /** The runtime that runs actions. */
  readonly node: string;
  /** Process whose network namespace the action gets. */
  readonly network: number;
  readonly folder: string;
  readonly toolCache: string;
  readonly caFile: string;
  readonly workflow: {
    readonly repository: string;
    readonly ref: string;
    readonly runId: string;
    readonly eventName: string;
    readonly actor: string;
  };
  /** Hears of each line as people see it. */
  readonly show: (line: string) => void;
  /** Hands over how to cancel or signal the run while it goes on. */
  readonly started?: (running: Running) => void;
}

export interface Running {
  /** SIGINT, after 7.5 s SIGTERM, after 2.5 s SIGKILL, to the action's process alone, as the runner does. */
  cancel(): void;
  signal(signal: NodeJS.Signals): void;
}
