// The state of the house, kept true: from the page itself, then pushed; polled while the stream is broken; silent while
// nobody looks.
import { serverNow, setClock, since } from './age.js';
import { ask } from './ask.js';

/** @typedef {import('../../types/api').components['schemas']} Schemas */
/** @typedef {Schemas['State']} State */
/** @typedef {'pushed' | 'polled' | 'lost'} Way how news come now */
/** @typedef {{ way: Way, heardAt: number }} Link `heardAt`: when the server was heard last, ms by its clock */

const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000];
const POLL_MS = 10_000;
/** What is not pushed (sums of today, ages of sources) is asked for so often, and a stream that went deaf is found by it. */
const CHECK_MS = 60_000;
const DEAF_S = 5;

/** @type {State} */
let state;
/** @type {Link} */
const link = { way: 'lost', heardAt: 0 };
/** @type {Set<(state: State) => void>} */
const readers = new Set();
/** @type {Set<(link: Link) => void>} */
const watchers = new Set();
/** @type {EventSource | undefined} */
let stream;
let failures = 0;
/** @type {number[]} */
let timers = [];
/** A question on its way, and whether another one is due after it. */
let asking = false;
let again = false;

/** The newest state. */
export const current = () => state;

/** Tells of every new state, and of this one now; answers how to stop. @param {(state: State) => void} reader */
export function onState(reader) {
  readers.add(reader);
  reader(state);
  return () => { readers.delete(reader); };
}

/** Whether somebody should know of a source. @param {string} state */
export const isTroubled = (state) => state === 'failed' || state === 'stale';

/** Tells how the server is heard. @param {(link: Link) => void} watcher */
export function onLink(watcher) {
  watchers.add(watcher);
  watcher(link);
}

/** Begins with what the page brought along. @param {State} first */
export function begin(first) {
  takeWhole(first);
  // A page that the browser had kept brings along what was true then.
  const [load] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
  if (load && (load.type === 'back_forward' || load.transferSize === 0)) refresh();
  window.addEventListener('pageshow', (event) => { if (event.persisted && !document.hidden) wake(); });
  document.addEventListener('visibilitychange', () => (document.hidden ? rest() : wake()));
  window.addEventListener('online', () => { failures = 0; if (!document.hidden) wake(); });
  if (!document.hidden) open();
}

/** @param {State} next */
function take(next) {
  state = next;
  link.heardAt = serverNow();
  tellLink();
  for (const reader of readers) {
    try {
      reader(state);
    } catch (error) {
      // It is the console's to tell, and keeps nothing from the others.
      queueMicrotask(() => { throw error; });
    }
  }
}

/** The server's whole answer, which also tells its clock. @param {State} next */
function takeWhole(next) {
  setClock(next.timestamp);
  take(next);
}

/** @param {Way} [way] */
function tellLink(way = link.way) {
  link.way = way;
  for (const watcher of watchers) watcher(link);
}

/** Whether the stream tells what comes: one that is still being opened does not. */
const isOpen = () => stream?.readyState === EventSource.OPEN;

/** Asks for the whole state; twice at once is once more afterwards. Answers whether the server did. */
export async function refresh() {
  if (asking) { again = true; return true; }
  asking = true;
  try {
    do {
      again = false;
      takeWhole(await ask('/api/v1/state'));
    } while (again);
    if (!stream) tellLink('polled');
    return true;
  } catch {
    if (!isOpen()) tellLink('lost');
    return false;
  } finally {
    asking = false;
  }
}

/** Asks, and opens the stream anew where it should have told what came, or where nobody answers any more. */
async function check() {
  const known = state.live.as_of;
  if (!await refresh()) { broken(); return; }
  const found = state.live.as_of;
  if (stream && found && found !== known && since(found) > DEAF_S) open();
}

function open() {
  const isNew = failures === 0;
  close();
  const opened = new EventSource('/api/v1/events');
  stream = opened;
  opened.addEventListener('open', () => {
    failures = 0;
    tellLink('pushed');
    timers.push(window.setInterval(check, CHECK_MS));
    if (!isNew) refresh();
  });
  opened.addEventListener('state', (event) => {
    const { live } = JSON.parse(event.data);
    take({ ...state, live });
  });
  opened.addEventListener('health', (event) => {
    const { sources, coordinator } = JSON.parse(event.data);
    take({ ...state, sources: withAges(sources), coordinator });
  });
  // They tell what is new in short; what is told first, at the opening, mostly is not.
  opened.addEventListener('prices', ({ data }) => {
    const { days, current } = JSON.parse(data);
    const { today, tomorrow } = state.prices;
    const known = [today, tomorrow].filter(Boolean).map((day) => day?.provenance?.fetched_at);
    const told = days.map((/** @type {any} */ day) => day.provenance?.fetched_at);
    if (current?.start !== state.prices.current?.start || String(told) !== String(known)) refresh();
  });
  opened.addEventListener('decision', ({ data }) => {
    if (JSON.parse(data).decision?.timestamp !== state.decision?.timestamp) refresh();
  });
  opened.addEventListener('bye', broken);
  opened.addEventListener('error', broken);
}

/** Events tell no ages. @param {Record<string, object>} sources @returns {any} */
const withAges = (sources) => Object.fromEntries(Object.entries(sources)
  .map(([name, source]) => [name, { ...(/** @type {any} */ (state.sources))[name], ...source }]));

function broken() {
  if (!stream) return;
  close();
  tellLink('lost');
  const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? POLL_MS;
  failures += 1;
  refresh();
  // Not all pages of a house at the same moment.
  timers.push(window.setTimeout(open, wait * (0.75 + Math.random() / 2)), window.setInterval(refresh, POLL_MS));
}

function close() {
  stream?.close();
  stream = undefined;
  for (const timer of timers) { window.clearTimeout(timer); window.clearInterval(timer); }
  timers = [];
}

function rest() {
  close();
}

function wake() {
  refresh();
  open();
}
