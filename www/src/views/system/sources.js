// Each source in a row: how it is doing, since when, what was wrong last and what to do about it.
import { ago, figure, make, named, put, set, t } from '../../kit.js';
import { adviceFor } from './advice.js';
import { STATUS, tile, trouble } from './parts.js';

/** @typedef {import('../../kit.js').State} State */
/** @typedef {import('./parts.js').Status} Status */
const NAMES = /** @type {const} */ (['live', 'metrics', 'prices', 'process', 'logs', 'months']);
/** What `/status` calls them. */
const OLD_NAMES = /** @type {const} */ ({ live: 'inverter', metrics: 'metrics', prices: 'price', process: 'process', logs: 'logs' });

export function sources() {
  const rows = NAMES.map((name) => row(name));
  const box = tile('sources', 'system.sources', make('ul.rows', ...rows.map(({ node }) => node)));
  return {
    box,
    /** @param {State['sources']} now */
    update(now) { rows.forEach((one) => one.update(now)); },
    /** @param {Status} status */
    tell(status) { rows.forEach((one) => one.tell(status)); },
  };
}

/** @param {typeof NAMES[number]} name */
function row(name) {
  const state = make('strong.state');
  const age = make('span.quiet');
  const failures = make('span.figure');
  const failed = make('p.quiet', { hidden: true }, `${t('system.failures')} `, failures);
  const wrong = trouble();
  const node = make('li', make('p', make('strong', t(`sources.${name}`)), ' ', state, ' ', age),
    make('p.quiet', t(`system.about_${name}`)), failed, ...wrong.nodes);
  return {
    node,
    /** @param {State['sources']} sources */
    update(sources) {
      const source = sources[name];
      put(state, named('system', 'state', source.state));
      set(state, 'data-state', source.state);
      wrong.update(source.error, adviceFor(name, source.state, source.error));
    },
    /** @param {Status} status */
    tell({ background_worker: worker }) {
      if (name === 'months') return;
      const seconds = worker.cache_ages[`${OLD_NAMES[name]}_s`];
      put(age, seconds === null ? t('system.never') : t('system.read', { age: ago(seconds) }));
      if (name === 'process' || name === 'logs') return;
      const count = worker.failures[OLD_NAMES[name]];
      failed.hidden = count === 0;
      figure(failures, `${STATUS}/background_worker/failures/${OLD_NAMES[name]}`, count, 'count');
    },
  };
}

/** Threads of the server that were lost. */
export function threads() {
  const list = make('ul.rows');
  const box = tile('threads', 'system.threads', make('p', t('system.do', { what: t('system.do_thread') })), list);
  box.hidden = true;
  return {
    box,
    /** @param {Status} status */
    tell({ background_worker: { gone } }) {
      const lost = Object.entries(gone);
      box.hidden = !lost.length;
      list.replaceChildren(...lost.map(([name, why]) => make('li', make('code', name), make('p.reason', { lang: 'en' }, why))));
    },
  };
}
