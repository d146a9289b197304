/**
 * Owns the one comment on a pull request: found by its marker and author, updated in place, never a second one. Its text
 * is `report/comment.ts`'s; the calls go through `api.ts`.
 */
import { type Mark, readMark, sameThing } from '../report/marker.ts';
import { type Author, type Github, GithubFault } from './api.ts';

/** `OWNER/NAME` and the number of the pull request. */
export interface PullRequest {
  readonly repository: string;
  readonly number: number;
}

interface Comment {
  readonly id: number;
  readonly body?: string;
  readonly user: Author | null;
}

export type Commented = 'created' | 'updated' | 'unchanged';

/** Makes sure that exactly one comment of ours says `body`. @throws Fault where GitHub refuses */
export async function stickyComment(github: Github, { repository, number }: PullRequest, mark: Mark, body: string): Promise<Commented> {
  const path = `/repos/${repository}/issues/${number}/comments`;
  const ours = async (): Promise<Comment[]> => {
    const marked = ((await github.list(path)) as Comment[]).filter((comment) => isAbout(mark, comment.body));
    const mine = await Promise.all(marked.map(({ user }) => github.mayBeOurs(user)));
    return marked.filter((_, index) => mine[index]).sort((one, other) => one.id - other.id);
  };
  const update = async (comment: Comment): Promise<Commented> => {
    if (comment.body === body) return 'unchanged';
    await github.call('PATCH', `/repos/${repository}/issues/comments/${comment.id}`, { body });
    return 'updated';
  };
  const [found] = await ours();
  if (found !== undefined) return update(found);
  let made: Comment | undefined;
  try {
    made = (await github.call('POST', path, { body })) as Comment;
  } catch (error) {
    if (!(error instanceof GithubFault) || !error.unclear) throw error;
    // It may be there although no answer came.
    const [there] = await ours();
    if (there !== undefined) return update(there);
    made = (await github.call('POST', path, { body })) as Comment;
  }
  // Two runs that looked at the same time both made one: the older stays.
  const [oldest] = await ours();
  if (oldest === undefined || oldest.id >= made.id) return 'created';
  await github.call('DELETE', `/repos/${repository}/issues/comments/${made.id}`);
  return update(oldest);
}

function isAbout(mark: Mark, body: string | undefined): boolean {
  const found = readMark(body ?? '');
  return found !== undefined && sameThing(mark, found);
}

/** The pull request a run belongs to, from `GITHUB_REF` (`refs/pull/7/merge`); undefined for other runs. */
export function pullRequestOf(env: Readonly<Record<string, string | undefined>>): PullRequest | undefined {
  const repository = env['GITHUB_REPOSITORY'];
  const [, number] = /^refs\/pull\/(\d+)\//.exec(env['GITHUB_REF'] ?? '') ?? [];
  return repository === undefined || number === undefined ? undefined : { repository, number: Number(number) };
}
