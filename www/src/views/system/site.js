// The coordinator, its storage, and what the server keeps itself.
import { ago, current, duration, figure, figureOf, make, monthOf, named, put, putReason, set, siteText, t, whyUnknown } from '../../kit.js';
import { adviceFor } from './advice.js';
import { STATUS, tile, trouble } from './parts.js';

/** @typedef {import('../../kit.js').State} State */
/** @typedef {import('./parts.js').Status} Status */

export function coordinator() {
  const words = make('p.big');
  const pid = make('span');
  const number = make('p.quiet', `${t('system.pid')} `, pid);
  const age = make('p.age');
  const why = make('p.reason');
  const advice = make('p.advice');
  const command = make('pre', { tabindex: '0', hidden: true }, 'systemctl status goodwe-master-coordinator');
  const box = tile('coordinator', 'system.coordinator', words, number, age, why, advice, command, make('p', make('a', { href: '#/logs' }, t('nav.logs'))));
  return {
    box,
    /** @param {State} state */
    update({ coordinator: { running, pid: process }, demo, unknown }) {
      const state = demo ? 'demo' : running === null ? 'unknown' : running ? 'running' : 'stopped';
      put(words, t(`system.coordinator_${state}`));
      // A demo plays its coordinator: a process that is found is somebody else's.
      number.hidden = demo || process === null;
      pid.replaceChildren(siteText(process ?? ''));
      putReason(why, running === null ? whyUnknown({ unknown }, 'coordinator') : null);
      put(advice, state === 'stopped' ? t('system.do', { what: t('system.do_start') }) : '');
      command.hidden = state !== 'stopped';
      box.classList.toggle('troubled', state === 'stopped');
    },
    /** @param {Status} status */
    tell({ background_worker: { cache_ages: { process_s: seconds } } }) {
      put(age, seconds === null ? '' : t('system.looked', { age: ago(seconds) }));
    },
  };
}

export function storage() {
  const words = make('p.big');
  const has = make('p');
  const from = make('p.quiet');
  const wrong = trouble();
  const box = tile('storage', 'system.storage', words, has, from, ...wrong.nodes);
  put(words, t('common.loading'));
  return {
    box,
    /** @param {Status} status */
    tell({ storage: { connected, has_data: isFull, type, error }, data_source: source }) {
      put(words, t(connected ? 'system.storage_connected' : type === 'file' ? 'system.storage_file' : error ? 'system.storage_failing' : 'system.storage_none'));
      put(has, t(isFull ? 'system.storage_full' : 'system.storage_empty'));
      put(from, named('system', 'data', source));
      wrong.update(error, error ? adviceFor('storage', 'failed', error) : undefined);
      box.classList.toggle('troubled', Boolean(error));
    },
  };
}

export function own() {
  const words = make('p.big');
  const aside = make('p.reason');
  const wrong = trouble();
  const bar = make('progress', { max: '1', 'aria-labelledby': 'own-days' });
  const [done, total] = [make('span.figure'), make('span.figure')];
  const rest = make('span');
  const days = make('p', { id: 'own-days' }, `${t('system.days')} `, done, ` ${t('system.of')} `, total, rest);
  const nothing = make('p.quiet', t('system.days_unknown'));
  const months = make('p');
  const box = tile('own', 'system.own', words, ...wrong.nodes, aside, days, bar, nothing, months);
  put(words, t('common.loading'));
  days.hidden = bar.hidden = nothing.hidden = true;
  return {
    box,
    /** @param {Status} status */
    tell({ own_database: database, backfill, months: summed }) {
      put(words, t(database.error ? 'system.own_failing' : 'system.own_good'));
      wrong.update(database.error, database.error ? adviceFor('own_database', 'failed', database.error) : undefined);
      putReason(aside, database.set_aside);
      box.classList.toggle('troubled', Boolean(database.error));
      days.hidden = bar.hidden = !backfill;
      nothing.hidden = Boolean(backfill);
      figure(done, `${STATUS}/backfill/done_days`, backfill?.done_days, 'count');
      figure(total, `${STATUS}/backfill/total_days`, backfill?.total_days, 'count');
      const isDone = !backfill || backfill.done_days >= backfill.total_days;
      put(rest, isDone ? '' : `, ${typeof backfill.eta_s === 'number' ? t('system.days_left', { time: duration(backfill.eta_s) }) : t('system.days_left_unknown')}`);
      bar.value = backfill ? backfill.done_days / Math.max(1, backfill.total_days) : 0;
      set(bar, 'data-done', isDone);
      months.replaceChildren(`${t('system.months')} `, figureOf(`${STATUS}/months/summed`, summed.summed, 'count'),
        summed.complete ? '' : ` ${t('system.months_more')}`, summed.oldest ? `, ${t('system.months_oldest', { month: monthOf(`${summed.oldest}-01`) })}` : '');
    },
  };
}

/** How many of the things here are in trouble; a lost thread that reads a source counts with it. @param {Status} status */
export const troubles = ({ storage: { error }, own_database: database, push, background_worker: { gone } }) => [error, database.error, push.error, ...Object.keys(gone).filter((name) => !(name in current().sources))].filter(Boolean).length;
