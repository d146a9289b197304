/**
 * Owns the instance that the stack had of its own before `database.existing` was chosen: it holds data, so a deploy leaves it and
 * all that it stands on in place and says so; only destroy with consent takes it. The one in use is `database.ts`'s.
 */
import { type Maybe, type Resource, resource } from '../engine/resource.ts';
import { listInstances } from '../otc/rds.ts';
import { type CloudContext, theOne } from './context.ts';
import { removeInstance } from './database.ts';
import type { DatabaseSeen } from './database-spec.ts';
import type { DatabaseGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

type Needs = {
  readonly vpc: Maybe<VpcResource>;
  /** The cluster's own, where one served both. */
  readonly subnet: Maybe<SubnetResource>;
  readonly subnetCluster: Maybe<SubnetResource>;
  readonly group: Maybe<DatabaseGroup>;
};

export type FormerDatabase = Resource<Needs, null, DatabaseSeen>;

export function formerDatabase(context: CloudContext, needs: Needs): FormerDatabase {
  const { otc, stack, names } = context;
  const { existing } = stack.database;
  const name = names('db');
  return resource<Needs, null, DatabaseSeen>({
    id: 'database/former',
    title: `RDS instance ${name}, which the stack does not use any more`,
    needs,
    wanted: false,
    protect: 'data',
    want: () => null,
    observe: async () => {
      // Where the stack has its own database, that is no former one; where it was named by hand, neither.
      if (existing === undefined || existing.name === name) return undefined;
      const found = theOne(await listInstances(otc, { name }), `RDS instance ${name}`, ({ id }) => id);
      if (found === undefined || found.id === existing.id) return undefined;
      return { ...found, host: found.private_ips[0] ?? '', port: Number(found.port), expansion: undefined };
    },
    diff: () => [],
    apply: async () => {
      throw new Error('the former database is never made');
    },
    destroy: (seen, run) => removeInstance(context, seen, run),
    facts: ({ id, host, port }) => ({ id, host, port: String(port) }),
  });
}
