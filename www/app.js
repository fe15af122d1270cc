// The first page: asks the server every ten seconds and draws what it says. Knows nothing that an answer does not say.
// What comes from the site is set as text only. Times are shown as the site's clock has them, never converted.

const EVERY_MS = 10_000;
const PATIENCE_MS = 8_000;
const SHOWN_DECISIONS = 5;

/** Section -> what it is asked for and how it is drawn. */
const sections = {
  status: { path: () => '/status', draw: drawStatus },
  now: { path: () => '/current-state', draw: drawNow },
  prices: { path: () => '/api/v1/prices', draw: drawPrices },
  tomorrow: { path: () => '/api/v1/prices?day=tomorrow', draw: () => answers.prices?.body && drawPrices(answers.prices.body) },
  decisions: { path: () => '/decisions?time_range=24h', draw: drawDecisions },
  month: { path: () => '/monthly-summary', draw: drawMonth },
  metrics: { path: () => '/metrics', draw: drawMetrics },
  logs: { path: logPath, draw: drawLogs },
};

/** Section -> its last answer: {body, text, at (ms), lost: reason or ''}. */
const answers = {};

const el = (id) => document.getElementById(id);

// ---- words and numbers

const known = (value) => value !== null && value !== undefined && value !== '';
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const minus = (text) => text.replace('-', '\u2212');
const fixed = (value, digits) => minus(value.toFixed(digits));
/** HH:MM:SS of an ISO timestamp, as written. */
const timeOf = (iso) => (known(iso) ? String(iso).slice(11, 19) : '');
/** HH:MM:SS on the reader's own clock. */
const browserTime = (ms) => new Date(ms).toTimeString().slice(0, 8);

function ageWords(seconds) {
  if (!isNumber(seconds)) return '';
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s ago`;
  if (s < 7200) return `${Math.round(s / 60)} min ago`;
  if (s < 172_800) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86_400)} days ago`;
}

/** The value at a dotted path, or undefined. */
const at = (body, path) => path.split('.').reduce((inner, key) => inner?.[key], body);

/** Why a path's value is not known: the reason given for it or for what contains it. */
function whyUnknown(body, path) {
  const reasons = body.unknown ?? {};
  for (let key = path; key; key = key.slice(0, Math.max(0, key.lastIndexOf('.')))) {
    if (typeof reasons[key] === 'string') return reasons[key];
  }
  return '';
}

/**
 * `value unit`, or `unknown`, with the reason. A 0 that stands for something not known counts as unknown; any other
 * number with a reason is known in part, which the reason says.
 */
function said(body, path, words) {
  const value = at(body, path);
  const why = whyUnknown(body, path);
  return [isNumber(value) && !(why && value === 0) ? words(value) : 'unknown', why];
}

const kw = (watts) => `${fixed(watts / 1000, 2)}\u00a0kW`;
const kwh = (value) => `${fixed(value, 2)}\u00a0kWh`;
const pln = (value) => `${fixed(value, 2)}\u00a0PLN`;
/** PLN/kWh as the answer has it: four decimals, so that nothing is rounded twice. */
const price = (value) => fixed(value, 4);

// ---- drawing

/** Sets text, with an optional quiet second line, only when it changed. */
function put(target, text, quiet = '') {
  const both = `${text}\n${quiet}`;
  if (target.dataset.text === both) return;
  target.dataset.text = both;
  target.replaceChildren(text);
  if (quiet) target.append(make('span', 'quiet', quiet));
}

function make(name, className = '', ...inside) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...inside);
  return node;
}

function svg(name, attributes, ...inside) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inside);
  return node;
}

/** Rows of [term, text, quiet text]; the nodes stay, so nothing moves when values change. */
function putFacts(list, rows) {
  while (list.children.length > rows.length * 2) list.lastChild.remove();
  while (list.children.length < rows.length * 2) list.append(make('dt'), make('dd'));
  rows.forEach(([term, text, quiet], i) => {
    put(list.children[2 * i], term);
    put(list.children[2 * i + 1], text, quiet);
  });
}

// ---- sections

function drawStatus(body) {
  const demo = body.demo === true;
  el('demo').hidden = !demo;
  document.title = demo ? 'DEMO - simulated house - Wattboard' : 'Wattboard';
  const sources = {
    database_fresh: 'fresh, from the database', database_stale: 'old, from the database',
    background_cache: 'fresh, from state files', background_cache_stale: 'old, from state files', none: 'none yet',
  };
  const worker = body.background_worker ?? {};
  const health = { healthy: 'all sources are being read', stale: 'a source has not been read lately', failed: 'a reader has stopped' };
  const ages = Object.entries(worker.cache_ages ?? {})
    .map(([name, age]) => `${name.replace(/_s$/, '')} ${isNumber(age) ? ageWords(age) : 'never'}`).join(', ');
  const storage = body.storage ?? {};
  const type = { sqlite: 'SQLite database', file: 'files' }[storage.type] ?? 'no storage';
  const errors = Object.entries(worker.last_errors ?? {}).filter(([, text]) => known(text)).map(([name, text]) => `${name}: ${text}`);
  if (known(body.own_database?.error)) errors.push(`own database: ${body.own_database.error}`);
  const coordinator = body.coordinator_running
    ? `running${known(body.coordinator_pid) ? `, process ${body.coordinator_pid}` : ''}` : 'not running';
  putFacts(el('status-facts'), [
    ['Coordinator', demo ? 'played by the demo' : coordinator, ''],
    ['Live data', sources[body.data_source] ?? String(body.data_source), ''],
    ['Reading', health[worker.health] ?? 'unknown', ages],
    ['Storage', storage.connected ? `${type}, connected` : `${type}, not connected`,
      storage.has_data ? 'decisions within the last 24 hours' : 'no decision within the last 24 hours'],
    ['Errors', errors.length ? errors.join('; ') : 'none', ''],
    ['Server', `up for ${body.server_uptime_human ?? 'unknown'}`, ''],
  ]);
}

function drawNow(body) {
  const battery = said(body, 'battery.power_w', (w) => (w > 0 ? `discharging ${kw(w)}` : w < 0 ? `charging ${kw(-w)}` : 'resting'));
  const grid = said(body, 'grid.current_power_w', (w) => (w > 0 ? 'exporting' : w < 0 ? 'importing' : 'neither importing nor exporting'));
  const gridToday = [
    said(body, 'grid.daily_import_kwh', (e) => `${kwh(e)} in`), said(body, 'grid.daily_export_kwh', (e) => `${kwh(e)} out`),
  ].map(([text]) => text).filter((text) => text !== 'unknown');
  const today = (path) => { const [text] = said(body, path, kwh); return text === 'unknown' ? '' : `${text} today`; };
  tile(body, 'pv', 'photovoltaic', said(body, 'photovoltaic.current_power_w', kw), ['', today('photovoltaic.daily_generation_kwh')]);
  tile(body, 'house', 'house_consumption', said(body, 'house_consumption.current_power_w', kw),
    ['', today('house_consumption.daily_consumption_kwh')]);
  tile(body, 'battery', 'battery', said(body, 'battery.soc_percent', (soc) => `${fixed(soc, 1)} %`),
    [battery[0] === 'unknown' ? 'power unknown' : battery[0], battery[1]]);
  tile(body, 'grid', 'grid', said(body, 'grid.current_power_w', (w) => kw(Math.abs(w))),
    [grid[0] === 'unknown' ? '' : grid[0], gridToday.length ? `${gridToday.join(', ')} today` : '']);
  const soc = at(body, 'battery.soc_percent');
  el('battery-meter').hidden = !isNumber(soc);
  if (isNumber(soc)) el('battery-meter').value = soc;
}

/** One device: value, words, and how old it is and where from. `value` and `words` are [text, quiet]. */
function tile(body, id, device, value, words) {
  const own = body[device] ?? {};
  const stale = own.stale ?? body.stale ?? known(body.data_warning);
  const asOf = own.as_of ?? body.as_of ?? body.data_timestamp ?? body.timestamp;
  const source = own.source ?? body.source;
  // Answers do not get younger while no new one comes.
  const read = own.age_s ?? body.age_s ?? body.cache_age_seconds;
  const age = isNumber(read) ? ageWords(read + (Date.now() - answers.now.at) / 1000) : '';
  const from = { database: 'database', state_file: 'state file' }[source] ?? source;
  put(el(`${id}-value`), value[0]);
  const why = value[0] === 'unknown' && value[1];
  // What is known beside a value that is not stays: the day's sums, say.
  const [first, ...rest] = new Set([why, ...words].filter(Boolean));
  put(el(`${id}-words`), first ?? '', rest.join(', '));
  const since = timeOf(own.stale_after ?? body.stale_after ?? asOf);
  const when = !known(asOf) ? ['never read']
    : stale ? [`stale since ${since}`, age && `read ${age}`] : [`read at ${timeOf(asOf)}`, age];
  put(el(`${id}-age`), [...when, known(from) && `from ${from}`].filter(Boolean).join(', '));
  el(`${id}-value`).closest('.tile').classList.toggle('old', Boolean(stale));
}

/** Today's quarter-hours, and tomorrow's once they are known. */
function slotsAhead(today) {
  const tomorrow = answers.tomorrow?.body;
  const follows = tomorrow && tomorrow.day > today.day && tomorrow.slots.some((slot) => isNumber(slot.buy_pln_kwh));
  return follows ? [...today.slots, ...tomorrow.slots] : today.slots;
}

/** `18:30`, with the day where it is not the one that is meant anyway. */
const clockOf = (iso, day) => `${iso.slice(11, 16)}${iso.slice(0, 10) > day ? ' tomorrow' : ''}`;

function drawPrices(body) {
  const { current: now, windows, provenance } = body;
  const [buy, whyBuy] = said(body, 'current.buy_pln_kwh', price);
  const slot = now && body.slots.find((one) => one.start === now.start);
  const trend = { rising: 'rising', falling: 'falling', stable: 'steady' }[now?.trend];
  const extras = ['extras', 'vat'].filter((part) => isNumber(slot?.[`${part}_pln_kwh`])).map((part) => ` + ${part === 'vat' ? 'VAT' : part} ${price(slot[`${part}_pln_kwh`])}`);
  put(el('price-now'),
    buy === 'unknown' ? 'Price now unknown' : `This quarter-hour ${buy}\u00a0PLN/kWh${trend ? `, ${trend}` : ''}`,
    buy === 'unknown' ? whyBuy || body.reason || '' : `market ${price(slot.market_pln_kwh)} + margin ${price(slot.margin_pln_kwh)} + `
      + `distribution ${price(slot.distribution_pln_kwh)} (${slot.zone.replaceAll('_', ' ')})${extras.join('')}; ${now.rank} of ${now.of} from the cheapest`);
  const [sell, whySell] = said(body, 'current.sell_pln_kwh', price);
  put(el('price-sell'), `Selling pays ${sell}${sell === 'unknown' ? '' : '\u00a0PLN/kWh'}`,
    sell === 'unknown' ? whySell || whyUnknown(body, 'slots.sell_pln_kwh') : body.sell_provenance?.rule ?? '');
  const best = windows.cheapest.find((one) => one.hours === 2);
  put(el('price-best'), best ? `Cheapest two hours: ${clockOf(best.start, body.day)} to ${clockOf(best.end, best.start.slice(0, 10))}` : '',
    best ? `${price(best.mean_buy_pln_kwh)}\u00a0PLN/kWh on average` : '');
  const slots = slotsAhead(body);
  el('price-table').hidden = !slots.length;
  const negative = windows.negative.map((one) => `${one.start.slice(11, 16)} to ${one.end.slice(11, 16)}`);
  put(el('price-notes'), [
    negative.length ? `Market price below zero: ${negative.join(', ')}.` : '',
    whyUnknown(body, 'slots.market_pln_kwh') || (slots.length ? '' : body.reason ?? ''),
    { network: 'From PSE,', disk_cache: 'From the saved copy,', memory: 'From the price memory,' }[provenance.source],
    timeOf(provenance.fetched_at) ? `fetched ${dayAndTime(provenance.fetched_at, body.day)}` : '',
    provenance.rule ? `(${provenance.rule})` : '',
  ].filter(Boolean).join(' '));
  drawChart(slots, now?.start, body.day);
  const cell = (value) => make('td', isNumber(value) && value < 0 ? 'below' : '', isNumber(value) ? fixed(value, 4) : 'unknown');
  el('price-rows').replaceChildren(...slots.map((one) => {
    const mark = one.start === now?.start;
    const parts = ['buy', 'market', 'margin', 'distribution', 'sell'].map((part) => cell(one[`${part}_pln_kwh`]));
    return make('tr', mark ? 'is-now' : '', make('td', '', clockOf(one.start, body.day) + (mark ? ' (now)' : '')), ...parts);
  }));
}

/** `18:30:05`, after the date where that is another day. */
const dayAndTime = (iso, day) => (iso.slice(0, 10) === day ? '' : `${iso.slice(0, 10)} `) + timeOf(iso);

/** Bars by quarter-hour, drawn at the size the box has, so that text keeps its own. */
function drawChart(slots, now, day) {
  const box = el('chart');
  const known = slots.filter((slot) => isNumber(slot.buy_pln_kwh));
  if (!known.length) return box.replaceChildren();
  const [width, height, left, top, bottom] = [Math.max(240, box.clientWidth), box.clientHeight || 192, 38, 18, 20];
  const values = known.map((slot) => slot.buy_pln_kwh);
  const [high, low] = [Math.max(0.1, ...values), Math.min(0, ...values)];
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const step = (width - left) / slots.length;
  const x = (index) => left + index * step;
  const gap = step > 4 ? 1 : 0;
  const parts = [high, high / 2, ...(low < 0 ? [low] : [])].flatMap((value) => [
    svg('line', { class: 'guide', x1: left, x2: width, y1: y(value), y2: y(value) }),
    svg('text', { x: left - 5, y: y(value) + 4, 'text-anchor': 'end' }, fixed(value, 2)),
  ]);
  slots.forEach((slot, index) => {
    const value = slot.buy_pln_kwh;
    if (!isNumber(value)) return;
    const names = [slot.start === now ? 'is-now' : '', value < 0 ? 'below' : ''].join(' ').trim();
    parts.push(svg('rect', {
      class: names, x: x(index), width: Math.max(0.5, step - gap), y: y(Math.max(0, value)), height: Math.max(1, Math.abs(y(value) - y(0))),
    }, svg('title', {}, `${clockOf(slot.start, day)}: ${price(value)} PLN/kWh`)));
    if (slot.start === now) {
      const middle = Math.min(width - 14, Math.max(left + 14, x(index) + step / 2));
      parts.push(svg('text', { class: 'now-label', x: middle, y: top - 6, 'text-anchor': 'middle' }, 'now'));
    }
  });
  parts.push(svg('line', { class: 'axis', x1: left, x2: width, y1: y(0), y2: y(0) }));
  const every = slots.length > 100 ? 12 : 6;
  slots.forEach((slot, index) => {
    const hour = Number(slot.start.slice(11, 13));
    if (slot.start.slice(14, 16) !== '00' || hour % every !== 0) return;
    if (hour === 0 && index > 0) parts.push(svg('line', { class: 'guide', x1: x(index), x2: x(index), y1: top, y2: height - bottom }));
    parts.push(svg('text', { x: x(index) + 1, y: height - 5 }, hour === 0 && index > 0 ? 'tomorrow' : slot.start.slice(11, 16)));
  });
  const dearest = known.reduce((a, b) => (b.buy_pln_kwh > a.buy_pln_kwh ? b : a));
  const cheapest = known.reduce((a, b) => (b.buy_pln_kwh < a.buy_pln_kwh ? b : a));
  const words = (slot) => `${price(slot.buy_pln_kwh)} at ${clockOf(slot.start, day)}`;
  const label = `Prices by the quarter-hour: cheapest ${words(cheapest)}, dearest ${words(dearest)}, PLN/kWh`;
  box.replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, ...parts));
}

const ACTIONS = {
  wait: ['Wait', ''], battery_selling: ['Sell from the battery', 'kind-selling'],
  charge: ['Charge', 'kind-charging'], charging: ['Charge', 'kind-charging'],
  start_pv_charging: ['Charge from the sun', 'kind-charging'], start_grid_charging: ['Charge from the grid', 'kind-charging'],
  start_hybrid_charging: ['Charge from sun and grid', 'kind-charging'],
};

function drawDecisions(body) {
  const all = body.decisions ?? [];
  put(el('decision-counts'), all.length
    ? `In 24 hours: ${body.charging_count} to charge, ${body.battery_selling_count} to sell, ${body.wait_count} to wait`
    : 'No decision within the last 24 hours.');
  el('decision-list').classList.add('drawn');
  el('decision-list').replaceChildren(...all.slice(0, SHOWN_DECISIONS).map(decision));
  el('decision-rest').replaceChildren(...all.slice(SHOWN_DECISIONS).map(decision));
  el('decision-earlier').hidden = all.length <= SHOWN_DECISIONS;
}

function decision(row) {
  const [words, kind] = ACTIONS[row.action] ?? [String(row.action), ''];
  const cost = row.current_price ?? row.current_price_pln;
  const details = [
    isNumber(cost) && cost !== 0 ? `${price(cost)} PLN/kWh` : '',
    isNumber(row.confidence) ? `confidence ${Math.round(row.confidence * 100)} %` : '',
  ].filter(Boolean).join(', ');
  return make('li', '', make('time', '', timeOf(row.timestamp).slice(0, 5)), make('strong', kind, words),
    make('p', '', known(row.reason) ? row.reason : 'no reason recorded'), make('p', 'quiet', details));
}

function drawMonth(body) {
  put(el('month-title'), `${body.month_name} ${body.year}`);
  const row = (term, path, words) => [term, ...said(body, path, words)];
  const share = said(body, 'savings_percentage', (v) => `${fixed(v, 1)} %`)[0];
  const zones = ['grid_import_t1_kwh', 'grid_import_t2_kwh'].map((path) => said(body, path, kwh)[0]);
  putFacts(el('month-facts'), [
    row('Charged', 'total_energy_kwh', kwh), row('Cost, estimated', 'total_cost_pln', pln),
    row('Saved, estimated', 'total_savings_pln', (v) => `${pln(v)} (${share})`),
    row('Sold', 'total_energy_sold_kwh', kwh), row('Sales, estimated', 'selling_revenue_pln', pln),
    ['From the grid', said(body, 'grid_import_total_kwh', kwh)[0],
      [zones[0] === 'unknown' ? '' : `peak ${zones[0]}, off-peak ${zones[1]}`, whyUnknown(body, 'grid_import_total_kwh')]
        .filter(Boolean).join('; ')],
    ['Days with data', String(body.days_with_data), ''],
  ]);
}

function drawMetrics(body) {
  const row = (term, path, words) => [term, ...said(body, path, words)];
  const sources = Object.entries(body.source_breakdown ?? {}).filter(([name]) => name !== 'battery_selling')
    .map(([name, count]) => `${name} ${count}`);
  putFacts(el('metrics-facts'), [
    row('Decisions this month', 'total_decisions', String),
    ['Of them', `${body.charging_count} charge, ${body.battery_selling_count} sell, ${body.wait_count} wait`, ''],
    row('Mean confidence', 'avg_confidence', (v) => `${fixed(v, 1)} %`),
    row('Confidence, last 24 h', 'efficiency_score', (v) => `${fixed(v, 1)} %`),
    row('Mean cost', 'avg_cost_per_kwh_pln', (v) => `${price(v)} PLN/kWh`),
    ['Charged from', sources.length ? sources.join(', ') : 'nothing recorded', ''],
  ]);
}

function logPath() {
  const level = el('level').value;
  return `/logs?file=master&lines=100${level ? `&level=${encodeURIComponent(level)}` : ''}`;
}

function drawLogs(body) {
  const box = el('log-lines');
  const text = (body.lines ?? []).join('\n') || 'No such lines.';
  const all = body.level_filter ? `${body.filtered_lines} such` : `${body.total_lines}`;
  put(el('log-count'), `the last ${body.returned_lines} of ${all} lines of ${body.log_file} in memory`);
  el('log-whole').href = `/logs/download/${encodeURIComponent(body.log_file)}`;
  if (box.textContent === text) return;
  // Follow the end, unless somebody is reading further up.
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40 || !answers.logs?.drawn;
  box.textContent = text;
  if (atEnd) box.scrollTop = box.scrollHeight;
}

// ---- asking

/** Asks for one section. An answer with an error keeps what was drawn, greyed, and says what the error is. */
async function ask(name) {
  const { path } = sections[name];
  const state = (answers[name] ??= { lost: '', at: 0, drawn: false });
  const asked = path();
  try {
    const response = await fetch(asked, { signal: AbortSignal.timeout(PATIENCE_MS), headers: { Accept: 'application/json' } });
    const text = await response.text();
    if (asked !== path()) return;
    const body = JSON.parse(text);
    if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`, { cause: 'answered' });
    Object.assign(state, { body, text, at: Date.now(), lost: '', silent: false });
  } catch (error) {
    state.silent = error.cause !== 'answered';
    state.lost = state.silent ? `no answer since ${state.at ? browserTime(state.at) : browserTime(loaded)}` : error.message;
  }
}

/** Draws one section; what is wrong with it is said there, unless it is said for all of them already. */
function draw(name, saidForAll = false) {
  const state = answers[name];
  const section = el(name);
  section.classList.toggle('lost', state.lost !== '');
  put(section.querySelector('[data-note]'), saidForAll ? '' : state.lost);
  if (!state.body || (state.text === state.drawnText && name !== 'now')) return;
  try {
    sections[name].draw(state.body);
    Object.assign(state, { drawn: true, drawnText: state.text });
  } catch (error) {
    console.error(name, error);
    section.classList.add('lost');
    put(section.querySelector('[data-note]'), 'the answer cannot be read by this page');
  }
}

async function askAll() {
  const names = Object.keys(sections);
  await Promise.all(names.map(ask));
  const silent = names.every((name) => answers[name].silent);
  const last = Math.max(0, ...names.map((name) => answers[name].at));
  put(el('trouble'), silent ? `No answer since ${browserTime(last || loaded)} by this device's clock. What is shown is from before.` : '');
  names.forEach((name) => draw(name, silent));
  put(el('clock'), answers.status.lost ? 'no answer' : timeOf(answers.status.body?.timestamp));
}

const loaded = Date.now();
let timer = 0;
let asking = false;

async function round() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  try {
    await askAll();
  } finally {
    asking = false;
    if (!document.hidden) timer = setTimeout(round, EVERY_MS);
  }
}

document.addEventListener('visibilitychange', round);
el('level').addEventListener('change', async () => { await ask('logs'); draw('logs'); });
addEventListener('resize', () => { if (answers.prices?.body) drawPrices(answers.prices.body); });
round();
