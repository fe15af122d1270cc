// How everything is doing: the coordinator, what is read of it, what the server keeps, and the server itself.
import { Refused, ask, current, fillWith, isTroubled, make, put, said, t } from '../kit.js';
import { disk } from './system/disk.js';
import { footprint, limits, traffic, version } from './system/program.js';
import { push } from './system/push.js';
import { coordinator, own, storage, troubles } from './system/site.js';
import { sources, threads } from './system/sources.js';

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
  const [kept, mine, sent, lost] = [storage(), own(), push(), threads()];
  const [taken, card, asked, bounds, made] = [footprint(), disk(), traffic(), limits(), version()];
  const ofStatus = [program, list, kept, mine, sent, lost];
  const ofAbout = [bounds, taken, card, asked, made];
  const board = make('div.parts', ...[[program, list], [kept, mine, sent, lost, bounds], [taken, card, asked, made]]
    .map((column) => make('div.column', ...column.map(({ box }) => box))));
  main.append(overall, trouble, board);
  /** @type {Status | undefined} */
  let status;
  let isSilent = false;

  function sum() {
    const { sources: now, coordinator: { running }, demo } = current();
    const count = Object.values(now).filter((source) => isTroubled(source.state)).length
      + (running === false && !demo ? 1 : 0) + (status ? troubles(status) : 0);
    put(overall, count ? t('system.troubles', { n: count }) : t(isSilent ? 'system.unsure' : 'system.good'));
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
    isSilent = Boolean(failed);
    board.classList.toggle('stale', isSilent);
    sum();
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
