// Texts of the catalogue, words of the API, sentences of the server; and plural forms of Polish.
import './page.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogues } from './languages.mjs';

const { named, t, translated } = await import('../src/kit/words.js');

test('places are filled, and what is not given stays to be seen', () => {
  assert.equal(t('age.from', { age: 'now', source: 'here' }), 'now, here');
  assert.equal(t('age.from', { age: '{source}', source: 'x' }), '{source}, x', 'what was filled in is not filled again');
  assert.equal(t('age.at', {}), catalogues.en.age.at);
});

test('plurals', () => {
  assert.match(t('now.health_trouble', { n: 1 }), /^1 source is/);
  assert.match(t('now.health_trouble', { n: 5 }), /^5 sources are/);
  const rules = new Intl.PluralRules(catalogues.pl.meta.locale);
  const polish = catalogues.pl.now.health_trouble;
  for (const [n, form] of [[1, 'one'], [2, 'few'], [4, 'few'], [5, 'many'], [12, 'many'], [22, 'few'], [1.5, 'other']]) {
    assert.equal(rules.select(n), form);
    assert.ok(polish[form].includes('{n}'), form);
  }
});

test('words of the API', () => {
  assert.equal(named('now', 'price_trend', 'rising'), catalogues.en.now.price_trend_rising);
  assert.equal(named('sources', '', 'live'), catalogues.en.sources.live);
  assert.equal(named('now', 'decision', 'never_heard_of'), 'never heard of');
  assert.equal(named('common', 'source', null), '');
});

test('sentences of the server', () => {
  assert.equal(translated('nobody measures it'), 'nobody measures it');
  assert.equal(translated('never heard of'), undefined);
  for (const [sentence] of Object.entries(catalogues.en.server)) {
    const filled = sentence.replace(/\{(\w+)\}/g, (_, name) => (/^(n|of|day|from|to)$/.test(name) ? '3' : `x${name}`));
    assert.equal(translated(filled), filled, sentence);
  }
  assert.equal(translated('x'.repeat(100_000)), undefined, 'and quickly so');
});
