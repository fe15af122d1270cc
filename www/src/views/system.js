// How everything is doing: the coordinator, what is read of it, what the server keeps, and the server itself.
import { Refused, ask, current, fillWith, make, put, said, t } from '../kit.js';
import { footprint, limits, traffic, version } from './system/program.js';
import { coordinator, own, storage, troubles } from './system/site.js';
import { isTroubled, sources, threads } from './system/sources.js';

/** @typedef {import('../kit.js').State} State */
/** @typedef {import('./system/parts.js').Status} Status */
/** @typedef {import('./system/parts.js').About} About */
const LOOK_MS = 15_000;

/** @type {import('../shell.js').Mount} */
export function mount(main) {
  const abort = new AbortController();
  const overall = make('p.big.overall', { role: 'status' });
  const trouble = make('p.note');
  const [program, list] = [coordinator(), sources()];
  const ofStatus = [program, storage(), list, own(), threads()];
  const ofAbout = [footprint(), traffic(), limits(), version()];
  const board = make('div.board.parts', ...[...ofStatus, ...ofAbout].map(({ box }) => box));
  main.append(overall, trouble, board);
  /** @type {Status | undefined} */
  let status;

  function sum() {
    const { sources: now, coordinator: { running }, demo } = current();
    const count = Object.values(now).filter((source) => isTroubled(source.state)).length
      + (running === false && !demo ? 1 : 0) + (status ? troubles(status) : 0);
    put(overall, count ? t('system.troubles', { n: count }) : t('system.good'));
    overall.classList.toggle('troubled', count > 0);
  }

  /** @template T @param {string} path @param {(answer: T) => void} take */
  async function read(path, take) {
    take(await ask(path, abort.signal));
  }

  async function look() {
    const results = await Promise.allSettled([
      read('/status', (/** @type {Status} */ answer) => {
        status = answer;
        ofStatus.forEach((part) => part.tell(answer));
        sum();
      }),
      read('/api/v1/about', (/** @type {About} */ answer) => ofAbout.forEach((part) => part.tell(answer))),
    ]);
    if (abort.signal.aborted) return;
    const failed = results.find((result) => result.status === 'rejected');
    board.classList.toggle('stale', Boolean(failed));
    if (!failed) put(trouble, '');
    else fillWith(trouble, failed.reason instanceof Refused && failed.reason.message ? said(failed.reason.message) : t('common.no_answer'));
  }

  const timer = window.setInterval(() => { if (!document.hidden) look(); }, LOOK_MS);
  const seen = () => { if (!document.hidden) look(); };
  document.addEventListener('visibilitychange', seen);
  look();
  return {
    update(state) {
      program.update(state);
      list.update(state.sources);
      sum();
    },
    leave() {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      abort.abort();
    },
  };
}
