import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Fault, Faults } from '../../../src/engine/fault.ts';
import { checkVersions, pinFor, platformOf, trusted } from '../../../src/tools/checksums.ts';

const sum = (text: string): string => createHash('sha256').update(text).digest('hex');

test('default versions come from the official sites with pinned sums', () => {
  const helm = pinFor('helm', {}, 'linux-amd64');
  assert.equal(helm.url, 'https://get.helm.sh/helm-v4.1.4-linux-amd64.tar.gz');
  assert.equal(helm.sums.binary, '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9');
  const kubectl = pinFor('kubectl', { version: 'v1.34.5' }, 'linux-amd64');
  assert.equal(kubectl.url, 'https://dl.k8s.io/release/v1.34.5/bin/linux/amd64/kubectl');
  assert.equal(kubectl.sums.binary, '6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb');
});

test('a mirror keeps the path', () => {
  const { url } = pinFor('kubectl', { mirror: 'https://mirror.example.com/k8s/' }, 'linux-amd64');
  assert.equal(url, 'https://mirror.example.com/k8s/v1.34.5/bin/linux/amd64/kubectl');
});

test('Helm 3, odd versions, odd checksums and unknown versions are refused', () => {
  assert.throws(() => pinFor('helm', { version: '3.21.4' }, 'linux-amd64'), /Helm 3 ended on 2026-11-11/);
  assert.throws(() => pinFor('helm', { version: 'latest' }, 'linux-amd64'), /not a full version/);
  assert.throws(() => pinFor('helm', { checksum: 'abc' }, 'linux-amd64'), /not a sha256 sum/);
  assert.throws(
    () => pinFor('helm', { version: '4.2.4' }, 'linux-amd64'),
    (error) => error instanceof Fault && /no checksum of helm 4\.2\.4/.test(error.message) && /helm-checksum/.test(error.hint ?? ''),
  );
  assert.equal(pinFor('helm', { version: '4.2.4', checksum: sum('x').toUpperCase() }, 'linux-amd64').given, sum('x'));
});

test('what may run: the given sum decides alone, then the binary, then the archive', () => {
  const pin = pinFor('helm', {}, 'linux-amd64');
  const { archive, binary } = pin.sums;
  assert.ok(archive !== undefined && binary !== undefined);
  assert.equal(trusted(pin, sum('repacked'), binary), true, 'a repacked archive with the right binary');
  assert.equal(trusted(pin, archive, sum('other')), false, 'the right archive cannot hold another binary');
  assert.equal(trusted(pin, sum('a'), sum('b')), false);
  const given = { ...pin, given: sum('mine') };
  assert.equal(trusted(given, archive, binary), false, 'a given sum is not optional');
  assert.equal(trusted(given, sum('mine'), sum('b')), true);
  assert.equal(trusted(given, undefined, sum('mine')), true);
  const archiveOnly = { ...pin, sums: { archive } };
  assert.equal(trusted(archiveOnly, archive, sum('b')), true);
  assert.equal(trusted(archiveOnly, undefined, binary), false, 'a cached binary proves nothing where only the archive is known');
});

test('platforms in the words of the download sites', () => {
  assert.equal(platformOf('linux', 'x64'), 'linux-amd64');
  assert.equal(platformOf('darwin', 'arm64'), 'darwin-arm64');
  assert.throws(() => platformOf('win32', 'x64'), Fault);
});

test('versions that cannot be had are told before anything else, both at once; default ones on any runner are not', () => {
  const told = (...given: Parameters<typeof checkVersions>): string[] => {
    try {
      checkVersions(...given);
    } catch (error) {
      assert.ok(error instanceof Faults);
      return error.faults.map(({ message, hint }) => `${message} | ${hint}`);
    }
    return [];
  };
  const defaults = { helm: { version: '4.1.4' }, kubectl: { version: '1.34.5' } };
  assert.deepEqual(told(defaults, 'linux', 'x64'), []);
  assert.deepEqual(told(defaults, 'darwin', 'arm64'), []);
  assert.deepEqual(told({ helm: { version: '4.9.9', checksum: sum('x') }, kubectl: {} }, 'linux', 'arm64'), []);
  const zeros = '0'.repeat(64);
  const wrong = told({ helm: { checksum: zeros }, kubectl: { version: '1.34.5', checksum: zeros } }, 'linux', 'x64');
  assert.match(
    wrong[0] ?? '',
    /^helm-checksum is not a sum of helm 4\.1\.4 for linux-amd64: [0-9a-f]{64} or [0-9a-f]{64} would be \| Leave helm-checksum out/,
  );
  assert.match(wrong[1] ?? '', /^kubectl-checksum is not a sum of kubectl 1\.34\.5/);
  for (const known of Object.values(pinFor('helm', {}, 'linux-amd64').sums))
    assert.deepEqual(told({ helm: { checksum: known.toUpperCase() }, kubectl: {} }, 'linux', 'x64'), []);
  assert.deepEqual(told({ helm: { version: '3.19.0' }, kubectl: { version: '1.20.0' } }, 'linux', 'x64'), [
    'helm-version 3.19.0 is refused: support for Helm 3 ended on 2026-11-11 | Use Helm 4; it takes over the releases that Helm 3 made.',
    'kubectl-version: no checksum of kubectl 1.20.0 for linux-amd64 is known, so it is not downloaded | Give kubectl-checksum, or leave kubectl-version out: 1.34.5 for linux-amd64 is pinned.',
  ]);
});
