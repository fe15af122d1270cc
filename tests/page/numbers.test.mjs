// Every number on the page equals the API's, in every view and both languages, with a full site and with an empty one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './figures.mjs';
import { LANGUAGES, VIEWS, addressOf, house, visit } from './harness.mjs';

/** Views that show no number of the API at first. */
const WITHOUT = ['logs', 'history'];

for (const language of LANGUAGES) {
  for (const view of VIEWS) {
    test(`numbers: ${view} in ${language}`, async () => {
      const full = await house('full');
      const page = await visit(full.base, addressOf(view), { language });
      const { wrong, known } = await compare(page, full, language);
      assert.deepEqual(wrong, []);
      assert.ok(known > 0 || WITHOUT.includes(view), 'figures are there to be compared');
    });
  }
}

for (const view of VIEWS) {
  test(`numbers: ${view} of an empty site`, async () => {
    const empty = await house('empty');
    const page = await visit(empty.base, addressOf(view));
    assert.deepEqual((await compare(page, empty, 'en')).wrong, []);
  });
}
