// Addresses of places: there and back.
import './page.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';

const { here, linkTo } = await import('../src/kit/link.js');

const at = (hash) => { globalThis.location.hash = hash; const { view, params } = here(); return [view, Object.fromEntries(params)]; };

test('an address names a view and what is chosen there', () => {
  assert.deepEqual(at(''), ['now', {}]);
  assert.deepEqual(at('#'), ['now', {}]);
  assert.deepEqual(at('#/'), ['now', {}]);
  assert.deepEqual(at('#/prices'), ['prices', {}]);
  assert.deepEqual(at('#/prices?day=2026-03-29&by=hour'), ['prices', { day: '2026-03-29', by: 'hour' }]);
  assert.deepEqual(at('#/logs?q=a%3Fb%26c'), ['logs', { q: 'a?b&c' }]);
});

test('what a link says is found again; what is empty is left out', () => {
  assert.equal(linkTo('now'), '#/');
  assert.equal(linkTo('prices', { day: '', by: null, at: undefined }), '#/prices');
  for (const params of [{ day: '2026-10-25' }, { q: 'a?b&c=#%/ é', n: '0' }]) assert.deepEqual(at(linkTo('logs', params)), ['logs', params]);
});
