/** Owns the form of the stack file's block `cluster`: control plane, who may reach it and how, nodes. */
import * as v from 'valibot';
import { block, cidr, existing, integer, say, text, volume, zones } from './fields.ts';

export const clusterBlock = v.optional(
  block('CCE cluster and its nodes.', {
    existing: existing('A CCE cluster'),
    flavor: v.optional(
      v.pipe(
        v.picklist(['cce.s1.small', 'cce.s1.medium', 'cce.s2.small', 'cce.s2.medium', 'cce.s2.large', 'cce.s2.xlarge']),
        say('Control plane: s1 has one master, s2 three; small up to 50 nodes, medium 200, large 1000, xlarge 2000.'),
      ),
      'cce.s2.small',
    ),
    version: v.optional(text(/^v1\.\d{2}$/, 'a Kubernetes version such as v1.33', 'Kubernetes version.'), 'v1.33'),
    containerNetwork: v.optional(
      block('Network of the pods.', {
        mode: v.optional(v.pipe(v.picklist(['vpc-router', 'overlay_l2']), say('Network model.')), 'vpc-router'),
        cidr: v.optional(
          cidr('CIDR of the pods, outside the VPC: in 10.0.0.0/8 (/12 to /19), 172.16.0.0/12 (/16 to /19) or 192.168.0.0/16 (/16 to /19).'),
        ),
      }),
      {},
    ),
    serviceCidr: v.optional(cidr('CIDR of the Services, outside VPC and pods.')),
    access: v.optional(
      v.pipe(
        v.picklist(['bastion', 'eip', 'private']),
        say('How this action reaches the API server: through a bastion, at a public address, or inside the VPC.'),
      ),
      'bastion',
    ),
    allow: v.optional(
      v.pipe(
        v.array(text(/^runner$|^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'a network such as 198.51.100.0/24, or the word runner', 'Network, or runner.')),
        v.minLength(1, 'at least one entry'),
        say('Networks that may reach the API server; `runner` is the address of the machine that runs this action.'),
      ),
      ['runner'],
    ),
    openForReads: v.optional(
      v.pipe(v.boolean(), say('Let `plan` and `drift` open the door for `runner` too; else they do not look into the cluster and say so.')),
      false,
    ),
    bastion: v.optional(
      block('The bastion, with `access: bastion`.', {
        image: v.optional(
          text(
            /^Standard_[A-Za-z0-9._-]{3,100}$/,
            'a public image such as Standard_Debian_12_latest',
            'Public image with cloud-init and OpenSSH; the newest of that name.',
          ),
          'Standard_Debian_12_latest',
        ),
        flavor: v.optional(
          text(/^[a-z][a-z0-9]*\.(medium|large|[1-9]?[0-9]*xlarge)\.[1-8]$/, 'an ECS flavor, for example s3.medium.1', 'ECS flavor.'),
          's3.medium.1',
        ),
        keep: v.optional(
          v.pipe(v.boolean(), say('Keep it; else it is there only while a deploy needs it, and `plan` and `drift` do not look into the cluster.')),
          true,
        ),
        idleMinutes: v.optional(
          integer(1, 1440, 'Minutes after which it ends a connection through which nothing goes. OpenSSH 9.2 or newer; older ones keep it.'),
          15,
        ),
        zone: v.optional(v.pipe(v.string(), say('Availability zone; default: the first of the nodes when it is made.'))),
      }),
      {},
    ),
    nodes: v.optional(
      block('Worker nodes: one pool in each zone.', {
        flavor: v.optional(
          text(
            /^[a-z][a-z0-9]*\.(large|[1-9]?[0-9]*xlarge)\.[2-8]$/,
            'an ECS flavor with at least 2 vCPUs and 4 GB, for example s3.large.4',
            'ECS flavor.',
          ),
          's3.large.4',
        ),
        count: v.optional(integer(1, 2000, 'All nodes together, spread over the zones.'), 3),
        zones: v.optional(zones('Availability zones of the nodes; default: all of the region.')),
        os: v.optional(v.pipe(v.picklist(['HCE OS 2.0', 'EulerOS 2.9', 'Ubuntu 22.04']), say('Operating system.')), 'HCE OS 2.0'),
        rootVolume: volume('System disk.', 40, 1024, 50),
        dataVolume: volume('Disk for images and containers.', 100, 32_768, 100),
      }),
      {},
    ),
  }),
  {},
);
