/** Owns the stack file's block `dns`, a part of the schema in `schema.ts`. */
import * as v from 'valibot';
import { block, chart, existing, HOST, integer, say, text } from './fields.ts';

export const dnsBlock = v.optional(
  block('Public DNS.', {
    zone: v.optional(
      text(
        HOST,
        'a zone such as example.com',
        'Zone that holds the domain; default: the domain without its first label; the domain itself where that leaves a top-level domain alone.',
      ),
    ),
    existing: existing('A public zone in this project'),
    records: v.optional(
      v.pipe(
        v.picklist(['direct', 'external-dns', 'existing']),
        say('Who writes the A record: this action, external-dns in the cluster, or you; it may change at any time without a gap.'),
      ),
      'direct',
    ),
    ttl: v.optional(integer(1, 2_147_483_647, 'Seconds.'), 300),
    project: v.optional(
      text(
        /^(eu-de|eu-ch2)(_[\w-]{1,60})?$/,
        'the name of a project such as eu-de',
        'Project that holds the public zone; default: the region’s own, the only one that the DNS01 solver sees (eu-de for eu-nl as well).',
      ),
    ),
    externalDns: v.optional(chart('external-dns'), '1.21.1'),
    requireDelegation: v.optional(
      v.pipe(v.boolean(), say('Stop before database and cluster where the parent zone does not delegate to Open Telekom Cloud.')),
      true,
    ),
  }),
  {},
);
