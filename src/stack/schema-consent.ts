/** Owns the blocks `consent` and `adopt` of the stack file: what the action may do beyond what it made. The rest is `schema.ts`'s. */
import * as v from 'valibot';

import { block, say } from './fields.ts';

export const consentBlock = v.optional(
  block('What this action may do beyond the stack’s own resources.', {
    agency: v.optional(v.pipe(v.boolean(), say('Make the agency cce_admin_trust where it is missing; CCE needs it once for each project.')), false),
  }),
  {},
);

export const adoptBlock = v.optional(
  block('What this action may take over that somebody else made.', {
    releases: v.optional(
      v.pipe(
        v.boolean(),
        say(
          'Take over Helm releases, issuers, certificates, Secrets and Jobs of the same names that are in the cluster already: their settings are replaced, and destroy removes them. Never what belongs to another stack.',
        ),
      ),
      false,
    ),
  }),
  {},
);
