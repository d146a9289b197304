/**
 * Owns the row types of the identity tables (`iam.*`): tenants, users, keys, tokens, groups, agencies, identity providers.
 * Network rows are in `network.ts`, compute rows in `compute.ts`.
 */
import type { Store } from '../store.ts';

/** `iam.domains` */
export interface DomainRow {
  readonly id: string;
  readonly name: string;
}

/** `iam.projects` */
export interface ProjectRow {
  readonly id: string;
  /** `eu-de`, or `eu-de_<name>` for a sub-project. */
  readonly name: string;
  readonly region: string;
  readonly domain_id: string;
  readonly parent_id: string;
  readonly description: string;
  readonly enabled: boolean;
}

/** `iam.users` */
export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly password: string;
  readonly domain_id: string;
  readonly enabled: boolean;
  /** Group ids. */
  readonly groups: readonly string[];
  /** User name and password may be used against the API. */
  readonly programmatic: boolean;
  /** What is told about the person; of users that were made through the API. */
  readonly about?: UserDetails | undefined;
}

export interface UserDetails {
  readonly description?: string;
  readonly email?: string;
  readonly areacode?: string;
  readonly phone?: string;
  readonly pwd_status?: boolean;
  readonly xuser_id?: string;
  readonly xuser_type?: string;
  readonly access_mode?: string;
  readonly create_time?: string;
}

/** Who a token or a temporary key stands for; federated users have no row of their own. */
export interface Principal {
  readonly userId: string;
  readonly userName: string;
  readonly domainId: string;
  readonly groups: readonly string[];
  readonly federation?: { readonly provider: string; readonly protocol: string } | undefined;
}

/** `iam.credentials`: the id is the access key. */
export interface CredentialRow {
  readonly id: string;
  readonly secret: string;
  readonly user_id: string;
  readonly status: 'active' | 'inactive';
  readonly description: string;
  readonly create_time: string;
  /** Temporary keys only. */
  readonly temporary?:
    | {
        readonly securityToken: string;
        readonly expires: number;
        readonly principal: Principal;
        /** What the key may do at most. */
        readonly policy?: PolicyDocument | undefined;
      }
    | undefined;
}

/** `iam.tokens`: the id is the SHA-256 of the token. */
export interface TokenRow {
  readonly id: string;
  readonly principal: Principal;
  readonly scope: { readonly project: string } | { readonly domain: string } | null;
  readonly methods: readonly string[];
  readonly issued: number;
  readonly expires: number;
  readonly revoked: boolean;
}

/** `iam.lockouts`: the id is `key:<access key>` or `user:<user id>`. */
export interface LockoutRow {
  readonly id: string;
  readonly failures: number;
  /** Milliseconds since the epoch; 0 while not locked. */
  readonly until: number;
}

/** `iam.groups` */
export interface GroupRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly domain_id: string;
  readonly create_time: number;
}

/** A custom policy's document, as the console and the API take it. */
export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly { readonly Effect: 'Allow' | 'Deny'; readonly Action: readonly string[] }[];
}

/** `iam.roles` */
export interface RoleRow {
  readonly id: string;
  /** Internal name: `te_admin`, `readonly`, `secu_admin`. */
  readonly name: string;
  readonly display_name: string;
  readonly description: string;
  /** `AX` domain level, `XA` project level, `AA` both. */
  readonly type: 'AX' | 'XA' | 'AA';
  /** Set on custom policies: what they allow is checked for each call. */
  readonly policy?: PolicyDocument | undefined;
}

/** `iam.assignments` */
export interface AssignmentRow {
  readonly id: string;
  /** A group's or an agency's id. */
  readonly to: string;
  readonly role_id: string;
  /** A project, the domain, or every project of the domain. */
  readonly on: { readonly project: string } | { readonly domain: string } | { readonly inherited: string };
}

/** `iam.agencies` */
export interface AgencyRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly domain_id: string;
  readonly trust_domain_name: string;
  readonly trust_domain_id: string;
  readonly duration: string;
  readonly create_time: string;
  readonly expire_time: string | null;
  /**
   * Of CCE's agency where the tenant has it from the start. A client that brings one of that name takes it over, without its
   * roles; CCE goes on as it was authorised in the console.
   */
  readonly given?: 'untouched' | 'taken over';
}

/** `iam.identity-providers`: the id is chosen by the user. */
export interface IdentityProviderRow {
  readonly id: string;
  readonly domain_id: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly sso_type: 'virtual_user_sso' | 'iam_user_sso';
  /** Protocol id to mapping id. */
  readonly protocols: Readonly<Record<string, string>>;
  readonly oidc?: OidcConfiguration | undefined;
  readonly saml_metadata?: string | undefined;
}

export interface OidcConfiguration {
  readonly access_mode: string;
  readonly idp_url: string;
  readonly client_id: string;
  readonly authorization_endpoint?: string | undefined;
  readonly scope?: string | undefined;
  readonly response_type?: string | undefined;
  readonly response_mode?: string | undefined;
  /** A JWKS document as text. */
  readonly signing_key: string;
}

/** `iam.mappings` */
export interface MappingRow {
  readonly id: string;
  readonly domain_id: string;
  readonly rules: readonly MappingRule[];
}

export interface MappingRule {
  readonly local: readonly {
    readonly user?: { readonly name?: string | undefined } | undefined;
    readonly group?: { readonly name?: string | undefined } | undefined;
    readonly groups?: string | undefined;
  }[];
  readonly remote: readonly {
    readonly type: string;
    readonly any_one_of?: readonly string[] | undefined;
    readonly not_any_of?: readonly string[] | undefined;
    readonly regex?: boolean | undefined;
  }[];
}

/** The tables of this file by short names, typed. */
export const iamTables = (store: Store) => ({
  domains: store.table<DomainRow>('iam.domains'),
  projects: store.table<ProjectRow>('iam.projects'),
  users: store.table<UserRow>('iam.users'),
  credentials: store.table<CredentialRow>('iam.credentials'),
  tokens: store.table<TokenRow>('iam.tokens'),
  lockouts: store.table<LockoutRow>('iam.lockouts'),
  groups: store.table<GroupRow>('iam.groups'),
  roles: store.table<RoleRow>('iam.roles'),
  assignments: store.table<AssignmentRow>('iam.assignments'),
  agencies: store.table<AgencyRow>('iam.agencies'),
  identityProviders: store.table<IdentityProviderRow>('iam.identity-providers'),
  mappings: store.table<MappingRow>('iam.mappings'),
});
