// What Lighthouse says of a page, as one line of JSON: node judge.mjs CHROMIUM URL mobile|desktop
//
// Chromium is started by playwright, and Lighthouse told its port.
import { createServer } from 'node:net';
import lighthouse, { desktopConfig } from 'lighthouse';
import { chromium } from '../../../www/node_modules/playwright-core/index.mjs';

const [executablePath, url, form] = process.argv.slice(2);
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', `--remote-debugging-port=${port}`] });
try {
  const { lhr } = await lighthouse(url, { port, onlyCategories: CATEGORIES, logLevel: 'error' }, form === 'desktop' ? desktopConfig : undefined);
  const scores = Object.fromEntries(CATEGORIES.map((name) => [name, Math.round((lhr.categories[name].score ?? 0) * 100)]));
  const faults = Object.fromEntries(CATEGORIES.map((name) => [name, lhr.categories[name].auditRefs
    .filter(({ id, weight }) => weight > 0 && (lhr.audits[id].score ?? 1) < 1)
    .map(({ id }) => `${id}: ${lhr.audits[id].displayValue ?? lhr.audits[id].title}`)]));
  const metrics = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift', 'speed-index']
    .map((id) => `${id} ${lhr.audits[id].displayValue}`).join(', ');
  console.log(JSON.stringify({ version: lhr.lighthouseVersion, scores, faults, metrics }));
} finally {
  await browser.close();
}
