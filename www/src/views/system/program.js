// The server itself: what it takes, what it was asked and how fast it answered, which limits were reached.
import { duration, figure, figureOf, formats, make, named, putReason, put, said, siteText, t, tellAge, whyUnknown } from '../../kit.js';
import { ABOUT, fact, head, tile, wide } from './parts.js';

/** @typedef {import('./parts.js').About} About */
/** What happens every day. */
const USUAL = ['idle_seconds'];
const CLASSES = /** @type {const} */ (['2xx', '3xx', '4xx', '5xx']);
const TIMES = /** @type {const} */ (['p50_ms', 'p99_ms', 'max_ms']);

export function footprint() {
  const values = /** @type {const} */ ({
    rss_bytes: 'bytes', cpu_s: 'duration', threads: 'count', descriptors: 'count', written_bytes: 'bytes', read_bytes: 'bytes',
  });
  const names = /** @type {(keyof typeof values)[]} */ (Object.keys(values));
  const nodes = names.map(() => make('span'));
  const [share, uptime] = [make('span', { 'data-reckoned': true }), make('span')];
  const why = make('p.reason');
  const age = make('p.age');
  const box = tile('footprint', 'system.footprint', make('dl.facts', ...names.map((name, at) => fact(name === 'threads' ? 'system.threads_count' : `system.${name}`, nodes[at] ?? '')),
    fact('system.cpu_share', share), fact('system.uptime', uptime)), why, age);
  return {
    box,
    /** @param {About} about */
    tell({ process, uptime_s: seconds, unknown }) {
      names.forEach((name, at) => figure(/** @type {Element} */ (nodes[at]), `${ABOUT}/process/${name}`, process?.[name], values[name]));
      put(share, process && seconds ? formats.percent?.(process.cpu_s / seconds * 100) ?? '' : '\u2013');
      put(uptime, duration(seconds));
      putReason(why, process ? null : whyUnknown({ unknown }, 'process'));
      age.hidden = !process;
      tellAge(age, { at: process?.as_of });
    },
  };
}

export function traffic() {
  const sums = make('dl.facts');
  const rows = make('tbody');
  const table = wide(t('system.latency'), head(t('system.route'), t('system.count'), t('system.p50_ms'), t('system.p99_ms'), t('system.max_ms')), rows);
  const box = tile('traffic', 'system.traffic', sums, make('details', make('summary', t('system.latency')), table));
  return {
    box,
    /** @param {About} about */
    tell({ requests, connections, latency }) {
      const one = (/** @type {import('../../kit.js').Key} */ key, /** @type {string} */ of, /** @type {unknown} */ value, /** @type {'count' | 'bytes'} */ as = 'count') => fact(key, figureOf(`${ABOUT}/${of}`, value, as));
      sums.replaceChildren(
        one('system.requests', 'requests/total', requests?.total),
        ...CLASSES.filter((name) => name !== '3xx').map((name) => one(`system.answers_${name}`, `requests/by_status/${name}`, requests?.by_status[name])),
        one('system.bytes_sent', 'requests/bytes_sent', requests?.bytes_sent, 'bytes'),
        one('system.connections', 'connections/open', connections?.open),
        one('system.event_streams', 'connections/event_streams', connections?.event_streams),
        one('system.turned_away', 'connections/turned_away', connections?.turned_away),
        one('system.panics', 'requests/contained_panics', requests?.contained_panics));
      rows.replaceChildren(...latency.map((route, at) => make('tr', make('th', { scope: 'row' }, make('code', route.route)),
        make('td', figureOf(`${ABOUT}/latency/${at}/count`, route.count, 'count')),
        ...TIMES.map((name) => make('td', figureOf(`${ABOUT}/latency/${at}/${name}`, route[name], 'ms'))))));
    },
  };
}

export function limits() {
  const words = make('p');
  const rows = make('tbody');
  const table = wide(t('system.limits_all'), head(t('system.limit'), t('system.limit_value'), t('system.reached'), t('system.then')), rows);
  const box = tile('limits', 'system.limits', words, make('details', make('summary', t('system.limits_all')), table));
  return {
    box,
    /** @param {About} about */
    tell({ limits: list }) {
      const reached = list.filter(({ name, reached: times }) => times > 0 && !USUAL.includes(name));
      words.replaceChildren(...(reached.length ? [`${t('system.limits_reached')} `] : [t('system.limits_none')]),
        reached.map(({ name }) => named('system', 'limit', name)).join(', '));
      rows.replaceChildren(...list.map((limit, at) => make('tr', make('th', { scope: 'row' }, named('system', 'limit', limit.name)),
        make('td', figureOf(`${ABOUT}/limits/${at}/value`, limit.value, 'count')), make('td', figureOf(`${ABOUT}/limits/${at}/reached`, limit.reached, 'count')),
        make('td', /^\d+$/.test(limit.then) ? make('code', limit.then) : said(limit.then)))));
    },
  };
}

export function version() {
  const [number, build, zone, tariff] = [make('span'), make('span'), make('span'), make('span')];
  const link = (/** @type {string} */ href) => make('li', make('a', { href }, make('code', href)));
  const box = tile('version', 'system.version', make('dl.facts', fact('system.number', number), fact('system.build', build), fact('system.zone', zone), fact('system.tariff', tariff)),
    make('p', t('system.links')), make('ul.links', link('/openapi.json'), link('/metrics'), link('/api/v1/about'), link('/status')),
    make('p', `${t('system.export')} `, ...(/** @type {const} */ (['energy', 'decisions', 'prices', 'days'])).flatMap((what, at) => [at ? ', ' : '', make('a', { href: `/api/v1/export?what=${what}&format=${t('system.export_format')}`, download: '' }, t(`system.export_${what}`))])));
  return {
    box,
    /** @param {About} about */
    tell({ version: told, build: { arch, os, profile }, site }) {
      number.replaceChildren(siteText(told));
      build.replaceChildren(siteText(`${os} ${arch}`), `, ${named('system', 'build', profile)}`);
      zone.replaceChildren(siteText(site.timezone));
      tariff.replaceChildren(siteText(site.tariff));
    },
  };
}
