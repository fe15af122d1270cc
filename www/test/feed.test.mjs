// How the server is heard, with a stream and a server of the test's own.
import './page.mjs';
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

/** @type {Stream[]} */
const streams = [];
class Stream {
  static OPEN = 1;
  readyState = 0;
  heard = new Map();
  constructor() { streams.push(this); }
  addEventListener(name, hear) { this.heard.set(name, hear); }
  tell(name, data) { this.heard.get(name)?.({ data: JSON.stringify(data) }); }
  open() { this.readyState = 1; this.tell('open'); }
  close() { this.readyState = 2; }
}
let answers = true;
const state = (at = 1) => ({ timestamp: new Date().toISOString(), live: { as_of: new Date().toISOString(), at }, prices: {}, sources: {} });
Object.assign(globalThis, {
  addEventListener: () => undefined, EventSource: Stream,
  fetch: async () => { if (!answers) throw new TypeError('no way'); return { ok: true, json: async () => state() }; },
});
mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
const { begin, onLink, onState } = await import('../src/kit/feed.js');
const settle = async () => { for (let n = 0; n < 20; n += 1) await Promise.resolve(); };

test('a server that went silent behind an open stream is told, and asked again', async () => {
  let way = '';
  begin(state());
  onLink((link) => { way = link.way; });
  streams[0].open();
  assert.equal(way, 'pushed');
  answers = false;
  mock.timers.tick(60_000);
  await settle();
  assert.equal(way, 'lost');
  assert.equal(streams[0].readyState, 2, 'the deaf stream is closed');
  answers = true;
  mock.timers.tick(10_000);
  await settle();
  streams.at(-1).open();
  assert.equal(way, 'pushed');
});

test('a reader that fails keeps nothing from the others', () => {
  const later = mock.method(globalThis, 'queueMicrotask', () => undefined);
  let seen = 0;
  let isFirst = true;
  const ends = [onState(() => { if (!isFirst) throw new Error('drawn badly'); isFirst = false; }), onState(({ live }) => { seen = live.at; })];
  streams.at(-1).tell('state', { live: { as_of: null, at: 7 } });
  assert.equal(seen, 7);
  assert.throws(later.mock.calls[0].arguments[0], /drawn badly/);
  later.mock.restore();
  for (const end of ends) end();
});
