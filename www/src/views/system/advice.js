// What to do about what is wrong: by the server's sentence where it is known, else by the source and its state.

/** @typedef {import('../../kit.js').Key} Key */

/** What the server's sentences have in common; the first that fits says it. @type {[RegExp, Key][]} */
const BY_ERROR = [
  [/-wal file without/, 'system.do_wal'],
  [/list the processes/, 'system.do_process'],
  [/not publish/, 'system.do_wait_prices'],
  [/is incomplete/, 'system.do_wait'],
  [/no longer sends|not answer JSON|not a list of values|has more than/, 'system.do_newer'],
  [/API .*cannot be reached/, 'system.do_network'],
  [/answered HTTP/, 'system.do_wait'],
  [/dated in the future/, 'system.do_clock'],
  [/too old|no reading of the house/, 'system.do_coordinator'],
  [/panicked|thread/, 'system.do_thread'],
  [/has no table/, 'system.do_schema'],
  [/damaged|not an SQLite database|not readable/, 'system.do_damaged'],
  [/disk is full|No space/, 'system.do_full'],
  [/may not be read|[Pp]ermission denied|cannot be written/, 'system.do_permission'],
  [/held by another|still being read|changed while|another program is writing/, 'system.do_locked'],
  [/did not answer/, 'system.do_slow'],
  [/does not exist|[Nn]o such file|cannot list|cannot look|not to be found/, 'system.do_missing'],
  [/journalctl is not installed|no journal on/, 'system.do_no_journal'],
  [/demo/, 'system.do_demo'],
];

/** @type {Record<string, Key>} */
const BY_SOURCE = {
  live: 'system.do_live', metrics: 'system.do_metrics', prices: 'system.do_prices', process: 'system.do_process', logs: 'system.do_logs',
  months: 'system.do_months', storage: 'system.do_storage', own_database: 'system.do_own_database',
};

/**
 * What to do about a source; undefined where there is nothing to do.
 * @param {string} source @param {string} state @param {string | null | undefined} error @returns {Key | undefined}
 */
export function adviceFor(source, state, error) {
  if (error) return BY_ERROR.find(([pattern]) => pattern.test(error))?.[1] ?? BY_SOURCE[source];
  if (state === 'off') return 'system.do_off';
  if (state === 'loading') return source === 'months' ? 'system.do_months_loading' : 'system.do_loading';
  return state === 'ok' ? undefined : BY_SOURCE[source];
}
