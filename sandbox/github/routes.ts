/**
 * Owns what each route of the sandbox's GitHub does: comments, issues, labels, the user. How requests come in, paging,
 * permissions and limits are `api.ts`'s business.
 */
import type { Author, CommentRow, IssueRow, LabelRow, Tables } from './tables.ts';

/** An error answer in GitHub's shape. */
export class Refused extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly unknown[] | undefined;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}, errors?: readonly unknown[]) {
    super(message);
    this.status = status;
    this.headers = headers;
    this.errors = errors;
  }
}

export interface Asked {
  readonly tables: Tables;
  readonly author: Author;
  readonly groups: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly paged?: boolean;
  /** Permissions of which one is enough; undefined where none is asked. */
  readonly needs: (asked: Asked) => readonly ('issues' | 'pull_requests')[] | undefined;
  readonly handle: (asked: Asked) => { readonly status: number; readonly body?: unknown };
}

/** REST API, "Issues": a body has at most 65,536 characters. */
const LONGEST_BODY = 65_536;
const REPOSITORY = '^/repos/(?<repository>[^/]+/[^/]+)';
const at = (path: string): RegExp => new RegExp(`${REPOSITORY}${path}$`);
const issueOnly = () => ['issues'] as const;

const repositoryOf = ({ groups }: Asked): string => groups['repository'] ?? '';
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

function invalid(message: string, resource: string, field: string): Refused {
  return new Refused(422, `Validation Failed: ${message}`, {}, [{ resource, code: 'custom', field, message }]);
}

function textOf({ body }: Asked, field: string, resource: string): string {
  const value = body[field];
  if (typeof value !== 'string' || value.trim() === '') throw invalid(`${field} can't be blank`, resource, field);
  if (value.length > LONGEST_BODY) throw invalid(`${field} is too long (maximum is ${LONGEST_BODY} characters)`, resource, field);
  return value;
}

function issueOf(asked: Asked): IssueRow {
  const repository = repositoryOf(asked);
  const found = asked.tables.issues.get(`${repository}#${asked.groups['number']}`);
  // Pull requests come from people, not through this API: one that is asked for is there.
  if (found !== undefined) return found;
  throw new Refused(404, 'Not Found');
}

/** The next number of a repository; issues and pull requests count together. */
function nextNumber({ tables }: Asked, repository: string): number {
  return Math.max(0, ...tables.issues.where((row) => row.repository === repository).map(({ number }) => number)) + 1;
}

const userView = ({ login, type }: Author) => ({ login, id: type === 'Bot' ? 41_898_282 : 583_231, type, site_admin: false });

function issueView(row: IssueRow, { tables }: Asked): Record<string, unknown> {
  const { repository, number, title, body, state, stateReason, labels, user, pullRequest, createdAt, updatedAt } = row;
  const url = `https://api.github.com/repos/${repository}/issues/${number}`;
  const html = `https://github.com/${repository}/${pullRequest ? 'pull' : 'issues'}/${number}`;
  return {
    id: 5_000_000 + number,
    url,
    html_url: html,
    comments_url: `${url}/comments`,
    number,
    title,
    body,
    state,
    state_reason: stateReason,
    locked: false,
    user: userView(user),
    labels: labels.map((name) => labelView(tables.labels.get(`${repository}:${name}`) ?? { repository, name, color: 'ededed', description: null })),
    comments: tables.comments.where((comment) => comment.repository === repository && comment.issue === number).length,
    created_at: createdAt,
    updated_at: updatedAt,
    ...(pullRequest ? { pull_request: { url: `https://api.github.com/repos/${repository}/pulls/${number}`, html_url: html } } : {}),
  };
}

function commentView({ id, repository, issue, body, user, createdAt, updatedAt }: CommentRow): Record<string, unknown> {
  const url = `https://api.github.com/repos/${repository}/issues/comments/${id}`;
  const html = `https://github.com/${repository}/issues/${issue}#issuecomment-${id}`;
  return { id: Number(id), url, html_url: html, body, user: userView(user), created_at: createdAt, updated_at: updatedAt };
}

const labelView = ({ name, color, description }: Omit<LabelRow, 'id'>) => ({ name, color, description, default: false });

function addLabels(asked: Asked, names: readonly string[]): void {
  const repository = repositoryOf(asked);
  for (const name of names) {
    const id = `${repository}:${name}`;
    if (asked.tables.labels.get(id) === undefined) asked.tables.labels.insert({ id, repository, name, color: 'ededed', description: null });
  }
}

function namesIn(value: unknown): string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new Refused(422, "Invalid request.\n\nFor 'properties/labels', not an array.");
  return value as string[];
}

const commentNeeds = (asked: Asked) => (issueOf(asked).pullRequest ? (['issues', 'pull_requests'] as const) : issueOnly());

/** A comment by its id; its issue decides which permission is asked. */
function commentOf(asked: Asked): CommentRow {
  const found = asked.tables.comments.get(asked.groups['id'] ?? '');
  if (found === undefined || found.repository !== repositoryOf(asked)) throw new Refused(404, 'Not Found');
  return found;
}

const ownCommentNeeds = (asked: Asked) => {
  const { repository, issue } = commentOf(asked);
  return asked.tables.issues.get(`${repository}#${issue}`)?.pullRequest === true ? (['issues', 'pull_requests'] as const) : issueOnly();
};

export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/user$/,
    needs: () => undefined,
    handle: ({ author }) => {
      if (author.type === 'Bot') throw new Refused(403, 'Resource not accessible by integration');
      return { status: 200, body: userView(author) };
    },
  },
  {
    method: 'GET',
    path: at('/issues/(?<number>\\d+)/comments'),
    paged: true,
    needs: commentNeeds,
    handle: (asked) => {
      const { repository, number } = issueOf(asked);
      return { status: 200, body: asked.tables.comments.where((row) => row.repository === repository && row.issue === number).map(commentView) };
    },
  },
  {
    method: 'POST',
    path: at('/issues/(?<number>\\d+)/comments'),
    needs: commentNeeds,
    handle: (asked) => {
      const { repository, number } = issueOf(asked);
      const ids = asked.tables.comments.all().map(({ id }) => Number(id));
      const time = now();
      const row = {
        id: String(Math.max(1_000_000, ...ids) + 1),
        repository,
        issue: number,
        body: textOf(asked, 'body', 'IssueComment'),
        user: asked.author,
      };
      return { status: 201, body: commentView(asked.tables.comments.insert({ ...row, createdAt: time, updatedAt: time })) };
    },
  },
  {
    method: 'PATCH',
    path: at('/issues/comments/(?<id>\\d+)'),
    needs: ownCommentNeeds,
    handle: (asked) => {
      const { id } = commentOf(asked);
      const after = asked.tables.comments.update(id, { body: textOf(asked, 'body', 'IssueComment'), updatedAt: now() });
      return { status: 200, body: after === undefined ? {} : commentView(after) };
    },
  },
  {
    method: 'DELETE',
    path: at('/issues/comments/(?<id>\\d+)'),
    needs: ownCommentNeeds,
    handle: (asked) => {
      asked.tables.comments.remove(commentOf(asked).id);
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: at('/issues'),
    paged: true,
    needs: issueOnly,
    handle: (asked) => {
      const { query, tables } = asked;
      const repository = repositoryOf(asked);
      const state = query.get('state') ?? 'open';
      const labels = (query.get('labels') ?? '').split(',').filter(Boolean);
      const key = query.get('sort') === 'updated' ? 'updatedAt' : 'createdAt';
      const found = tables.issues
        .where(
          (row) => row.repository === repository && (state === 'all' || row.state === state) && labels.every((name) => row.labels.includes(name)),
        )
        .sort((a, b) => a[key].localeCompare(b[key]) || a.number - b.number);
      if ((query.get('direction') ?? 'desc') === 'desc') found.reverse();
      return { status: 200, body: found.map((row) => issueView(row, asked)) };
    },
  },
  {
    method: 'POST',
    path: at('/issues'),
    needs: issueOnly,
    handle: (asked) => {
      const repository = repositoryOf(asked);
      const title = textOf(asked, 'title', 'Issue');
      const body = asked.body['body'] === undefined ? null : textOf(asked, 'body', 'Issue');
      const labels = asked.body['labels'] === undefined ? [] : namesIn(asked.body['labels']);
      addLabels(asked, labels);
      const number = nextNumber(asked, repository);
      const time = now();
      const kept = { title, body, labels, state: 'open' as const, stateReason: null, user: asked.author, pullRequest: false };
      const row = asked.tables.issues.insert({ id: `${repository}#${number}`, repository, number, ...kept, createdAt: time, updatedAt: time });
      return { status: 201, body: issueView(row, asked) };
    },
  },
  {
    method: 'GET',
    path: at('/issues/(?<number>\\d+)'),
    needs: issueOnly,
    handle: (asked) => ({ status: 200, body: issueView(issueOf(asked), asked) }),
  },
  {
    method: 'PATCH',
    path: at('/issues/(?<number>\\d+)'),
    needs: issueOnly,
    handle: (asked) => {
      const { id, state } = issueOf(asked);
      const { body } = asked;
      const wanted = body['state'] ?? state;
      if (wanted !== 'open' && wanted !== 'closed') throw invalid('state must be open or closed', 'Issue', 'state');
      const reason =
        wanted === 'open' ? (state === 'closed' ? 'reopened' : null) : typeof body['state_reason'] === 'string' ? body['state_reason'] : 'completed';
      const after = asked.tables.issues.update(id, {
        ...(body['title'] === undefined ? {} : { title: textOf(asked, 'title', 'Issue') }),
        ...(body['body'] === undefined ? {} : { body: textOf(asked, 'body', 'Issue') }),
        ...(body['labels'] === undefined ? {} : { labels: namesIn(body['labels']) }),
        state: wanted,
        stateReason: reason,
        updatedAt: now(),
      });
      return { status: 200, body: after === undefined ? {} : issueView(after, asked) };
    },
  },
  {
    method: 'POST',
    path: at('/issues/(?<number>\\d+)/labels'),
    needs: (asked) => (issueOf(asked).pullRequest ? ['issues', 'pull_requests'] : ['issues']),
    handle: (asked) => {
      const row = issueOf(asked);
      const names = namesIn(asked.body['labels']);
      addLabels(asked, names);
      const labels = [...new Set([...row.labels, ...names])];
      const after = asked.tables.issues.update(row.id, { labels, updatedAt: now() });
      return { status: 200, body: after === undefined ? [] : issueView(after, asked)['labels'] };
    },
  },
  {
    method: 'GET',
    path: at('/labels/(?<name>[^/]+)'),
    needs: issueOnly,
    handle: (asked) => {
      const found = asked.tables.labels.get(`${repositoryOf(asked)}:${decodeURIComponent(asked.groups['name'] ?? '')}`);
      if (found === undefined) throw new Refused(404, 'Not Found');
      return { status: 200, body: labelView(found) };
    },
  },
  {
    method: 'POST',
    path: at('/labels'),
    needs: issueOnly,
    handle: (asked) => {
      const repository = repositoryOf(asked);
      const name = textOf(asked, 'name', 'Label');
      const id = `${repository}:${name}`;
      if (asked.tables.labels.get(id) !== undefined)
        throw new Refused(422, 'Validation Failed', {}, [{ resource: 'Label', code: 'already_exists', field: 'name' }]);
      const { color, description } = asked.body;
      const row = {
        id,
        repository,
        name,
        color: typeof color === 'string' ? color : 'ededed',
        description: typeof description === 'string' ? description : null,
      };
      return { status: 201, body: labelView(asked.tables.labels.insert(row)) };
    },
  },
];
