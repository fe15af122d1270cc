// axe, horizontal scroll and the console in every view, both languages and themes, at five widths: node tests/page/matrix.mjs
// [FOLDER], where pictures of the views are put. Says what is wrong and ends with 1 where anything is. A house of 40 days.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LANGUAGES, VIEWS, addressOf, endAll, eventually, follow, house, open, overflow, settled, violations } from './harness.mjs';

const THEMES = ['light', 'dark'];
const WIDTHS = [320, 390, 768, 1280, 1920];
const HEIGHT = 800;

async function looks(base) {
  let [passed, wrong] = [0, []];
  for (const language of LANGUAGES) {
    for (const theme of THEMES) {
      for (const address of [...VIEWS.map(addressOf), 'lite']) {
        const page = await open(base, address, { language, theme, width: WIDTHS[0], height: HEIGHT });
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: HEIGHT });
          await settled(page);
          const wide = await overflow(page);
          const found = [...(wide ? [`scrolls sideways by ${wide}`] : []), ...await violations(page), ...page.problems];
          passed += found.length ? 0 : 1;
          wrong.push(...found.map((fault) => `${address}, ${language}, ${theme}, ${width} px: ${fault}`));
        }
        await page.context().close();
      }
    }
  }
  return { passed, wrong };
}

/** Pictures for the documentation, of a reading that has everything. */
async function pictures({ base, tell, api }, folder) {
  mkdirSync(folder, { recursive: true });
  await tell('state', 4180);
  await eventually('the reading', async () => (await api('/api/v1/state')).body.live.photovoltaic.current_power_w === 4180);
  const wide = await open(base, '', { width: 1280, height: HEIGHT });
  for (const view of VIEWS) {
    await follow(wide, addressOf(view));
    await wide.screenshot({ path: join(folder, `${view}.png`) });
  }
  for (const [name, options] of [['phone', { language: 'pl' }], ['phone-dark', { theme: 'dark' }]]) {
    const page = await open(base, '', { width: 390, height: 844, ...options });
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }
}

/** Stands in for the coordinator on the pictures. */
const played = process.argv[2] ? spawn('python3', ['-c', 'import time; time.sleep(900)', 'master_coordinator.py']) : undefined;
try {
  const full = await house('full');
  const { base } = full;
  if (process.argv[2]) await pictures(full, process.argv[2]);
  const { passed, wrong } = await looks(base);
  for (const fault of wrong) console.log(`FAIL ${fault}`);
  console.log(`${passed} looks at ${VIEWS.length} views and /lite, ${LANGUAGES.length} languages, ${THEMES.length} themes, ${WIDTHS.length} widths: nothing for axe to find, nothing wider than the window`);
  process.exitCode = wrong.length ? 1 : 0;
} finally {
  played?.kill();
  await endAll();
}
