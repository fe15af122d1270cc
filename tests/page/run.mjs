// Runs the tests of the page: node tests/page/run.mjs [PART OF A FILE'S NAME...]. One process, so that they share a browser
// and the houses. Needs target/debug/wattboard (or WATTBOARD=), Chromium (or CHROMIUM=), Python, libfaketime. FRESH=1: with the
// page as the folder www has it, not as the program has it.
import { readdirSync } from 'node:fs';
import { after } from 'node:test';
import { endAll } from './harness.mjs';

const wanted = process.argv.slice(2);
after(endAll);
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => endAll().finally(() => process.exit(1)));
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.mjs')).sort();
for (const file of files.filter((name) => !wanted.length || wanted.some((part) => name.includes(part)))) await import(`./${file}`);
