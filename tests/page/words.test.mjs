// No string untranslated, no number or date formatted by hand: the page with a catalogue whose texts, and with an Intl whose
// writings can be told from all others. A site full of things, one with nothing and one that is broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIEWS, addressOf, house } from './harness.mjs';
import { faults, wrapped, wrappedShell, writings } from './wrapped.mjs';

test('words: a language is one more file', () => {
  for (const name of ['English', 'Polski', 'wrapped']) assert.ok(wrappedShell().includes(name), `the choice has ${name}`);
});

for (const kind of ['full', 'empty', 'broken', 'autumn']) {
  for (const view of VIEWS) {
    test(`words: ${view} of a ${kind} site`, async () => {
      const page = await wrapped((await house(kind)).base, addressOf(view));
      const found = await page.evaluate(writings);
      assert.ok(found.some(({ text }) => text.startsWith('⟦')), 'the wrapped catalogue is in use');
      assert.deepEqual(faults(found), []);
    });
  }
}
