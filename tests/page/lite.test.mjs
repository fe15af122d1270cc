// /lite of every kind of house: no script, nothing for axe to find, nothing wider than a small phone; its numbers and the
// extremes of its drawings are the API's, and no text of the site is more than text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, pointed } from './figures.mjs';
import { LANGUAGES, house, open, overflow, violations } from './harness.mjs';

/** The values of a drawing: the path of an answer and a pointer; the prices are those of both days. */
async function series(house, of) {
  const [path, pointer] = of.split('#');
  const { body } = await house.api(path);
  if (pointer !== '/prices') return pointed(body, pointer);
  return ['today', 'tomorrow'].flatMap((day) => body.prices[day]?.slots ?? []).map(([buy]) => buy);
}

for (const kind of ['full', 'empty', 'stale', 'broken', 'negative', 'spring', 'autumn', 'hostile']) {
  for (const [at, language] of LANGUAGES.entries()) {
    test(`lite: a ${kind} site in ${language}`, async () => {
      const its = await house(kind);
      const page = await open(its.base, `lite?lang=${language}`, { width: 320, height: 700, theme: ['light', 'dark'][at] });
      assert.equal(await page.getAttribute('html', 'lang'), language);
      assert.equal(await page.locator('script').count(), 0);
      assert.deepEqual(page.problems, []);
      assert.equal(await overflow(page), '');
      assert.deepEqual(await violations(page), []);
      const { wrong, known } = await compare(page, its, language);
      assert.deepEqual(wrong, []);
      assert.ok(known > 5 || kind === 'empty' || kind === 'broken', `${known} figures`);
      const drawn = await page.$$eval('svg[data-series]', (all) => all.map(({ dataset, textContent }) => ({ ...dataset, textContent })));
      assert.ok(drawn.length === 3 || kind === 'empty' || kind === 'broken' || kind === 'stale', `${drawn.length} drawings`);
      for (const { series: of, min, max } of drawn) {
        const values = (await series(its, of)).filter((value) => value !== null);
        assert.deepEqual([Number(min), Number(max)], [Math.min(...values), Math.max(...values)], of);
      }
      const elements = await page.$$eval('*', (all) => [...new Set(all.flatMap((node) => [node.localName, ...[...node.attributes].map(({ name }) => name)]))]);
      assert.deepEqual(elements.filter((name) => /^on|^(script|style|img|iframe|object|form|base)$/.test(name)), []);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}-${kind}-${language}.png`, fullPage: true });
      await page.context().close();
    });
  }
}

test('lite: it is loaded anew each minute in the language that was chosen, unless it is told not to', async () => {
  const { base } = await house('full');
  const refresh = async (query) => (await fetch(`${base}/lite${query}`)).headers.get('refresh');
  assert.deepEqual([await refresh(''), await refresh('?lang=pl'), await refresh('?refresh=off')], ['60', '60', null]);
  const page = await open(base, 'lite', { javaScriptEnabled: false, prepare: (page) => page.route('**/lite*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, headers: { ...answer.headers(), refresh: '1' } });
  }) });
  await page.getByRole('link', { name: 'Polski' }).click();
  await page.waitForURL('**/lite?lang=pl');
  await page.waitForRequest('**/lite?lang=pl');
  assert.equal(await page.getAttribute('html', 'lang'), 'pl');
  await page.getByRole('link', { name: 'Nie odświeżaj' }).click();
  await page.waitForURL('**/lite?lang=pl&refresh=off');
  await page.context().close();
});
