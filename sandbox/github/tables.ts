/** Owns what the sandbox's GitHub remembers: rows of the tables `github.*`, the same in `GET /resources` and `PUT /world`. */
import type { Row, Store, Table } from '../otc/store.ts';

/** Whoever wrote something; tokens of jobs act as `github-actions[bot]`. */
export interface Author {
  readonly login: string;
  readonly type: 'User' | 'Bot';
}

/** Issues and pull requests share their numbers; id is `OWNER/NAME#NUMBER`. */
export interface IssueRow extends Row {
  readonly repository: string;
  readonly number: number;
  readonly title: string;
  readonly body: string | null;
  readonly state: 'open' | 'closed';
  readonly stateReason: string | null;
  readonly labels: readonly string[];
  readonly user: Author;
  readonly pullRequest: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface CommentRow extends Row {
  readonly repository: string;
  /** Number of the issue or pull request. */
  readonly issue: number;
  readonly body: string;
  readonly user: Author;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Id is `OWNER/NAME:label`. */
export interface LabelRow extends Row {
  readonly repository: string;
  readonly name: string;
  readonly color: string;
  readonly description: string | null;
}

export type Right = 'none' | 'read' | 'write';

/** The one row `settings`: what the job's token may do, and the limits. Change it with `PUT /world`. */
export interface SettingsRow extends Row {
  readonly permissions: Readonly<Record<'issues' | 'pull_requests', Right>>;
  /** Writes refused from now on by a secondary rate limit; counts down. */
  readonly limitedWrites: number;
  /** Seconds in `retry-after` of such a refusal; 0 leaves the header out. */
  readonly retryAfter: number;
  readonly limitStatus: 403 | 429;
}

export interface Tables {
  readonly issues: Table<IssueRow>;
  readonly comments: Table<CommentRow>;
  readonly labels: Table<LabelRow>;
  readonly settings: () => SettingsRow;
  readonly change: (patch: Partial<SettingsRow>) => void;
}

const DEFAULTS: SettingsRow = {
  id: 'settings',
  permissions: { issues: 'write', pull_requests: 'write' },
  limitedWrites: 0,
  retryAfter: 1,
  limitStatus: 403,
};

/** The tables in a store; the settings row is made at once, so that it can be changed. */
export function tablesIn(store: Store): Tables {
  const settings = store.table<SettingsRow>('github.settings');
  if (settings.get(DEFAULTS.id) === undefined) settings.insert(DEFAULTS);
  return {
    issues: store.table<IssueRow>('github.issues'),
    comments: store.table<CommentRow>('github.comments'),
    labels: store.table<LabelRow>('github.labels'),
    settings: () => settings.get(DEFAULTS.id) ?? DEFAULTS,
    change: (patch) => void settings.update(DEFAULTS.id, patch),
  };
}
