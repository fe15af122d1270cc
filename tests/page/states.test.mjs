// Every view in every state of the house: full, empty, old, broken, prices below zero, both days on which the clock is set,
// hostile text, answers that do not come. No error, no script of the site's, nothing shown that is not known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './figures.mjs';
import { VIEWS, addressOf, house, open, overflow, visit } from './harness.mjs';

/** What every page must be, whatever it shows. */
async function sound(page, its) {
  assert.deepEqual(page.problems, [], 'the console is silent');
  const { wrong } = await compare(page, its, 'en');
  assert.deepEqual(wrong, [], 'figures are the API\'s');
  assert.equal(await page.evaluate(() => window.owned), undefined, 'no script of the site has run');
  const text = await page.evaluate(() => document.body.innerText);
  assert.doesNotMatch(text, /\b(undefined|NaN|Infinity|Invalid Date)\b|\[object|\bnull\b(?! )/, 'no value of a program is shown');
  assert.equal(await overflow(page), '', 'no horizontal scroll');
}

for (const kind of ['full', 'empty', 'stale', 'broken', 'negative', 'spring', 'autumn']) {
  for (const view of VIEWS) {
    test(`states: ${view} of a ${kind} site`, async () => {
      const its = await house(kind);
      const page = await visit(its.base, addressOf(view), { width: 390, height: 844 });
      await sound(page, its);
      assert.equal(await page.isVisible('.demo'), false, 'no demo');
    });
  }
}

for (const view of VIEWS) {
  test(`states: ${view} of a hostile site`, async () => {
    const its = await house('hostile');
    const page = await visit(its.base, addressOf(view), { width: 320, height: 700 });
    await sound(page, its);
    const outside = await page.evaluate(() => {
      const found = [];
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.data.includes('HOSTILE') && !node.parentElement.closest('.site, script, option, pre')) found.push(`${node.parentElement.outerHTML.slice(0, 200)}`);
      }
      return found;
    });
    assert.deepEqual(outside, [], 'text of the site stands apart from ours');
    assert.equal(await page.evaluate(() => document.querySelectorAll('main script, main img, main iframe, [onerror], [onload]').length), 0, 'no element of the site\'s');
    assert.equal(await page.evaluate(() => [...document.querySelectorAll('a[href]')].filter((node) => !/^(https?:|#|\/)/.test(node.getAttribute('href'))).length), 0, 'no link runs anything');
  });

  test(`states: ${view} while the server refuses`, async () => {
    const its = await house('full');
    const refuse = () => ({ status: 503, body: { error: 'the past could not be looked up in time', code: 'unavailable' } });
    const page = await open(its.base, addressOf(view), { routes: { '**/api/v1/!(state|events)*': refuse, '**/logs*': refuse } });
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });

  test(`states: ${view} while nothing is answered`, async () => {
    const its = await house('full');
    const page = await open(its.base, addressOf(view), { prepare: async (made) => { await made.route(/\/(api|logs|status|health)/, (route) => route.abort()); } });
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

test('states: a demo says so in every view, and no other site does', async () => {
  const its = await house('demo');
  for (const view of VIEWS) {
    const page = await visit(its.base, addressOf(view), { width: 320 });
    assert.ok(await page.isVisible('.demo'), view);
    assert.match(await page.title(), /DEMO/);
  }
});

test('states: what is not known is a dash with its reason, never 0', async () => {
  const its = await house('full');
  const reason = 'nobody measures it';
  const page = await open(its.base, '#/', {
    prepare: (made) => made.route(`${its.base}/`, async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/("current_power_w":)[-\d.]+/g, '$1null').replace(/"unknown":\{/g, `"unknown":{"photovoltaic.current_power_w":"${reason}",`);
      await route.fulfill({ response: answer, body });
    }),
    routes: { '**/api/v1/events': () => ({}) },
  });
  const pv = page.locator('[data-of$="#/live/photovoltaic/current_power_w"]');
  assert.equal(await pv.first().textContent(), '\u2013');
  assert.equal(await pv.first().locator('[role=img]').getAttribute('aria-label'), 'unknown');
  assert.ok((await page.textContent('main')).includes(reason));
  await page.context().close();
});
