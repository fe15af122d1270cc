// The time machine: the house at one instant, as it was measured and logged then.
import { ask, here, linkTo, make, named, note as noteAddress, put, said, serverNow, set, siteText, t, whenOf, whyUnknown, withQuery } from '../../kit.js';
import { clockOf, instant, kindOf, linkToAt, pen, reasonOf, refusal, tile, twice } from './parts.js';

/** @typedef {import('../../kit.js').Schemas} Schemas */
/** @typedef {Schemas['SiteAt']} Answer */
/** @typedef {ReturnType<typeof pen>} Pen */

const PATH = '/api/v1/at';
/** Steps by name, s. */
const STEPS = { hour_back: -3600, quarter_back: -900, quarter_on: 900, hour_on: 3600 };
/** A time is typed piece by piece. */
const PAUSE_MS = 500;
/** A reading further away than two rows says little of the instant. */
const NEAR_S = 600;
const LADDER = /** @type {const} */ (['market_pln_kwh', 'margin_pln_kwh', 'distribution_pln_kwh', 'extras_pln_kwh', 'vat_pln_kwh']);

/** An instant some seconds away, with the offset of the one that it is reckoned from. @param {string} iso @param {number} seconds */
function shift(iso, seconds) {
  const offset = iso.slice(19);
  const local = new Date(Date.parse(`${iso.slice(0, 19)}Z`) + seconds * 1000).toISOString().slice(0, 19);
  return local + offset;
}

export function machine() {
  const input = make('input', { type: 'datetime-local', step: 60 });
  const buttons = Object.entries(STEPS).map(([name, seconds]) => make('button', { type: 'button', onclick: () => step(seconds) }, named('decisions', 'step', name)));
  const now = make('button', { type: 'button', onclick: () => travel(new Date(serverNow()).toISOString()) }, t('decisions.step_now'));
  const title = make('h2', { tabindex: '-1' });
  const trouble = make('div.note', { role: 'alert' });
  const inside = make('div.receipt');
  const box = make('article.machine', make('p', make('a', { href: linkTo('decisions') }, t('decisions.all'))),
    make('div.toolbar', make('label', make('span.quiet', t('decisions.time')), input), ...buttons, now), title, trouble, inside);
  let abort = new AbortController();
  let timer = 0;
  /** From where steps go on: the site's time with its offset. */
  let base = '';
  let asked = '';

  input.addEventListener('change', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => { if (input.value) travel(input.value); }, PAUSE_MS);
  });

  /** @param {number} seconds */
  function step(seconds) {
    if (!base) return;
    base = shift(base, seconds);
    travel(base);
  }

  /** @param {string} at */
  function travel(at) {
    noteAddress('decisions', { at });
    follow(at);
  }

  /** @param {string} at an instant, local or with an offset, or `now` */
  async function follow(at) {
    if (at === asked && inside.firstChild) return;
    asked = at;
    window.clearTimeout(timer);
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    set(box, 'aria-busy', 'true');
    if (!inside.firstChild) put(title, t('common.loading'));
    try {
      /** @type {Answer} */
      const answer = await ask(withQuery(PATH, { time: at === 'now' ? new Date(serverNow()).toISOString() : at }), signal);
      if (signal.aborted) return;
      base = answer.time;
      trouble.replaceChildren();
      draw(answer);
      // What was said by another clock is noted by the site's.
      if (here().params.get('at') === at && /(Z|[+-]\d\d:\d\d|^now)$/.test(at)) noteAddress('decisions', { at: asked = answer.time });
    } catch (error) {
      if (signal.aborted) return;
      asked = '';
      inside.replaceChildren();
      put(title, t('decisions.machine'));
      trouble.replaceChildren(...refusal(error, () => follow(at)));
    }
    set(box, 'aria-busy', null);
  }

  /** @param {Answer} answer */
  function draw(answer) {
    const value = answer.time.slice(0, 16);
    if (input.value.slice(0, 16) !== value) input.value = value;
    title.replaceChildren(...instant(answer.time));
    const p = pen(answer, withQuery(PATH, { time: answer.time }));
    // A link that was followed is not there any more.
    const isInside = inside.contains(document.activeElement);
    inside.replaceChildren(make('div.column', reading(answer, p), inForce(answer, p)), price(answer, p), logs(answer));
    if (isInside) title.focus({ preventScroll: true });
  }

  return {
    box,
    follow,
    focus: () => title.focus({ preventScroll: true }),
    leave() {
      window.clearTimeout(timer);
      abort.abort();
    },
  };
}

/** @param {Answer} answer @param {Pen} p */
function reading({ reading: row, reading_before: before, reading_after: after }, p) {
  const hours = twice([before, row?.timestamp, after]);
  const links = make('p.links', ...(before ? [make('a', { href: linkToAt(before) }, t('decisions.reading_before', { time: clockOf(before, hours) }))] : []), ' ',
    ...(after ? [make('a', { href: linkToAt(after) }, t('decisions.reading_after', { time: clockOf(after, hours) }))] : []));
  if (!row) return tile('reading', t('decisions.reading'), make('p.reason', ...p.whyOf('reading')), links);
  const isFar = Math.abs(row.off_by_s) > NEAR_S;
  /** @param {number | null} watts @param {string} name */
  const way = (watts, name) => (watts === null ? '' : named('decisions', name, watts > 0 ? 'out' : watts < 0 ? 'in' : 'still'));
  const box = tile('reading', t('decisions.reading'),
    make(isFar ? 'p.note' : 'p.quiet', `${whenOf(row.timestamp)}, `, p.number('reading.off_by_s', 'gap'), ` ${t(Math.abs(row.off_by_s) < 1 ? 'decisions.away' : row.off_by_s < 0 ? 'decisions.earlier_by' : 'decisions.later_by')}`),
    make('dl.facts',
      p.fact(t('decisions.battery'), 'reading.soc_pct', 'percent'),
      p.fact(t('decisions.battery_power'), 'reading.battery_w', 'flow', way(row.battery_w, 'battery')),
      p.fact(t('decisions.pv'), 'reading.pv_w', 'power'),
      p.fact(t('decisions.load'), 'reading.load_w', 'power'),
      p.fact(t('decisions.grid'), 'reading.grid_w', 'flow', way(row.grid_w, 'grid')),
      p.fact(t('decisions.pv_today'), 'reading.pv_today_kwh', 'energy')),
    make('details', make('summary', t('decisions.more_readings')), make('dl.facts',
      p.fact(t('decisions.temperature'), 'reading.battery_temperature_c', 'temperature'),
      p.fact(t('decisions.recorded_price'), 'reading.price_pln_kwh', 'price'),
      p.fact(t('decisions.import_total'), 'reading.import_total_kwh', 'energy'),
      p.fact(t('decisions.export_total'), 'reading.export_total_kwh', 'energy'),
      p.fact(t('decisions.load_total'), 'reading.load_total_kwh', 'energy'))),
    links);
  return box;
}

/** @param {Answer} answer @param {Pen} p */
function price({ price: slot, price_source: source }, p) {
  if (!slot) return tile('price-then', t('decisions.price'), make('p.reason', ...p.whyOf('price')));
  const hours = twice([slot.start, slot.end]);
  /** @param {string} name @param {string} key @param {...Node} beside */
  const row = (name, key, ...beside) => make('tr', make('th', { scope: 'row' }, name, ...beside), make('td', p.number(`price.${key}`, 'exact'), ...p.why(`price.${key}`).map((why) => make('span.quiet.why', why))));
  const zone = slot.zone ? [' ', make('span.quiet', siteText(named('prices', 'zone', slot.zone)))] : [];
  const steps = LADDER.filter((key) => slot[key] !== undefined)
    .map((key) => row(t(`decisions.${key}`), key, .../** @type {Node[]} */ (key === 'distribution_pln_kwh' ? zone : [])));
  const buy = row(t('decisions.buy_pln_kwh'), 'buy_pln_kwh');
  buy.className = 'sum';
  const box = tile('price-then', t('decisions.price'),
    make('p', make('span.big', p.number('price.buy_pln_kwh', 'price'))),
    make('p.quiet', `${clockOf(slot.start, hours)}\u2013${clockOf(slot.end, hours)}${source ? `, ${named('decisions', 'source', source)}` : ''}`),
    make('table', make('thead', make('tr', make('th', { scope: 'col' }, t('decisions.step')), make('th', { scope: 'col' }, t('decisions.price_unit')))),
      make('tbody', ...steps, buy, row(t('decisions.sell_pln_kwh'), 'sell_pln_kwh'))),
    make('p.quiet', slot.kompas === null ? '' : `${t('decisions.kompas')}: ${named('prices', 'kompas', slot.kompas)}`));
  box.classList.toggle('negative', (slot.buy_pln_kwh ?? 0) < 0);
  return box;
}

/** @param {Answer} answer @param {Pen} p */
function inForce({ decision, decision_before: before, decision_after: after }, p) {
  /** @param {Schemas['DecisionMark'] | null} mark @param {'decisions.before' | 'decisions.after'} name @param {string} dotted */
  const link = (mark, name, dotted) => (mark
    ? make('p', make('a', { href: linkTo('decisions', { id: mark.id }) }, `${t(name)}: ${whenOf(mark.decided_at)}`), ' ', kindOf(mark.kind))
    : make('p.reason', `${t(name)}: `, ...p.whyOf(dotted)));
  return tile('in-force', t('decisions.in_force'),
    ...(decision ? [
      make('p.big', kindOf(decision.kind)),
      make('p.words', reasonOf(decision.reason)),
      make('p.quiet', `${whenOf(decision.decided_at)}, `, p.number('decision_age_s', 'duration'), ` ${t('decisions.old')}`),
      ...(decision.id === null ? [] : [make('p', make('a', { href: linkTo('decisions', { id: decision.id }) }, t('decisions.open_receipt')))]),
    ] : [make('p.reason', ...p.whyOf('decision'))]),
    link(before, 'decisions.before', 'decision_before'), link(after, 'decisions.after', 'decision_after'));
}

/** @param {Answer} answer */
function logs(answer) {
  const reason = answer.logs.length ? undefined : whyUnknown(answer, 'logs');
  return tile('logs-then', t('decisions.logs'), make('p.quiet', t('decisions.logs_reach')), ...(reason ? [make('p.reason', said(reason))] : []),
    ...answer.logs.flatMap(({ name, lines, complete }) => {
      const why = complete ? undefined : whyUnknown(answer, `logs.${name}`);
      return [make('h3', siteText(name)),
        ...(why ? [make('p.reason', said(why))] : []),
        lines.length ? make('pre', { tabindex: '0', role: 'region', 'aria-label': name }, ...lines.flatMap((line) => [siteText(line), '\n']))
          : make('p.quiet', t('decisions.no_lines'))];
    }));
}
