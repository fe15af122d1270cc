// An open page that nobody touches, as one line of JSON: node idle.mjs CHROMIUM PAGE SECONDS MINUTES
//
// `quiet` is how much of SECONDS the page's main thread was busy with, and what the server said of connections then.
// `fed` is what the page's memory was, minute by minute after a collection, while a proxy in between said the last reading of
// the stream again ten times a second, with other numbers: MINUTES of updates, faster than any house has them.
import { createServer, request } from 'node:http';
import { chromium } from '../../www/node_modules/playwright-core/index.mjs';

const [executablePath, url, seconds, minutes] = process.argv.slice(2);
const AGAIN_MS = 100;
/** Connections of the load that nobody needs any more are closed by the server after a minute. */
const SETTLED_MS = 70_000;
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function about() {
  const { connections, requests } = await (await fetch(`${url}api/v1/about`, { headers: { connection: 'close' } })).json();
  return { ...connections, requests: requests.total };
}

/** A page, and how it is measured. */
async function open(address) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  const session = await page.context().newCDPSession(page);
  const errors = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(String(error)));
  // Processor time: what others do on the machine meanwhile is not the page's.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.goto(address);
  await sleep(SETTLED_MS);
  const metrics = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
  return { browser, page, session, errors, metrics };
}

async function quiet() {
  const { browser, page, errors, metrics } = await open(url);
  try {
    await page.evaluate(() => {
      window.changes = 0;
      new MutationObserver(() => { window.changes += 1; }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true });
    });
    const before = await metrics();
    const first = await about();
    const most = { open: 0, event_streams: 0 };
    let abouts = 1;
    for (let second = 0; second < Number(seconds); second += 1) {
      await sleep(1000);
      if (second % 5) continue;
      const now = await about();
      abouts += 1;
      for (const name of Object.keys(most)) most[name] = Math.max(most[name], now[name]);
    }
    const after = await metrics();
    const last = await about();
    const spent = (name) => after[name] - before[name];
    return {
      busy: spent('TaskDuration') / spent('Timestamp'), script: spent('ScriptDuration'), layout: spent('LayoutDuration'),
      styles: spent('RecalcStyleDuration'), changes: await page.evaluate(() => window.changes), first, most, last, abouts, errors,
    };
  } finally {
    await browser.close();
  }
}

/** Passes everything on; says readings of the event stream again and again. */
async function repeating() {
  const told = { times: 0 };
  const proxy = createServer((asked, answer) => {
    const passed = request(url, { path: asked.url, headers: asked.headers }, (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      if (!asked.url?.startsWith('/api/v1/events')) { found.pipe(answer); return; }
      let text = '';
      let reading;
      found.on('data', (data) => {
        answer.write(data);
        text += data;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) if (/^event: state$/m.test(event)) reading = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
      });
      const timer = setInterval(() => {
        if (!reading) return;
        told.times += 1;
        const power = (told.times * 37) % 5000;
        reading.live.photovoltaic.current_power_w = power;
        reading.live.house_consumption.current_power_w = 5000 - power;
        reading.live.battery.power_w = power - 2500;
        reading.live.battery.soc_percent = told.times % 101;
        reading.live.as_of = new Date().toISOString();
        reading.live.stale_after = new Date(Date.now() + 300_000).toISOString();
        answer.write(`event: state\ndata: ${JSON.stringify(reading)}\n\n`);
      }, AGAIN_MS);
      answer.on('close', () => clearInterval(timer));
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    passed.end();
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  return { proxy, told, address: `http://127.0.0.1:${proxy.address().port}/` };
}

async function fed() {
  const { proxy, told, address } = await repeating();
  const { browser, session, errors, metrics } = await open(address);
  const samples = [];
  /** The least of a few looks: an update may come between collection and look. */
  async function least() {
    const looks = [];
    await session.send('HeapProfiler.enable');
    for (let look = 0; look < 5; look += 1) {
      await session.send('HeapProfiler.collectGarbage');
      const { JSHeapUsedSize, Nodes, JSEventListeners } = await metrics();
      looks.push({ heap: JSHeapUsedSize, nodes: Nodes, listeners: JSEventListeners });
    }
    await session.send('HeapProfiler.disable');
    const min = (name) => Math.min(...looks.map((look) => look[name]));
    return { heap: min('heap'), nodes: min('nodes'), listeners: min('listeners') };
  }
  try {
    for (let minute = 0; minute <= Number(minutes); minute += 1) {
      if (minute) await sleep(60_000);
      samples.push({ minute, told: told.times, ...await least() });
    }
    return { samples, errors };
  } finally {
    await browser.close();
    proxy.closeAllConnections();
    proxy.close();
  }
}

console.log(JSON.stringify({ quiet: await quiet(), fed: await fed() }));
