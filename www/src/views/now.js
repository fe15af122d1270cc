// The house at a glance: power flow, price, decision, today, health. One answer, /api/v1/state, and today's money.
import { ask, current, figure, figureOf, icon, isTroubled, make, named, put, putReason, set, siteText, spanOf, t, tWith, tellAge, timeOf, whyUnknown, withQuery } from '../kit.js';
import { flow } from './now/flow.js';
import { strip } from './now/strip.js';

/** @typedef {import('../kit.js').State} State */
const STATE = '/api/v1/state#';
const TODAY = /** @type {const} */ (['produced', 'consumed', 'imported', 'exported']);
/** Money changes with every row, each five minutes. */
const MONEY_MS = 150_000;

/** @type {import('../shell.js').Mount} */
export function mount(main) {
  const sums = today();
  const parts = [firstRun(), flow(), price(), decision(), sums, health()];
  main.append(make('div.board', ...parts.map(({ box }) => box)));
  return {
    update: (state) => parts.forEach((part) => part.update(state)),
    leave: sums.leave,
  };
}

/** @param {string} name @param {import('../kit.js').Key} title @param {...Node} inside */
const tile = (name, title, ...inside) => make(`section.tile.${name}`, { 'aria-labelledby': `${name}-title` }, make('h2', { id: `${name}-title` }, t(title)), ...inside);

function firstRun() {
  const reason = make('p.reason');
  const box = make('section.tile.first-run', { hidden: true }, make('h2', t('now.first_run')), reason,
    make('p', t('now.first_run_help')), make('pre', { tabindex: '0' }, 'wattboard check'));
  return {
    box,
    /** @param {State} state */
    update({ live, sources }) {
      box.hidden = Boolean(live.as_of) || Boolean(live.source);
      putReason(reason, whyUnknown(live, 'age_s') ?? sources.live?.error);
    },
  };
}

function price() {
  const value = make('span.big');
  const words = make('p.words');
  const why = make('p.reason');
  const [bestSpan, bestPrice] = [make('span'), make('span.figure')];
  const best = make('p.words', bestSpan, bestPrice);
  const sell = make('span.figure');
  const until = make('p.age');
  const bars = strip();
  const box = tile('price', 'now.price', make('p', value), words, make('p.words', `${t('now.price_sell')} `, sell), why, bars.box, best, until);
  return {
    box,
    /** @param {State} state */
    update({ prices, timestamp, unknown }) {
      const now = prices.current;
      figure(value, `${STATE}/prices/current/buy_pln_kwh`, now?.buy_pln_kwh, 'price');
      box.classList.toggle('negative', (now?.buy_pln_kwh ?? 0) < 0);
      words.replaceChildren(...(now?.rank ? tWith('now.price_rank', {
        rank: figureOf(`${STATE}/prices/current/rank`, now.rank, 'count'), of: figureOf(`${STATE}/prices/current/of`, now.of, 'count'),
      }) : []),
        ...(now?.trend ? [`, ${named('now', 'price_trend', now.trend)}`] : []));
      figure(sell, `${STATE}/prices/current/sell_pln_kwh`, now?.sell_pln_kwh, 'price');
      putReason(why, now?.buy_pln_kwh === undefined || now.buy_pln_kwh === null ? whyUnknown({ unknown }, 'prices.current.buy_pln_kwh') : undefined);
      bars.update(prices);
      const at = prices.cheapest.findIndex(({ hours }) => hours === 2);
      const cheapest = prices.cheapest[at];
      best.hidden = !cheapest;
      if (cheapest) {
        put(bestSpan, `${t('now.price_best', { span: spanOf(cheapest.start, cheapest.end, timestamp) })}, `);
        figure(bestPrice, `${STATE}/prices/cheapest/${at}/mean_buy_pln_kwh`, cheapest.mean_buy_pln_kwh, 'price');
      }
      const origin = prices.today?.provenance;
      tellAge(until, { at: origin?.fetched_at, staleAfter: prices.stale_after, source: named('common', 'source', origin?.source), box });
    },
  };
}

function decision() {
  const kind = make('p.big');
  const reason = make('p.words');
  const why = make('p.reason');
  const confidence = make('span.figure');
  const sure = make('p.words', `${t('now.decision_confidence')} `, confidence);
  const age = make('p.age');
  const receipt = make('a', t('now.decision_receipt'));
  const box = tile('decision', 'now.decision', kind, reason, why, sure, make('p', receipt), age);
  return {
    box,
    /** @param {State} state */
    update({ decision: made, unknown }) {
      put(kind, made ? named('now', 'decision', made.kind) : t('common.unknown'));
      if (reason.textContent !== (made?.reason ?? '')) reason.replaceChildren(...(made?.reason ? [siteText(made.reason)] : []));
      putReason(why, made ? undefined : whyUnknown({ unknown }, 'decision'));
      sure.hidden = typeof made?.confidence !== 'number';
      figure(confidence, `${STATE}/decision/confidence`, made?.confidence, 'share');
      receipt.hidden = !made?.id;
      set(receipt, 'href', made?.id ? `#/decisions?id=${made.id}` : null);
      tellAge(age, { at: made?.decided_at, source: made ? t('now.decision_at', { time: timeOf(made.decided_at) }) : '' });
    },
  };
}

function today() {
  const rows = TODAY.map((name) => ({ name, value: make('span.figure'), row: make('div') }));
  for (const { name, value, row } of rows) row.append(make('dt', t(`now.${name}`)), make('dd', value));
  const cost = make('span.figure');
  const sufficiency = make('span.figure');
  const list = make('dl.facts', ...rows.map(({ row }) => row),
    make('div', make('dt', t('now.cost')), make('dd', cost)), make('div', make('dt', t('now.sufficiency')), make('dd', sufficiency)));
  const why = make('p.reason');
  const age = make('p.age');
  const box = tile('today', 'now.today', list, why, make('p', make('a', { href: '#/energy' }, t('nav.energy'))), age);
  let day = current().timestamp.slice(0, 10);
  let timer = 0;
  let abort = new AbortController();

  async function money() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const path = withQuery('/api/v1/energy', { from: day, to: day, by: 'day' });
    try {
      /** @type {import('../kit.js').Schemas['EnergyRange']} */
      const answer = await ask(path, signal);
      if (signal.aborted) return;
      figure(cost, `${path}#/total/money/net_cost_pln`, answer.total.money.net_cost_pln, 'money');
      figure(sufficiency, `${path}#/total/self_sufficiency_pct`, answer.total.self_sufficiency_pct, 'percent');
    } catch {
      // The figures stay what they were; the line of the server's silence is the shell's.
    }
  }
  function begin() {
    figure(cost, '', null, 'money');
    figure(sufficiency, '', null, 'percent');
    money();
  }
  begin();
  return {
    box,
    /** @param {State} state */
    update({ today: sums, live, timestamp, unknown }) {
      for (const { name, value } of rows) figure(value, `${STATE}/today/${name}_kwh`, sums[`${name}_kwh`], 'energy');
      putReason(why, rows.some(({ name }) => sums[`${name}_kwh`] === null) ? whyUnknown({ unknown }, 'today.produced_kwh') : undefined);
      tellAge(age, { at: live.as_of, staleAfter: live.stale_after, source: named('common', 'source', live.source), box });
      if (day !== timestamp.slice(0, 10)) {
        day = timestamp.slice(0, 10);
        begin();
      }
      timer ||= window.setInterval(() => { if (!document.hidden) money(); }, MONEY_MS);
    },
    leave() {
      window.clearInterval(timer);
      abort.abort();
    },
  };
}

function health() {
  const words = make('p.big');
  const coordinator = make('p.words');
  const list = make('ul.troubles');
  const box = tile('health', 'now.health', words, coordinator, list, make('p', make('a', { href: '#/system' }, icon('system'), ` ${t('nav.system')}`)));
  return {
    box,
    /** @param {State} state */
    update({ sources, coordinator: program, demo }) {
      const troubled = Object.entries(sources).filter(([, source]) => source && isTroubled(source.state));
      put(words, troubled.length ? t('now.health_trouble', { n: troubled.length }) : t('now.health_good'));
      put(coordinator, `${t('now.coordinator')}: ${demo ? t('now.coordinator_demo')
        : program.running === null ? t('common.unknown') : t(program.running ? 'now.coordinator_running' : 'now.coordinator_stopped')}`);
      box.classList.toggle('troubled', troubled.length > 0 || (!demo && program.running === false));
      list.replaceChildren(...troubled.map(([name, source]) => {
        const line = make('span.reason');
        putReason(line, source?.error);
        return make('li', `${named('sources', '', name)}: `, line);
      }));
    },
  };
}
