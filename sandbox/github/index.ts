/**
 * Owns what the sandbox has of GitHub: the runner's OIDC token endpoint with its key set, the tokens of jobs and users, and
 * the REST API (`api.ts`) in which they may write.
 */
import { createSign, generateKeyPair, type JsonWebKey, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type { Site } from '../contract.ts';
import type { Store } from '../otc/store.ts';
import { githubApi } from './api.ts';
import { tablesIn } from './tables.ts';

const issuer = 'https://token.actions.githubusercontent.com';
const tokenHost = 'pipelinesghubeus1.actions.githubusercontent.com';
/** Seconds an ID token lives. */
const lifetime = 300;

export interface Workflow {
  readonly repository: string;
  readonly ref: string;
  readonly environment?: string;
  readonly runId: string;
  readonly eventName: string;
  readonly actor: string;
}

export interface IdTokens {
  readonly sites: readonly Site[];
  /** Key set as published, for an identity provider's registration. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  readonly issuer: string;
  /** `github.token` of a job: acts as `github-actions[bot]`, with the permissions of the settings row. */
  readonly jobToken: string;
  /** A personal access token of the user `octocat`. */
  readonly userToken: string;
  /** What a job's environment holds: URL and bearer token of the token endpoint. */
  grant(workflow: Workflow): { readonly ACTIONS_ID_TOKEN_REQUEST_URL: string; readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The repository of the sandbox's jobs; its pull request is number 1. */
export const REPOSITORY = 'example/identity';

/** The sites and the key of their tokens (RS256, new in each world). Issues and comments are kept in `store`. */
export async function githubSite(store: Store): Promise<IdTokens> {
  const letters = (length: number): string =>
    randomBytes(64)
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(0, length);
  const [jobToken, userToken] = [`ghs_${letters(36)}`, `ghp_${letters(36)}`];
  const authors = new Map([
    [jobToken, { login: 'github-actions[bot]', type: 'Bot' as const }],
    [userToken, { login: 'octocat', type: 'User' as const }],
  ]);
  seedPullRequest(store);
  const keys = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomBytes(20).toString('hex').toUpperCase();
  const jwks = { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid }] };
  const grants = new Map<string, Workflow>();

  const idToken = (workflow: Workflow, audience: string): string => {
    const now = Math.floor(Date.now() / 1000);
    const [owner = ''] = workflow.repository.split('/');
    const subject = workflow.environment === undefined ? `ref:${workflow.ref}` : `environment:${workflow.environment}`;
    const claims = {
      jti: randomUUID(),
      sub: `repo:${workflow.repository}:${subject}`,
      aud: audience,
      ref: workflow.ref,
      sha: '0000000000000000000000000000000000000000',
      repository: workflow.repository,
      repository_owner: owner,
      repository_owner_id: '1000001',
      repository_id: '2000002',
      repository_visibility: 'private',
      run_id: workflow.runId,
      run_number: '1',
      run_attempt: '1',
      actor: workflow.actor,
      actor_id: '3000003',
      workflow: 'deploy',
      workflow_ref: `${workflow.repository}/.github/workflows/deploy.yml@${workflow.ref}`,
      job_workflow_ref: `${workflow.repository}/.github/workflows/deploy.yml@${workflow.ref}`,
      head_ref: '',
      base_ref: '',
      event_name: workflow.eventName,
      ref_protected: 'true',
      ref_type: 'branch',
      runner_environment: 'github-hosted',
      ...(workflow.environment === undefined ? {} : { environment: workflow.environment }),
      iss: issuer,
      nbf: now - 600,
      exp: now + lifetime,
      iat: now,
    };
    const body = `${encode({ typ: 'JWT', alg: 'RS256', kid })}.${encode(claims)}`;
    return `${body}.${createSign('sha256').update(body).sign(keys.privateKey, 'base64url')}`;
  };

  const json = (value: unknown): { readonly head: Record<string, string>; readonly body: string } => ({
    head: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(value),
  });

  const sites: Site[] = [
    {
      name: 'actions-id-token',
      hosts: [tokenHost],
      handle(request, response) {
        const url = new URL(request.url ?? '/', `https://${tokenHost}`);
        const workflow = grants.get((request.headers.authorization ?? '').replace(/^bearer /i, ''));
        if (workflow === undefined) {
          response.writeHead(401).end();
          return;
        }
        const owner = workflow.repository.split('/')[0];
        const { head, body } = json({ value: idToken(workflow, url.searchParams.get('audience') ?? `https://github.com/${owner}`) });
        response.writeHead(200, head).end(body);
      },
    },
    {
      name: 'actions-issuer',
      hosts: ['token.actions.githubusercontent.com'],
      handle(request, response) {
        const documents: Readonly<Record<string, unknown>> = {
          '/.well-known/jwks': jwks,
          '/.well-known/openid-configuration': {
            issuer,
            jwks_uri: `${issuer}/.well-known/jwks`,
            subject_types_supported: ['public', 'pairwise'],
            response_types_supported: ['id_token'],
            id_token_signing_alg_values_supported: ['RS256'],
            scopes_supported: ['openid'],
          },
        };
        const found = documents[new URL(request.url ?? '/', issuer).pathname];
        const { head, body } = json(found ?? { message: 'Not Found' });
        response.writeHead(found === undefined ? 404 : 200, head).end(body);
      },
    },
    githubApi(store, (token) => authors.get(token)),
  ];
  return {
    sites,
    jwks,
    issuer,
    jobToken,
    userToken,
    grant(workflow) {
      const token = randomBytes(48).toString('base64url');
      grants.set(token, workflow);
      return {
        ACTIONS_ID_TOKEN_REQUEST_URL: `https://${tokenHost}/${randomBytes(12).toString('hex')}/${randomUUID()}/_apis/distributedtask/hubs/Actions/plans/${randomUUID()}/jobs/${randomUUID()}/idtoken?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
      };
    },
  };
}

/** A pull request to comment on; issues that the action opens come after it. */
function seedPullRequest(store: Store): void {
  const time = '2026-01-01T00:00:00Z';
  const user = { login: 'octocat', type: 'User' as const };
  const what = { title: 'Change the stack', body: null, state: 'open' as const, stateReason: null, labels: [], pullRequest: true };
  tablesIn(store).issues.insert({ id: `${REPOSITORY}#1`, repository: REPOSITORY, number: 1, ...what, user, createdAt: time, updatedAt: time });
}
