// Loads of the page in browsers that were just started, as one line of JSON: node cold.mjs CHROMIUM PAGE EMPTY ROUNDS
//
// `loads` and `empty` are loads of the page and of the empty one in turn, with times in ms from the start of the
// navigation; `wire` is one more load of the page through a proxy that counts every byte and every request.
import { connect, createServer } from 'node:net';
import { chromium } from '../../www/node_modules/playwright-core/index.mjs';

const [executablePath, url, emptyUrl, rounds] = process.argv.slice(2);
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic'];
/** So long nothing may be on its way before a load counts as over, ms. */
const STILL_MS = 1500;
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Runs in the page before anything else: notes when all figures were known and painted, shifts and long tasks. */
function watch() {
  const seen = { known: 0, at: null, painted: null, shifts: 0, longest: 0 };
  window.seen = seen;
  const look = () => {
    const known = document.querySelectorAll('main [data-of]:not([data-of=""]):not([data-unknown]):not(:empty)').length;
    if (known <= seen.known) return;
    seen.known = known;
    seen.at = performance.now();
    requestAnimationFrame(() => setTimeout(() => { seen.painted = performance.now(); }));
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  new PerformanceObserver((list) => { for (const { value } of list.getEntries()) seen.shifts += value; }).observe({ type: 'layout-shift', buffered: true });
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, duration); }).observe({ type: 'longtask', buffered: true });
}

/** What there is to tell once the page is still. */
function told() {
  const [first] = performance.getEntriesByName('first-contentful-paint');
  const figures = [...document.querySelectorAll('main [data-of]')];
  const resources = performance.getEntriesByType('resource').map(({ name, startTime, responseEnd }) => [new URL(name).pathname, startTime, responseEnd]);
  const { responseStart, domInteractive } = performance.getEntriesByType('navigation')[0];
  return {
    ...window.seen, first: first?.startTime ?? null, responseStart, domInteractive, resources,
    unknown: figures.filter((node) => node.hasAttribute('data-unknown') || !node.textContent).map((node) => node.dataset.of),
  };
}

/** One load in a browser of its own. */
async function load(address) {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'pl-PL' })).newPage();
    const session = await page.context().newCDPSession(page);
    const requests = [];
    const errors = [];
    let bytes = 0;
    let last = Date.now();
    session.on('Network.requestWillBeSent', ({ request }) => { requests.push(request.url); last = Date.now(); });
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; last = Date.now(); });
    page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
    page.on('pageerror', (error) => errors.push(String(error)));
    await session.send('Network.enable');
    await page.addInitScript(watch);
    await page.goto(address);
    while (Date.now() - last < STILL_MS) await sleep(100);
    return { ...await page.evaluate(told), requests, errors, bytes };
  } finally {
    await browser.close();
  }
}

/** The same through a proxy that counts. */
async function weigh(address) {
  const { hostname, port } = new URL(address);
  const counted = { bytes: 0, requests: [], connections: 0 };
  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    counted.connections += 1;
    near.on('data', (data) => counted.requests.push(...[...data.toString('latin1').matchAll(/^([A-Z]+ \S+) HTTP\/1\.1\r$/gm)].map(([, line]) => line)));
    far.on('data', (data) => { counted.bytes += data.length; });
    near.pipe(far);
    far.pipe(near);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  try {
    const { requests } = await load(`http://127.0.0.1:${proxy.address().port}/`);
    return { ...counted, asked: requests };
  } finally {
    proxy.close();
  }
}

const loads = [];
const empty = [];
for (let round = 0; round < Number(rounds); round += 1) {
  empty.push(await load(emptyUrl));
  loads.push(await load(url));
}
console.log(JSON.stringify({ loads, empty, wire: await weigh(url) }));
