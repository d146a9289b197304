/** Owns the proof of the table of repeats against the error tables of OTC's API references: what means "nothing was done yet", and what is final. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../../src/otc/endpoints.ts';
import { retryRow, retryTable } from '../../../src/otc/retry.ts';

type Answer = readonly [Service, string, string, number, string | undefined, string?];

const repeated: readonly Answer[] = [
  ['cce', 'POST', '/api/v3/projects/p/clusters', 429, 'CCE.01429002'],
  ['iam', 'GET', '/v3/projects', 429, 'IAM.0012'],
  ['dns', 'GET', '/v2/zones', 403, 'DNS.0014'],
  ['vpc', 'DELETE', '/v1/p/vpcs/v/subnets/s', 500, 'VPC.0208'],
  ['vpc', 'DELETE', '/v1/p/vpcs/v/subnets/s', 409, 'VPC.0211'],
  ['vpc', 'DELETE', '/v1/p/vpcs/v', 409, 'VPC.0104'],
  ['vpc', 'POST', '/v1/p/subnets', 400, 'VPC.0004'],
  ['vpc', 'DELETE', '/v1/p/publicips/e', 500, 'VPC.0516'],
  ['vpc', 'DELETE', '/v1/p/publicips/e', 409, 'VPC.0517'],
  ['vpc', 'DELETE', '/v2.0/security-groups/g', 409, 'SecurityGroupInUse'],
  ['nat', 'DELETE', '/v2.0/nat_gateways/n', 400, 'VPC.2016'],
  ['nat', 'POST', '/v2.0/snat_rules', 400, 'VPC.2004'],
  ['nat', 'PUT', '/v2.0/nat_gateways/n', 400, 'VPC.2050'],
  ['elb', 'DELETE', '/v3/p/elb/loadbalancers/l', 409, 'ELB.8907'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001', 'The cluster [c] is Upgrading, the operation is not allowed now.'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001', 'Forbidden. The cluster is busy.'],
  ['cce', 'PUT', '/api/v3/projects/p/clusters/c', 409, 'CCE.01409002'],
  ['rds', 'PUT', '/v3/p/instances/i/port', 409, 'DBS.200019'],
  ['rds', 'PUT', '/v3/p/instances/i/configurations', 409, 'DBS.212006'],
  ['rds', 'PUT', '/v3/p/instances/i/configurations', 400, 'DBS.212010'],
  ['rds', 'POST', '/v3/p/instances/i/password', 400, 'DBS.201014'],
  ['rds', 'PUT', '/v3/p/instances/i/security-group', 403, 'DBS.212033'],
  ['rds', 'GET', '/v3/p/jobs', 400, 'DBS.200543'],
  ['dns', 'PUT', '/v2/zones/z/recordsets/r', 409, 'DNS.0021'],
  ['dns', 'DELETE', '/v2/zones/z', 400, 'DNS.0209'],
  ['dns', 'PUT', '/v2/zones/z/recordsets/r', 400, 'DNS.0314'],
  ['vpc', 'GET', '/v1/p/vpcs', 500, undefined],
  ['rds', 'PUT', '/v3/p/instances/i/port', 503, undefined],
];
for (const [service, method, path, status, code, message] of repeated) {
  test(`repeated: ${service} ${method} ${path} ${status} ${code ?? ''} ${message ?? ''}`, () =>
    assert.ok(retryRow(service, method, path, status, { code, message })));
}

const final: readonly Answer[] = [
  ['elb', 'DELETE', '/v3/p/elb/loadbalancers/l', 409, 'ELB.8907', 'loadbalancer l has deletion protection enabled.'],
  ['vpc', 'POST', '/v1/p/vpcs', 400, 'VPC.0115'],
  ['vpc', 'POST', '/v1/p/vpcs', 409, 'VPC.0114'],
  ['vpc', 'GET', '/v1/p/vpcs', 401, 'APIG.0301'],
  ['vpc', 'GET', '/v1/p/vpcs', 403, 'VPC.2201'],
  ['vpc', 'POST', '/v1/p/publicips', 500, undefined],
  ['nat', 'POST', '/v2.0/nat_gateways', 400, 'VPC.2012'],
  ['nat', 'POST', '/v2.0/snat_rules', 400, 'VPC.2018'],
  ['rds', 'POST', '/v3/p/instances', 413, 'DBS.200046'],
  ['rds', 'POST', '/v3/p/instances', 400, 'DBS.280450'],
  ['rds', 'PUT', '/v3/p/instances/i/port', 400, 'DBS.280001'],
  ['rds', 'POST', '/v3/p/instances/i/password', 400, 'DBS.280246'],
  ['cce', 'POST', '/api/v3/projects/p/clusters', 400, 'CCE.01400015'],
  ['cce', 'POST', '/api/v3/projects/p/clusters', 403, 'CCE.01403001'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001', 'Forbidden.'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001', "Policy doesn't allow cce:nodepool:create to be performed."],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'CCE.01403001', 'The user has no permission.'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, 'APIGW.0302', 'The request is not allowed.'],
  ['cce', 'POST', '/api/v3/projects/p/clusters/c/nodepools', 403, undefined],
  ['cce', 'POST', '/api/v3/projects/p/clusters', 409, 'CCE.01409001'],
  ['elb', 'POST', '/v3/p/elb/loadbalancers', 409, 'ELB.8905'],
  ['dns', 'POST', '/v2/zones/z/recordsets', 400, 'DNS.0312'],
  ['dns', 'POST', '/v2/zones', 403, 'DNS.0404'],
];
for (const [service, method, path, status, code, message] of final) {
  test(`final: ${service} ${method} ${path} ${status} ${code ?? ''} ${message ?? ''}`, () =>
    assert.equal(retryRow(service, method, path, status, { code, message }), undefined));
}

test('no row repeats a POST whose end is unclear', () => {
  for (const { status, method, code } of retryTable)
    for (const one of status) {
      assert.ok(one < 500 || method?.test('POST') === false, `${one} ${code}`);
    }
});
