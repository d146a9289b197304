/** The bench's arithmetic: a wrong figure would praise or blame the wrong thing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFurtherPage, longestPath, median, renderFigures, waves } from '../../bench/figures.ts';

const call = (at: number, took: number) => ({ method: 'GET', path: '/', query: '', at, took });

describe('median', () => {
  it('is the middle one, or the mean of the two in the middle', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 9]), 3);
    assert.throws(() => median([]), /nothing/);
  });
});

describe('waves', () => {
  it('counts calls that waited for one another', () => {
    assert.equal(waves([]), 0);
    assert.equal(waves([call(0, 100), call(5, 100), call(9, 99)]), 1);
    assert.equal(waves([call(0, 100), call(101, 100), call(103, 300), call(404, 10)]), 3);
  });
  it('finds the longest chain beside one long call', () => {
    assert.equal(waves([call(0, 1000), call(0, 100), call(110, 100), call(220, 100)]), 3);
  });
});

describe('isFurtherPage', () => {
  it('knows markers and offsets', () => {
    assert.equal(isFurtherPage({ query: 'limit=2000' }), false);
    assert.equal(isFurtherPage({ query: 'limit=100&offset=0' }), false);
    assert.equal(isFurtherPage({ query: 'limit=100&offset=100' }), true);
    assert.equal(isFurtherPage({ query: 'limit=2000&marker=abc' }), true);
  });
});

describe('longestPath', () => {
  it('adds up along the needs', () => {
    const steps = [
      { id: 'vpc', needs: [], seconds: 1 },
      { id: 'cluster', needs: ['vpc'], seconds: 10 },
      { id: 'database', needs: ['vpc'], seconds: 12 },
      { id: 'pool', needs: ['cluster', 'vpc'], seconds: 5 },
      { id: 'release', needs: ['pool', 'database'], seconds: 2 },
    ];
    assert.deepEqual(longestPath(steps), { seconds: 18, ids: ['vpc', 'cluster', 'pool', 'release'] });
  });
  it('refuses a report with holes', () => {
    assert.throws(() => longestPath([{ id: 'a', needs: ['b'], seconds: 1 }]), /no resource b/);
  });
});

describe('renderFigures', () => {
  it('says whether a goal is met', () => {
    const text = renderFigures([
      { name: 'calls', value: 20, unit: '', goal: 25 },
      { name: 'wall', value: 3.456, unit: 's', goal: 3, note: 'median of 5' },
    ]);
    assert.match(text, /\| calls \| 20 \| ≤ 25 ✓ \|/);
    assert.match(text, /\| wall \| 3\.46 s \| ≤ 3 s ✗ \| median of 5 \|/);
  });
});
