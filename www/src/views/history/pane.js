// One chart with the values at its cursor beside it, in words.
import { figure, formats, make, named, put, putReason, t, timeOf, whenOf } from '../../kit.js';
import { chart, isTwice, isoAt, offsetAt, secondsOf } from '../../charts.js';
import { LOOKS, drawn, nameOf, placeAt } from './series.js';

/** @typedef {import('./series.js').Track} Track */
/** @typedef {import('../../charts.js').Wanted} Wanted */

/** When something was, by the site's clock; an hour that comes twice with its offset. @param {string} iso @param {string} zone @param {(iso: string) => string} format */
const clock = (iso, zone, format) => (isTwice(secondsOf(iso), zone) ? `${format(iso)} ${offsetAt(secondsOf(iso), zone)}` : format(iso));
/** @param {string} iso @param {string} zone */
export const whenText = (iso, zone) => clock(iso, zone, whenOf);

/** @param {import('./series.js').Name} name */
export const swatch = (name) => make(`span.swatch.${name}`, { 'aria-hidden': 'true' });

/** @param {import('./series.js').Group} group @param {Pick<Wanted, 'onPoint' | 'onZoom' | 'onOut' | 'onLook'>} hear */
export function pane(group, hear) {
  const title = named('history', 'chart', group.name);
  const rows = group.series.map((name) => rowOf(name));
  const drawing = chart({
    label: t('history.chart_label', { title }), value: group.value, limits: group.limits, say: (time) => say(time), ...hear,
    lines: group.series.map((name) => ({ name: nameOf(name), ...LOOKS[name], holds: () => Boolean(tracks.find((track) => track.name === name)?.holds) })),
  });
  drawing.box.classList.add(group.name);
  const when = make('p.quiet.when');
  const box = make(`section.tile.pane.${rows.length > 1 ? 'many' : 'one'}`, { 'aria-labelledby': `history-${group.name}` },
    make('h2', { id: `history-${group.name}` }, title), when, make('dl.facts', ...rows.map(({ row }) => row)), drawing.box);
  const signs = make('p.quiet', { hidden: true }, t('history.signs'));
  box.append(signs);
  /** @type {Track[]} */
  let tracks = [];
  let zone = 'UTC';
  /** The answer that the tracks are of, for the figures. */
  let path = '';
  /** @type {number | null} */
  let at = null;

  /** @param {number} time */
  function say(time) {
    const values = tracks.map((track) => {
      const [, value = null] = track.points[placeAt(track, time)] ?? [];
      return `${nameOf(track.name)} ${value === null ? t('common.unknown') : formats[LOOKS[track.name].as]?.(value)}`;
    });
    return [clock(isoAt(time, zone), zone, whenOf), ...values].join(', ');
  }
  return {
    box,
    group,
    drawing,
    /** @param {Track[]} next @param {string} source @param {import('./series.js').Answer} answer */
    show(next, source, answer) {
      [tracks, path, zone] = [next.filter(({ name }) => group.series.includes(name)), source, answer.timezone];
      const [from, to] = [secondsOf(answer.from), secondsOf(answer.to)];
      const of = (/** @type {string} */ name) => tracks.find((track) => track.name === name);
      drawing.show(group.series.map((name) => { const track = of(name); return track ? drawn(track, to) : []; }), [from, to], zone);
      for (const { name, row, excuse } of rows) {
        row.hidden = !of(name);
        excuse(of(name)?.series.known === 0 ? answer.unknown[`series.${name}`] : undefined);
      }
      signs.hidden = !of('grid') && !of('battery');
      this.point(at);
    },
    /** The values at a time, or the newest. @param {number | null} time */
    point(time) {
      at = time;
      // The last of many least and greatest values is not the newest value.
      const isSummed = tracks.some(({ isSummed: summed }) => summed);
      const isBlank = time === null && isSummed;
      const places = tracks.map((track) => (time === null ? lastKnown(track.points) : placeAt(track, time)));
      const times = tracks.map(({ series }, i) => String(series.points[places[i] ?? -1]?.[0] ?? ''));
      const common = times.find(Boolean) ?? (time === null ? '' : isoAt(time, zone));
      const words = isSummed ? named('history', 'resolution', tracks[0]?.series.resolution) : t('history.newest');
      put(when, common ? [time !== null && !isSummed ? '' : words, isBlank ? '' : whenText(common, zone)].filter(Boolean).join(', ') : '');
      tracks.forEach((track, i) => {
        const iso = String(times[i]);
        const own = !iso || iso === common || isBlank ? '' : clock(iso, zone, iso.slice(0, 10) === common.slice(0, 10) ? timeOf : whenOf);
        rows.find(({ name }) => name === track.name)?.tell(track, isBlank ? undefined : places[i] ?? -1, path, own);
      });
    },
  };
}

/** One series' line beside its chart. @param {import('./series.js').Name} name */
function rowOf(name) {
  const { as } = LOOKS[name];
  const value = make('span.value');
  const way = make('dd.quiet.way');
  const [least, greatest] = [make('span.figure'), make('span.figure')];
  const extremes = make('dd.quiet.extremes', { hidden: true }, `${t('history.least')} `, least, ` ${t('history.greatest')} `, greatest);
  const why = make('dd.reason');
  const isTwoWay = name === 'grid' || name === 'battery';
  return {
    name,
    row: make('div', make('dt', swatch(name), ` ${nameOf(name)}`), make('dd', value), way, why, extremes),
    /** @param {string | undefined} reason why nothing is known */
    excuse: (reason) => putReason(why, reason),
    /** @param {Track} track @param {number | undefined} place of the point, if one is to be shown @param {string} path @param {string} time where it is not that of the others */
    tell({ points, low, high }, place, path, time) {
      const pointer = (/** @type {number} */ at) => (at < 0 ? '' : `${path}#/series/${name}/points/${at}/1`);
      const [, known = null] = points[place ?? -1] ?? [];
      value.hidden = place === undefined;
      extremes.hidden = low < 0;
      figure(value, pointer(place ?? -1), known, as);
      const turned = known === null || known === 0 || !isTwoWay ? '' : named('history', `way_${known > 0 ? 'up' : 'down'}`, name);
      put(way, [known === null && place !== undefined && place >= 0 ? t('history.hole') : turned, time].filter(Boolean).join(', '));
      figure(least, pointer(low), points[low]?.[1], as);
      figure(greatest, pointer(high), points[high]?.[1], as);
    },
  };
}

/** @param {import('../../charts.js').Point[]} points */
function lastKnown(points) {
  for (let at = points.length - 1; at >= 0; at -= 1) if (points[at]?.[1] !== null) return at;
  return -1;
}
