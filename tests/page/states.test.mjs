// Every view in every state of the house: full, empty, old, broken, prices below zero, both days on which the clock is set,
// hostile text, answers that do not come. No error, no script of the site's, nothing shown that is not known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './figures.mjs';
import { VIEWS, addressOf, house, open, overflow, violations, visit } from './harness.mjs';

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

const PUSH = {
  enabled: true, state: 'up_to_date', destination: 'http://db.lan/api/v2/write (bucket b)', last_success: null, newest_row: null,
  lag_s: 0, rows_sent: 12_345, rows_rejected: 3, failures: 0, error: null,
};

/** The view of system where rows are sent so. */
async function sending(its, push, { unknown = {}, ...options } = {}) {
  const change = (body) => ({ status: 200, body: { ...body, push: { ...PUSH, ...push }, unknown: { ...body.unknown, ...unknown } } });
  return open(its.base, '#/system', { routes: { '**/status': change }, width: 320, ...options });
}

test('states: nothing is said of a time series engine where none is configured', async () => {
  const its = await house('full');
  const page = await visit(its.base, '#/system', { width: 390, height: 844 });
  assert.equal((await its.api('/status')).body.push.enabled, false);
  assert.equal(await page.isVisible('.tile.push'), false);
  assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /time series/i);
});

for (const language of ['en', 'pl']) {
  test(`states: how the sending of rows goes, in ${language}`, async () => {
    const its = await house('full');
    const at = new Date(Date.parse((await its.api('/api/v1/state')).body.timestamp) - 3 * 60_000).toISOString();
    const words = {
      en: { sent: 'all rows are sent', ago: '3 min ago', waits: 'takes nothing now, rows wait', refuses: 'refuses what is sent', never: 'nothing was sent since the start', who: /^the engine answered HTTP 401: <b>HOSTILE/, token: /token in the config/, fresh: 'nothing sent yet' },
      pl: { sent: 'wszystko wysłane', ago: '3 min temu', waits: 'niedostępna, wiersze czekają', refuses: 'odrzuca to, co jest wysyłane', never: 'od startu nic nie wysłano', who: /^baza szeregów czasowych odpowiedziała HTTP 401: <b>HOSTILE/, token: /organizację.*token/, fresh: 'jeszcze nic nie wysłano' },
    }[language];
    const of = (page, selector) => page.textContent(`.tile.push ${selector}`);

    let page = await sending(its, { last_success: at }, { language });
    assert.equal(await of(page, '.state'), words.sent);
    assert.equal((await page.textContent('.tile.push dd')).replace('\u00a0', ' '), words.ago);
    assert.equal(await of(page, '.error'), '');
    assert.equal(await page.getAttribute('.tile.push', 'class'), 'tile push');
    const { wrong, known } = await compare(page, its, language);
    assert.deepEqual([wrong, known > 3], [[], true]);
    assert.equal(await page.locator('.tile.push [data-of]').count(), 3);
    assert.deepEqual([page.problems, await overflow(page), await violations(page)], [[], '', []]);
    await page.context().close();

    page = await sending(its, { state: 'waiting', last_success: at, lag_s: 5400, failures: 4, error: 'the engine at http://db.lan/api/v2/write did not answer in time' }, { language });
    assert.equal(await of(page, '.state'), words.waits);
    assert.ok((await of(page, '.advice')).length > 20, 'it says what to do');
    assert.match(await page.getAttribute('.overall', 'class'), /troubled/);
    assert.deepEqual((await compare(page, its, language)).wrong, []);
    await page.context().close();

    page = await sending(its, { state: 'refused', last_success: at, failures: 1, error: `the engine answered HTTP 401: <b>HOSTILE</b> ${'x'.repeat(180)}` }, { language });
    assert.equal(await of(page, '.state'), words.refuses);
    assert.match(await of(page, '.error'), words.who);
    assert.match(await of(page, '.advice'), words.token);
    assert.deepEqual([page.problems, await overflow(page), await violations(page)], [[], '', []]);
    await page.context().close();

    page = await sending(its, { state: 'starting', lag_s: null, rows_sent: 0, rows_rejected: 0 }, { language, unknown: { 'push.last_success': 'nothing was sent since the start' } });
    assert.equal(await of(page, '.state'), words.fresh);
    assert.equal(await page.textContent('.tile.push dd'), '\u2013');
    assert.equal(await of(page, '[data-of$="lag_s"]'), '\u2013');
    assert.equal(await of(page, '.reason:not(.error)'), words.never);
    assert.deepEqual((await compare(page, its, language)).wrong, []);
    await page.context().close();
  });
}

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
