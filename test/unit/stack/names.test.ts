/** Names fit every service and never meet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { namesFor } from '../../../src/stack/names.ts';

const stackName = fc.stringMatching(/^[a-z][a-z0-9-]{0,28}[a-z0-9]$/);
const projectId = fc.stringMatching(/^[0-9a-f]{32}$/);
const roles = [
  'vpc',
  'subnet',
  'nodes',
  'db',
  'nat',
  'nat-eip',
  'rds',
  'rds-client',
  'cce',
  'cce-eip',
  'np-eu-de-01',
  'lb',
  'lb-eip',
  'key',
  'bastion',
  'agency',
  'np-eu-ch2a',
  'snat',
];

/** Limits from the API references of OTC. */
const limits: Record<string, { pattern: RegExp; most: number }> = {
  'VPC, subnet, group, NAT gateway, EIP, load balancer': { pattern: /^[\w.-]+$/, most: 64 },
  RDS: { pattern: /^[A-Za-z][\w-]{3,}$/, most: 64 },
  'CCE cluster': { pattern: /^[a-z][a-z0-9-]{2,}[a-z0-9]$/, most: 128 },
  'CCE node pool': { pattern: /^[a-z][a-z0-9-]*[a-z0-9]$/, most: 50 },
  'key pair': { pattern: /^[A-Za-z0-9_-]+$/, most: 64 },
};

for (const [service, { pattern, most }] of Object.entries(limits)) {
  test(`names fit ${service}`, () => {
    fc.assert(
      fc.property(stackName, projectId, fc.constantFrom(...roles), (stack, project, role) => {
        const name = namesFor(stack, project)(role);
        assert.match(name, pattern);
        assert.ok(name.length <= most, `${name} has ${name.length} characters`);
      }),
    );
  });
}

test('names of one stack are distinct', () => {
  fc.assert(
    fc.property(stackName, projectId, (stack, project) => {
      const name = namesFor(stack, project);
      assert.equal(new Set(roles.map(name)).size, roles.length);
    }),
  );
});

test('two stacks, or two projects, never share a name', () => {
  fc.assert(
    fc.property(
      stackName,
      stackName,
      projectId,
      projectId,
      fc.constantFrom(...roles),
      fc.constantFrom(...roles),
      (one, other, here, there, role, second) => {
        fc.pre(one !== other || here !== there);
        assert.notEqual(namesFor(one, here)(role), namesFor(other, there)(second));
      },
    ),
    { numRuns: 2000 },
  );
});
