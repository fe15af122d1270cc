// Power between panels, house, battery and grid: four tiles around a crossing, whose lines are as wide as the power is
// great. They change when values change; nothing moves on its own.
import { figure, icon, make, named, put, putReason, set, svg, t, tellAge, whyUnknown } from '../../kit.js';

/** @typedef {import('../../kit.js').State} State */
const LIVE = '/api/v1/state#/live';
/** What is less is measurement noise, W. */
const STILL_W = 20;
/** Device -> the end of its line; the crossing is at 50, 50. */
const ENDS = { pv: 'M50 50V4', grid: 'M50 50H4', house: 'M50 50H96', battery: 'M50 50V96' };
/** The answer's names. */
const DEVICES = /** @type {const} */ ({ pv: 'photovoltaic', house: 'house_consumption', battery: 'battery', grid: 'grid' });

/** @typedef {keyof typeof DEVICES} Device */

export function flow() {
  const names = /** @type {Device[]} */ (Object.keys(DEVICES));
  const tiles = names.map((name) => device(name));
  const lines = names.map((name) => svg('path', { class: `line ${name}`, d: ENDS[name], 'vector-effect': 'non-scaling-stroke' }));
  const drawing = svg('svg', { class: 'lines', viewBox: '0 0 100 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...lines);
  const box = make('section.flow', { 'aria-label': t('now.flow') }, drawing, ...tiles.map((tile) => tile.box));
  return {
    box,
    /** @param {State} state */
    update({ live }) {
      tiles.forEach((tile, at) => {
        const power = tile.update(live);
        const line = /** @type {Element} */ (lines[at]);
        set(line, 'data-flow', power === null ? 'unknown' : Math.abs(power) < STILL_W ? 'still' : power > 0 ? 'in' : 'out');
        set(line, 'stroke-width', power === null || Math.abs(power) < STILL_W ? 1.5 : Math.min(12, 2 + Math.abs(power) / 700).toFixed(1));
      });
    },
  };
}

/** One device's tile; its update answers the power that it gives to the house (W, negative: takes), null where unknown. @param {Device} name */
function device(name) {
  const value = make('p.big');
  const words = make('p.words', { hidden: name === 'pv' || name === 'house' });
  const power = make('span.figure');
  const why = make('p.reason');
  const age = make('p.age');
  const level = name === 'battery' ? make('meter', { min: 0, max: 100, low: 20, 'aria-label': t('now.battery') }) : undefined;
  const box = make(`article.device.${name}`, make('h2', icon(name), ` ${t(`now.${name}`)}`), value, ...(level ? [level] : []), words, why, age);
  const key = DEVICES[name];
  return {
    box,
    /** @param {State['live']} live @returns {number | null} */
    update(live) {
      tellAge(age, { at: live.as_of, staleAfter: live.stale_after, source: named('common', 'source', live.source), box });
      const leaf = name === 'battery' ? 'power_w' : 'current_power_w';
      const watts = /** @type {any} */ (live)[key]?.[leaf] ?? null;
      const pointer = `${LIVE}/${key}/${leaf}`;
      if (level) {
        const soc = live.battery?.soc_percent ?? null;
        figure(value, `${LIVE}/battery/soc_percent`, soc, 'percent');
        level.hidden = soc === null;
        if (soc !== null) level.value = soc;
        putReason(why, soc === null ? whyUnknown(live, 'battery.soc_percent') : watts === null ? whyUnknown(live, 'battery.power_w') : undefined);
        const way = watts === null ? '' : watts > 0 ? t('now.battery_discharging') : watts < 0 ? t('now.battery_charging') : t('now.battery_resting');
        figure(power, pointer, watts, 'flow');
        if (watts === 0) words.replaceChildren(way);
        else words.replaceChildren(way ? `${way} ` : '', power);
        return watts;
      }
      figure(value, pointer, watts, 'flow');
      putReason(why, watts === null ? whyUnknown(live, `${key}.${leaf}`) : undefined);
      if (name === 'grid') put(words, watts === null ? '' : t(watts > 0 ? 'now.grid_export' : watts < 0 ? 'now.grid_import' : 'now.grid_neutral'));
      return watts === null ? null : name === 'pv' ? watts : -watts;
    },
  };
}
