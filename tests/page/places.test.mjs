// What lies deeper in the views: other days and spans, one decision, one instant, days on which the clock is set, each with all
// that can be unfolded. Numbers, words, axe and width as everywhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './figures.mjs';
import { eventually, house, overflow, settled, violations, visit } from './harness.mjs';
import { faults, wrapped, writings } from './wrapped.mjs';

const DAYS = { full: '2026-06-11', spring: '2026-03-29', autumn: '2026-10-25', negative: '2026-06-11', hostile: '2026-06-11' };
const CLOCKS = { spring: { quarters: 92, hours: 23 }, autumn: { quarters: 100, hours: 25 } };

const PLACES = [
  ...['yesterday', 'tomorrow', '2026-05-20', '2026-06-11&slot=12:30'].map((day) => ['full', `#/prices?day=${day === 'yesterday' ? '2026-06-10' : day}`]),
  ...['day', 'month', 'year', 'all'].map((by) => ['full', `#/energy?by=${by}`]),
  ...['24h', '7d', '30d', 'year', 'all', 'custom&from=2026-06-09T06:00&to=2026-06-09T18:00'].map((range) => ['full', `#/history?range=${range}`]),
  ['full', 'decision'], ['full', '#/decisions?at=2026-06-11T12:00:00%2B02:00'],
  ['full', '#/logs?file=summary'], ['full', '#/logs?file=master&level=ERROR'],
  ...Object.keys(CLOCKS).flatMap((kind) => [[kind, '#/prices'], [kind, `#/energy?by=day&at=${DAYS[kind]}`], [kind, '#/history?range=24h'], [kind, 'decision']]),
  ['negative', '#/prices'], ['negative', '#/energy?by=day'],
  ['hostile', 'decision'], ['hostile', '#/logs?file=summary'], ['hostile', '#/decisions?at=2026-06-11T12:00:00%2B02:00'],
];

/** The address; `decision` is the newest one's. */
async function addressOf(its, place) {
  if (place !== 'decision') return place;
  const { body } = await its.api('/api/v1/state');
  assert.ok(body.decision?.id, 'there is a decision');
  return `#/decisions?id=${encodeURIComponent(body.decision.id)}`;
}

/** Opens everything that can be unfolded. */
async function unfold(page) {
  await page.evaluate(() => { for (const node of document.querySelectorAll('main details')) node.open = true; });
  await settled(page);
}

for (const [kind, place] of PLACES) {
  test(`places: ${place} of a ${kind} site`, async () => {
    const its = await house(kind);
    const hash = await addressOf(its, place);
    const page = await visit(its.base, hash, { width: 320, height: 700, theme: 'dark', language: 'pl' });
    await unfold(page);
    assert.ok((await page.title()).includes(await page.textContent('main h1')), `the title names the view: ${await page.title()}`);
    const { wrong, known } = await compare(page, its, 'pl');
    assert.deepEqual(wrong, []);
    assert.ok(known > 0, 'figures are there');
    assert.equal(await overflow(page), '', 'no horizontal scroll');
    assert.deepEqual(page.problems, []);
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.evaluate(() => window.owned), undefined, 'no script of the site has run');
    const other = await wrapped(its.base, hash);
    await unfold(other);
    assert.deepEqual(faults(await other.evaluate(writings)), []);
  });
}

for (const [kind, { quarters, hours }] of Object.entries(CLOCKS)) {
  test(`places: a day of ${hours} hours has ${quarters} quarters, each with a name of its own`, async () => {
    const its = await house(kind);
    const page = await visit(its.base, '#/prices');
    await unfold(page);
    const names = await eventually('the table', async () => {
      const found = await page.$$eval('.slots tbody th', (all) => all.map((node) => node.textContent));
      return found.length > 0 && found;
    });
    assert.equal(names.length, quarters);
    assert.equal(new Set(names).size, quarters, 'no two are named the same');
    const energy = await visit(its.base, `#/energy?by=day&at=${DAYS[kind]}`);
    await unfold(energy);
    const rows = await energy.$$eval('main table', (tables) => tables.map((table) => [...table.querySelectorAll('tbody th')].map((node) => node.textContent)));
    const byHour = rows.find((found) => found.length >= hours);
    assert.ok(byHour, `a table by the hour: ${rows.map((found) => found.length)}`);
    assert.equal(new Set(byHour).size, byHour.length, 'no two hours are named the same');
    assert.ok(byHour.length - hours <= 1, `${byHour.length} rows`);
  });
}

test('places: negative prices are told in words, not by colour alone', async () => {
  const its = await house('negative');
  const { body } = await its.api('/api/v1/prices?day=today');
  const below = body.slots.filter(({ market_pln_kwh: market, buy_pln_kwh: buy }) => market < 0 || buy < 0).length;
  assert.ok(below > 20);
  const page = await visit(its.base, '#/prices');
  await unfold(page);
  const rows = await page.$$eval('.slots tbody tr', (all) => all.map((row) => row.lastElementChild.textContent));
  assert.equal(rows.filter((text) => /below zero|negative|paid/i.test(text)).length, below);
  assert.match(await page.textContent('.legend'), /below zero|negative/i);
});
