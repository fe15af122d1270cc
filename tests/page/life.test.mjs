// The page over time: news within a second, a server that dies and comes back, a tab that nobody sees, the way back, links that
// are shared, choices that are kept, the keyboard.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './figures.mjs';
import { VIEWS, addressOf, eventually, follow, house, open, pause, settled, visit, within } from './harness.mjs';

/** A refresh of the house every 10 s, and some more. */
const REFRESH_MS = 13_000;
const PV = '[data-of="/api/v1/state#/live/photovoltaic/current_power_w"]';
/** A mark that a reload would wipe away. */
const mark = (page) => page.evaluate(() => { window.marked = 1; });
const isSame = (page) => page.evaluate(() => window.marked === 1);
const scrolled = (page) => page.evaluate(() => window.scrollY);

/** When an event stream of our own tells of a reading with that power, ms since 1970. */
async function told(base, watts) {
  const stop = new AbortController();
  try {
    const answer = await fetch(`${base}/api/v1/events?topics=state`, { signal: stop.signal });
    let text = '';
    for await (const bytes of answer.body) {
      text += Buffer.from(bytes).toString();
      if (text.includes(`"current_power_w":${watts}`)) return Date.now();
    }
  } finally {
    stop.abort();
  }
  throw new Error('the stream ended');
}

/** What the page is told of visibility from now on. */
const see = (page, isVisible) => page.evaluate((visible) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => !visible });
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (visible ? 'visible' : 'hidden') });
  document.dispatchEvent(new Event('visibilitychange'));
}, isVisible);

test('life: what is pushed is on the page within a second', async () => {
  const its = await house('living');
  const page = await open(its.base);
  await mark(page);
  const known = told(its.base, 4321);
  await pause(300);
  await page.evaluate((selector) => {
    const seen = () => { if (document.querySelector(selector).textContent.startsWith('4.32')) window.seenAt ??= Date.now(); };
    new MutationObserver(seen).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, PV);
  await its.tell('state', 4321);
  const at = await within(REFRESH_MS, 'the event', known);
  const seenAt = await eventually('the value on the page', () => page.evaluate(() => window.seenAt), 5_000);
  assert.ok(seenAt - at < 1_000, `${seenAt - at} ms after the event`);
  assert.ok(await isSame(page));
  assert.deepEqual((await compare(page, its, 'en')).wrong, []);
  await page.context().close();
});

test('life: the server is killed and comes back: the page says so, recovers by itself, and stays where it was', async () => {
  const its = await house('living');
  const page = await open(its.base, '', { height: 500 });
  await mark(page);
  await page.evaluate(() => window.scrollTo(0, 300));
  const at = await scrolled(page);
  assert.ok(at > 200, 'there is something to scroll');
  await its.kill();
  await page.waitForSelector('.trouble:not(:empty)');
  assert.match(await page.textContent('.trouble'), /does not answer/);
  assert.equal(await page.getAttribute('.heard', 'data-way'), 'lost');
  assert.ok((await page.textContent(PV)).length > 1, 'what is known stays');
  await its.tell('state', 1234);
  await its.serve();
  await eventually('live again', async () => await page.getAttribute('.heard', 'data-way') === 'pushed', 40_000);
  await eventually('the new value', async () => (await page.textContent(PV)).startsWith('1.23'), REFRESH_MS);
  assert.equal(await page.textContent('.trouble'), '');
  assert.ok(await isSame(page), 'without a reload');
  assert.ok(Math.abs(await scrolled(page) - at) < 3, 'where it was');
  assert.deepEqual((await compare(page, its, 'en')).wrong, []);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('life: every view outlives the server', async () => {
  const its = await house('living');
  const pages = await Promise.all(VIEWS.map((view) => open(its.base, addressOf(view))));
  await Promise.all(pages.map(mark));
  await its.kill();
  await Promise.all(pages.map((page) => page.waitForSelector('.trouble:not(:empty)')));
  await its.serve();
  for (const [at, page] of pages.entries()) {
    await eventually(`${VIEWS[at]} live again`, async () => await page.getAttribute('.heard', 'data-way') === 'pushed', 40_000);
    assert.ok(await isSame(page), VIEWS[at]);
    assert.deepEqual(page.problems, [], VIEWS[at]);
    await page.context().close();
  }
});

test('life: a tab that nobody sees asks for nothing, and knows all when it is seen again', async () => {
  const its = await house('living');
  const pages = await Promise.all(VIEWS.map((view) => open(its.base, addressOf(view))));
  const [now] = pages;
  for (const page of pages) await see(page, false);
  await pause(300);
  const asked = pages.map((page) => page.asked.length);
  await its.tell('state', 2345);
  await eventually('the server knows', async () => (await its.api('/api/v1/state')).body.live.photovoltaic.current_power_w === 2345, REFRESH_MS);
  await pause(REFRESH_MS - 3_000);
  for (const [at, page] of pages.entries()) assert.deepEqual(page.asked.slice(asked[at]), [], `${VIEWS[at]} is silent`);
  await see(now, true);
  await eventually('the new value at once', async () => (await now.textContent(PV)).startsWith('2.3'), 1_500);
  for (const [at, page] of pages.entries()) {
    await see(page, true);
    await eventually(`${VIEWS[at]} hears again`, () => page.asked.length > asked[at], 1_500);
    await page.context().close();
  }
});

test('life: back and forward through the views, each where it was', async () => {
  const { base } = await house('full');
  const page = await open(base, '', { height: 500 });
  await mark(page);
  await page.evaluate(() => window.scrollTo(0, 200));
  await eventually('the place is noted', async () => await scrolled(page) > 150);
  await pause(100);
  for (const view of VIEWS.slice(1)) await follow(page, addressOf(view));
  assert.equal(await page.locator('h1').count(), 1);
  for (const view of [...VIEWS].reverse().slice(1)) {
    await page.goBack();
    await settled(page);
    assert.equal(await page.getAttribute('main', 'class'), `view-${view}`);
  }
  assert.ok(Math.abs(await scrolled(page) - 200) < 3, 'where it was');
  await page.goForward();
  await settled(page);
  assert.equal(await page.getAttribute('main', 'class'), `view-${VIEWS[1]}`);
  assert.ok(await isSame(page));
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

for (const hash of ['#/prices?day=2026-06-09', '#/history?range=7d', '#/energy?by=month&at=2026-05', '#/decisions?kind=charging', '#/logs?level=ERROR']) {
  test(`life: ${hash} shared shows the same`, async () => {
    const { base } = await house('full');
    const [one, other] = [await open(base, hash), await open(base)];
    await follow(other, hash);
    assert.equal(await other.evaluate(() => location.hash), await one.evaluate(() => location.hash));
    const [first, second] = await Promise.all([one, other].map((page) => page.evaluate(() => [...document.querySelectorAll('main h2, main [data-of]')].map((node) => node.textContent))));
    assert.deepEqual(second, first);
    assert.ok(first.length > 0);
    for (const page of [one, other]) { assert.deepEqual(page.problems, []); await page.context().close(); }
  });
}

test('life: language and theme are remembered, and are right in the first bytes', async () => {
  const { base } = await house('full');
  const page = await open(base);
  const settings = page.locator('footer select');
  await settings.nth(1).selectOption('dark');
  await Promise.all([page.waitForEvent('load'), settings.nth(0).selectOption('pl')]);
  await settled(page);
  for (const where of ['#/', '#/prices']) {
    await page.goto(`${base}/${where}`);
    await settled(page);
    assert.equal(await page.getAttribute('html', 'lang'), 'pl');
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  }
  const cookies = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const bytes = await (await fetch(`${base}/`, { headers: { cookie: cookies } })).text();
  assert.match(bytes, /<html lang="pl" data-theme="dark">/);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.locator('footer select').nth(1).selectOption('light');
  assert.notEqual(await ground(), dark, 'a theme is another colour');
  await page.context().close();
});

for (const view of VIEWS) {
  test(`life: the keyboard alone reaches every control of ${view}, and shows where it is`, async () => {
    const page = await visit((await house('full')).base, addressOf(view));
    const wanted = await page.evaluate(() => {
      const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
      const isThere = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.disabled && node.tabIndex >= 0;
      // Of radio buttons of one name one is reached by Tab, the others by arrows.
      const first = (node) => node.type !== 'radio' || node === (document.querySelector(`input[name="${node.name}"]:checked`) ?? document.querySelector(`input[name="${node.name}"]`));
      const found = all.filter((node) => isThere(node) && first(node));
      found.forEach((node, at) => { node.dataset.tab = at; });
      return found.length;
    });
    // A field for a date is several stops: day, month, year, hours, minutes, calendar.
    const more = 10 + 6 * await page.locator('input[type^=date]').count();
    const reached = new Set();
    let blind = '';
    for (let pressed = 0; pressed < wanted + more && reached.size < wanted; pressed += 1) {
      await page.keyboard.press('Tab');
      const { tab, isShown, name } = await page.evaluate(() => {
        const node = document.activeElement;
        const hasOutline = (part) => getComputedStyle(node, part).outlineStyle !== 'none';
        // The browser marks the calendar in a field for a date itself.
        const isShown = hasOutline() || hasOutline('::after') || node.matches('input[type^=date]:not(:focus)');
        return { tab: node.dataset.tab, isShown, name: node.outerHTML.slice(0, 120) };
      });
      if (tab !== undefined) reached.add(tab);
      if (!isShown && tab !== undefined) blind ||= name;
    }
    const missed = await page.evaluate((seen) => [...document.querySelectorAll('[data-tab]')].filter((node) => !seen.includes(node.dataset.tab)).map((node) => node.outerHTML.slice(0, 120)), [...reached]);
    assert.deepEqual(missed, [], 'reached by Tab');
    assert.equal(blind, '', 'focus is seen');
  });
}

test('life: nothing moves for whoever wants no motion', async () => {
  const { base } = await house('full');
  const page = await open(base, '', { reducedMotion: 'reduce' });
  for (const view of VIEWS) {
    await follow(page, addressOf(view));
    const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((node) => {
      const { transitionDuration, animationName } = getComputedStyle(node);
      return animationName !== 'none' || transitionDuration.split(',').some((time) => parseFloat(time) > 0.01);
    }).map((node) => node.outerHTML.slice(0, 100)));
    assert.deepEqual(moving, [], view);
  }
  await page.context().close();
});

test('life: a view that was left asks for nothing more', async () => {
  const { base } = await house('full');
  const page = await open(base);
  for (const view of VIEWS) await follow(page, addressOf(view));
  await follow(page, '#/');
  const asked = page.asked.length;
  await pause(3_000);
  assert.deepEqual(page.asked.slice(asked).filter((url) => !/\/api\/v1\/(state|energy)/.test(url)), []);
  await page.context().close();
});
