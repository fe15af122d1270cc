// The sending of rows to a time series engine; nothing at all where none are sent.
import { UNKNOWN, figure, make, named, put, putReason, set, siteText, t, tellAge, whyUnknown } from '../../kit.js';
import { adviceFor } from './advice.js';
import { STATUS, fact, tile, trouble } from './parts.js';

/** @typedef {import('./parts.js').Status} Status */

/** @type {Record<string, string>} What a state looks like. */
const LOOKS = { up_to_date: 'ok', waiting: 'stale', refused: 'failed' };

/** What is shown: its name in `push`, its text and its format. */
const FACTS = /** @type {const} */ ([
  ['lag_s', 'system.push_lag', 'duration'],
  ['rows_sent', 'system.push_sent', 'count'],
  ['rows_rejected', 'system.push_rejected', 'count'],
]);

export function push() {
  const [state, taken] = [make('strong.state'), make('span')];
  const nodes = FACTS.map(() => make('span'));
  const [why, to] = [make('p.reason'), make('p.quiet')];
  const wrong = trouble();
  const box = tile('push', 'sources.push', make('p', state), ...wrong.nodes,
    make('dl.facts', fact('system.push_taken', taken), ...FACTS.map(([, key], at) => fact(key, nodes[at] ?? ''))), why, to);
  box.hidden = true;
  return {
    box,
    /** @param {Status} status */
    tell({ push: now, unknown }) {
      box.hidden = !now.enabled;
      if (!now.enabled) return;
      put(state, named('sources', 'push', now.state));
      set(state, 'data-state', LOOKS[now.state] ?? now.state);
      FACTS.forEach(([name, , format], at) => figure(/** @type {Element} */ (nodes[at]), `${STATUS}/push/${name}`, now[name], format));
      const age = make('span', UNKNOWN);
      taken.replaceChildren(age);
      if (now.last_success) tellAge(age, { at: now.last_success });
      putReason(why, now.last_success ? null : whyUnknown({ unknown }, 'push.last_success'));
      wrong.update(now.error, adviceOf(now));
      to.replaceChildren(siteText(now.destination ?? ''));
      box.classList.toggle('troubled', Boolean(now.error));
    },
  };
}

/** @param {Status['push']} now */
function adviceOf({ state, error }) {
  if (!error) return undefined;
  if (state === 'waiting') return /** @type {const} */ ('system.do_push_waiting');
  return state === 'refused' ? /** @type {const} */ ('system.do_push_refused') : adviceFor('storage', 'failed', error);
}
