// No string untranslated, no number or date formatted by hand: the page with a catalogue whose texts, and with an Intl whose
// writings can be told from all others. A site full of things, one with nothing and one that is broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIEWS, addressOf, house, visit } from './harness.mjs';
import { markIntl, numbersIn, outside, wrappedShell, writings } from './wrapped.mjs';

/** Units, names, levels of a log, and offsets from UTC: the same in every language. */
const SAME = /^(k?Wh?|PLN(\/kWh)?|\/kWh|V|A|W|ms|°C|%|Wattboard|CSV|JSON|PSE|DEBUG|INFO|WARNING|ERROR|CRITICAL|[+-]\d\d:\d\d)$/;
/** Names of languages in themselves. */
const isLanguage = ({ where }) => where.includes('option');
/** Where numbers stand that name no value of the API: axes, what is read out of drawings, what was reckoned from values. */
const mayCount = ({ isFigure, isDrawing, isReckoned, isAttribute }) => isFigure || isDrawing || isReckoned || isAttribute;

let shell;
const prepare = (page) => page.route('**/en/shell.js', (route) => route.fulfill({ contentType: 'text/javascript', body: shell }));
const wrapped = (base, hash) => visit(base, hash, { init: markIntl, prepare });

test('words: a language is one more file', () => {
  shell = wrappedShell();
  for (const name of ['English', 'Polski', 'wrapped']) assert.ok(shell.includes(name), `the choice has ${name}`);
});

/** What is wrong with the writings of a page. */
function faults(found) {
  const wrong = [];
  for (const written of found.filter(({ isSite, isCode }) => !isSite && !isCode)) {
    const tell = (why) => wrong.push(`${written.where}: ${why}: ${JSON.stringify(written.text.slice(0, 200))}`);
    const words = outside(written.text).split(/[^\p{L}\p{N}/°%:+-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word) && !SAME.test(word));
    if (words.length && !isLanguage(written)) tell(`"${words.join(' ')}" is of no catalogue and not by Intl`);
    if (numbersIn(written.text).length && !mayCount(written)) tell('a number that does not say which value of the API it is');
    if (/\{\w+\}/.test(written.text)) tell('a place that was not filled');
    if (/\b(undefined|null|NaN|Infinity|Invalid Date)\b|\[object/.test(outside(written.text))) tell('no text at all');
  }
  return wrong;
}

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
