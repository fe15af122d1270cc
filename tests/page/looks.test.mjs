// axe finds nothing and nothing scrolls sideways: every view at the narrowest window, where the links move to the top, and at a
// wide one, each time in another theme and language. tests/prove/07_3_axe.py has all of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LANGUAGES, VIEWS, addressOf, house, open, overflow, violations, visit } from './harness.mjs';

const THEMES = ['light', 'dark'];
const WIDTHS = [320, 768, 1280];

for (const [at, view] of VIEWS.entries()) {
  for (const [i, width] of WIDTHS.entries()) {
    const [language, theme] = [LANGUAGES[(at + i) % 2], THEMES[(Math.floor(at / 2) + i) % 2]];
    test(`looks: ${view}, ${width} px, ${language}, ${theme}`, async () => {
      const page = await visit((await house('full')).base, addressOf(view), { language, theme, width });
      assert.equal(await overflow(page), '', 'no horizontal scroll');
      assert.deepEqual(await violations(page), []);
    });
  }
}

for (const kind of ['empty', 'broken', 'hostile']) {
  test(`looks: every view of a ${kind} site, 390 px`, async () => {
    const { base } = await house(kind);
    for (const view of VIEWS) {
      const page = await visit(base, addressOf(view), { width: 390, height: 844 });
      assert.equal(await overflow(page), '', `${view}: no horizontal scroll`);
      assert.deepEqual(await violations(page), [], view);
    }
  });
}

test('looks: without JavaScript the page leads to /lite', async () => {
  const { base } = await house('full');
  const page = await open(base, 'lite', { javaScriptEnabled: false });
  await page.goto(`${base}/`);
  await page.waitForURL('**/lite');
  await page.context().close();
});
