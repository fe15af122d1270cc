// What the tests of the page share: one browser, a house of each kind with its server, pages that are drawn to the end.
// Houses are made when the first test asks for them and end with the run; nothing writes into them unless a test does.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(join(root, 'www/package.json'));
const { chromium } = require('playwright-core');
export const typescript = require('typescript');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const BINARY = process.env.WATTBOARD ?? join(root, 'target/debug/wattboard');
const BROWSER = ['/usr/bin/chromium', process.env.CHROMIUM ?? ''].find(existsSync);
const PATIENCE_MS = 15_000;
const QUIET_MS = 150;

export const VIEWS = ['now', 'prices', 'energy', 'history', 'decisions', 'logs', 'system'];
export const addressOf = (view) => `#/${view === 'now' ? '' : view}`;
export const LANGUAGES = ['en', 'pl'];

const folder = mkdtempSync(join(tmpdir(), 'wattboard-page-'));
const endings = [() => rmSync(folder, { recursive: true, force: true })];

/** Ends everything that was started here, last first. */
export async function endAll() {
  for (const end of endings.reverse()) await end();
}

/** A process of ours and its first line; it is ended by its own handle. */
async function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const said = [];
  child.stderr.on('data', (bytes) => said.push(String(bytes)));
  const lines = createInterface({ input: child.stdout });
  const waiting = [];
  const kept = [];
  lines.on('line', (line) => { const next = waiting.shift(); if (next) next(line); else kept.push(line); });
  lines.on('close', () => { for (const next of waiting.splice(0)) next(undefined); });
  const line = () => within(PATIENCE_MS, `a line of ${command}`, kept.length ? kept.shift() : new Promise((resolve) => { waiting.push(resolve); }));
  const end = async (signal = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const over = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await over;
    clearTimeout(timer);
  };
  const first = await line();
  if (first === undefined) throw new Error(`${command} ${args.join(' ')}: ${said.join('').slice(-2000)}`);
  return { child, first, line, end, said };
}

/** What comes of a promise, or an error after so long. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms); });
  try { return await Promise.race([promise, late]); } finally { clearTimeout(timer); }
}

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Asks until the answer is true; fails after so long. */
export async function eventually(what, condition, ms = PATIENCE_MS) {
  for (const until = Date.now() + ms; ;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > until) throw new Error(`${what}: not within ${ms} ms`);
    await pause(20);
  }
}

const houses = new Map();
/** The house of a kind (sites.py has them; `demo` is the program's own). */
export function house(kind) {
  if (!houses.has(kind)) houses.set(kind, kind === 'demo' ? demo() : made(kind));
  return houses.get(kind);
}

async function made(kind) {
  const hand = await start('python3', [join(root, 'tests/page/sites.py'), kind, join(folder, kind)]);
  endings.push(() => hand.end());
  const { config, env } = JSON.parse(hand.first);
  const its = { port: 0, server: undefined };
  endings.push(() => its.server?.end());
  const serve = async () => {
    its.server = await start(BINARY, ['serve', '--config', config, '--host', '127.0.0.1', '--port', String(its.port)], { cwd: '/', env: { ...process.env, ...env } });
    its.port = Number(new URL(its.server.first.replace('listening on ', '')).port);
  };
  await serve();
  const base = `http://127.0.0.1:${its.port}`;
  const api = (path) => get(base, path);
  await eventually(`the first readings of ${kind}`, async () => {
    const { status, body } = await api('/api/v1/state');
    return status === 200 && Object.values(body.sources).every((source) => !source || source.state !== 'loading');
  }, 30_000);
  const tell = async (...words) => { hand.child.stdin.write(`${words.join(' ')}\n`); return hand.line(); };
  return { kind, base, api, tell, kill: () => its.server.end('SIGKILL'), serve };
}

async function demo() {
  const server = await start(BINARY, ['demo', '--host', '127.0.0.1', '--port', '0'], { cwd: folder });
  endings.push(() => server.end());
  const base = /http:\/\/[\d.]+:\d+/.exec(server.first)?.[0];
  if (!base) throw new Error(`the demo says ${server.first}`);
  return { kind: 'demo', base, api: (path) => get(base, path) };
}

/** Status and parsed body of an answer. */
export async function get(base, path) {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const text = await answer.text();
  const isJson = (answer.headers.get('content-type') ?? '').includes('json');
  return { status: answer.status, body: isJson ? JSON.parse(text) : text };
}

let launched;
/** The one browser. */
export function browser() {
  launched ??= (async () => {
    if (!BROWSER) throw new Error('no Chromium: install the package chromium, or name one by CHROMIUM=');
    const found = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox', '--disable-gpu'] });
    endings.push(() => found.close());
    return found;
  })();
  return launched;
}

/**
 * A page of its own context, drawn to the end. Its clock's zone is another one than the house's: times are the house's.
 * `routes` maps patterns to what changes an answer; `page.problems` has what the console complained of.
 */
export async function open(base, hash = '', { language = 'en', theme = 'light', width = 1280, height = 900, init, prepare, routes = {}, ...more } = {}) {
  const context = await (await browser()).newContext({
    viewport: { width, height }, locale: language === 'pl' ? 'pl-PL' : 'en-GB', colorScheme: theme, timezoneId: 'America/New_York', ...more,
  });
  if (process.env.FRESH) await context.route('**/assets/**', freshAsset);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  watch(page);
  if (init) await page.addInitScript(init);
  for (const [pattern, change] of Object.entries(routes)) await changeAnswers(page, pattern, change);
  await prepare?.(page);
  await page.goto(`${base}/${hash}`);
  await settled(page);
  return page;
}

const visited = new Map();
/** The same in a page that is kept for the next visit with these options: its context, and what it keeps of assets. */
export async function visit(base, hash, options = {}) {
  const key = JSON.stringify([base, options], (_, value) => (typeof value === 'function' ? String(value) : value));
  const page = visited.get(key);
  if (!page) {
    visited.set(key, await open(base, hash, options));
    return visited.get(key);
  }
  await page.goto('about:blank');
  for (const noted of [page.problems, page.asked]) noted.length = 0;
  page.answers.clear();
  await page.goto(`${base}/${hash}`);
  await settled(page);
  return page;
}

let bundled;
/** A part of the page as the folder www has it now: for whoever works on it, without building the program. */
async function freshAsset(route) {
  bundled ??= execFileSync('node', [join(root, 'www/build.mjs'), join(folder, 'page')]) && join(folder, 'page/assets');
  const below = new URL(route.request().url()).pathname.split('/').slice(3).join('/');
  const file = [below, below.replace(/^\w+\//, '')].map((name) => join(bundled, `${name}.gz`)).find(existsSync);
  const kind = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', png: 'image/png' }[below.split('.').pop()] ?? 'application/json';
  await (file ? route.fulfill({ contentType: kind, body: gunzipSync(readFileSync(file)) }) : route.continue());
}

/** Notes problems and what is under way; event streams are always. */
function watch(page) {
  page.problems = [];
  page.asked = [];
  /** Path -> the last JSON that was answered. */
  page.answers = new Map();
  const under = new Set();
  page.on('pageerror', (error) => page.problems.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    const isRefusal = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isRefusal) page.problems.push(message.text());
  });
  const isStream = (request) => request.resourceType() === 'eventsource';
  page.on('request', (request) => { page.asked.push(request.url()); if (!isStream(request)) under.add(request); });
  page.on('response', async (response) => {
    const { pathname, search } = new URL(response.url());
    if (response.ok() && response.headers()['content-type']?.includes('json')) page.answers.set(pathname + search, await response.json().catch(() => undefined));
  });
  for (const over of ['requestfinished', 'requestfailed']) page.on(over, (request) => under.delete(request));
  page.isBusy = () => under.size > 0;
}

/** Waits until the view is there and nothing has been under way for a moment. */
export async function settled(page) {
  let quiet = Date.now();
  await eventually('a page at rest', async () => {
    const isDrawn = await page.evaluate(() => Boolean(document.querySelector('main h1')) || !document.querySelector('script[type=module]'));
    if (page.isBusy() || !isDrawn) quiet = Date.now();
    return Date.now() - quiet > QUIET_MS;
  });
}

/** To another place of the same page. */
export async function follow(page, hash) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await settled(page);
}

/** Gives the page the server's JSON changed. `change` gets the body and the path; what it answers is sent, or `{ status, body }`. */
export async function changeAnswers(page, pattern, change) {
  await page.route(pattern, async (route) => {
    const answer = await route.fetch().catch(() => undefined);
    if (!answer) return route.abort();
    const body = await answer.json().catch(() => ({}));
    const { status, json } = [change(body, new URL(route.request().url()))].map((to) => (to?.status ? { status: to.status, json: to.body } : { status: answer.status(), json: to }))[0];
    return route.fulfill({ status, json });
  });
}

/** What axe finds, in words. */
export async function violations(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => (await axe.run()).violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any, all, none }) => `${id} (${help}): ${target.join(' ')}: ${[...any, ...all, ...none].map((check) => check.message).join('; ')}`)));
}

/** By how many px the page is wider than the window, and what sticks out. */
export const overflow = (page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide <= 0) return '';
  const out = [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  return `${wide} px: ${out.slice(0, 5).map((node) => `${node.tagName}.${node.getAttribute('class') ?? ''}`).join(', ')}`;
});
