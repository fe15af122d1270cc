// Prints the document that a browser has drawn of an address, once an element fits a selector, at the latest after some
// seconds: node drawn.mjs CHROMIUM URL SELECTOR SECONDS. How many elements fitted is told on standard error.
//
// Chromium's own --dump-dom waits for virtual time, which stands still while an event stream is open.
import { chromium } from '../../www/node_modules/playwright-core/index.mjs';

const [executablePath, url, selector, seconds] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
try {
  const page = await browser.newPage();
  await page.goto(url, { timeout: Number(seconds) * 1000 });
  await page.locator(selector).first().waitFor({ state: 'attached', timeout: Number(seconds) * 1000 }).catch(() => {});
  console.error(await page.locator(selector).count());
  process.stdout.write(await page.content());
} finally {
  await browser.close();
}
