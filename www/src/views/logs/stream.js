// A log as it is written. A stream tells no numbers of lines: it begins with the last ones, of which those are new that
// come after what is known. Nobody follows while nobody looks.
import { ask, withQuery } from '../../kit.js';
import { newer } from './newer.js';

const SETTLE_MS = 300;
const RETRY_MS = 10_000;
/** As many lines as the server gives at once. */
const MOST = 1000;

/** @typedef {'following' | 'paused' | 'broken'} Way */

/**
 * @param {Record<string, string>} query which lines
 * @param {{ known(): string[], add(lines: string[], hasGap: boolean): void }} list
 * @param {(way: Way, reason?: string) => void} tell how it goes
 */
export function follow(query, list, tell) {
  const abort = new AbortController();
  /** @type {EventSource | undefined} */
  let stream;
  /** @type {string[]} */
  let waiting = [];
  let isNew = false;
  let hasGap = false;
  let timer = 0;
  let retry = 0;

  function open() {
    close();
    const opened = new EventSource(withQuery('/logs', { ...query, follow: 'true' }));
    stream = opened;
    opened.addEventListener('message', ({ data }) => take(JSON.parse(data)));
    opened.addEventListener('error', () => {
      tell('broken');
      if (opened.readyState === EventSource.CLOSED) again();
    });
  }

  function again() {
    close();
    retry = window.setTimeout(open, RETRY_MS);
  }

  /** @param {import('../../kit.js').Schemas['LogStreamEvent']} event */
  function take({ type, line, message }) {
    if (type === 'start') {
      waiting = [];
      isNew = true;
      tell('following');
    } else if (type === 'log') waiting.push(line ?? '');
    else if (message?.startsWith('lines were left out')) {
      flush();
      hasGap = true;
    } else tell('following', message);
    timer ||= window.setTimeout(flush, SETTLE_MS);
  }

  async function flush() {
    window.clearTimeout(timer);
    timer = 0;
    const lines = waiting;
    waiting = [];
    if (!isNew) {
      list.add(lines, hasGap);
      hasGap = false;
      return;
    }
    isNew = false;
    const added = newer(list.known(), lines);
    if (added) list.add(added, false);
    else await catchUp();
  }

  /** More came than a stream begins with. */
  async function catchUp() {
    close();
    try {
      /** @type {import('../../kit.js').Schemas['LogLines']} */
      const answer = await ask(withQuery('/logs', { ...query, lines: MOST }), abort.signal);
      const added = newer(list.known(), answer.lines);
      list.add(added ?? answer.lines, !added);
      if (!document.hidden) open();
    } catch {
      if (abort.signal.aborted) return;
      tell('broken');
      if (!document.hidden) again();
    }
  }

  function close() {
    stream?.close();
    stream = undefined;
    window.clearTimeout(timer);
    window.clearTimeout(retry);
    timer = 0;
    if (!isNew && waiting.length) flush();
    waiting = [];
    isNew = false;
  }

  function look() {
    if (document.hidden) { close(); tell('paused'); } else open();
  }

  document.addEventListener('visibilitychange', look);
  look();
  return {
    stop() {
      document.removeEventListener('visibilitychange', look);
      close();
      abort.abort();
    },
  };
}
