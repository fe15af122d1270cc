// Bundles the page into a folder: node build.mjs [FOLDER [CATALOGUES]]. `build.rs` calls it and compiles the folder into the
// program; a test gives other catalogues than those of lang.
//
//   hash           of everything below, in the path of every asset: a browser asks for each of them once
//   index.html     a template, which the server fills in (src/http/api/page.rs)
//   words/*.json   what the server itself writes with, of each catalogue (src/http/api/words.rs)
//   assets/*.gz    gzipped: style, icons, one module a view, and in a folder for each language its shell
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, 'dist');
const lang = process.argv[3] ?? join(here, 'lang');
/** What browsers of 2021 understand; older ones have /lite. */
const target = ['chrome80', 'firefox78', 'safari14.1'];
/** What /lite is for. */
const old = ['chrome28', 'firefox24', 'ie10', 'ios6', 'safari6'];
const usual = { absWorkingDir: here, bundle: true, minify: true, write: false, target, legalComments: 'none' };
const module = { ...usual, format: 'esm' };

/** Modules that are files of their own for the browser as well, which the bundles of others ask for. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/(kit|charts)\.js$/ }, ({ path, kind }) => (kind === 'entry-point' ? undefined
      : { path: path.endsWith('kit.js') ? './shell.js' : './charts.js', external: true }));
  },
};

/** The catalogue of one language, and the names of all of them. */
const words = (file) => ({
  name: 'words',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#words$/ }, () => ({ path: file }));
    // Sentences of the server that the language leaves as they are need no entry: the page shows them as they are. What
    // /lite says is written by the server alone.
    onLoad({ filter: /lang.\w+\.json$/ }, ({ path }) => {
      const { lite: _, ...catalogue } = JSON.parse(readFileSync(path, 'utf8'));
      catalogue.server = Object.fromEntries(Object.entries(catalogue.server).filter(([said, meant]) => said !== meant));
      return { loader: 'json', contents: JSON.stringify(catalogue) };
    });
    onResolve({ filter: /^#languages$/ }, () => ({ path: 'languages', namespace: 'words' }));
    onLoad({ filter: /./, namespace: 'words' }, () => ({ loader: 'json', contents: JSON.stringify(languages) }));
  },
});

const names = (folder, ending) => readdirSync(resolve(here, folder)).filter((name) => name.endsWith(ending)).sort();

const catalogues = names(lang, '.json').map((file) => [basename(file, '.json'), join(lang, file)]);
const languages = Object.fromEntries(catalogues.map(([code, file]) => [code, JSON.parse(readFileSync(file, 'utf8')).meta.name]));

/** Path below assets -> bytes. */
const assets = new Map();
const keep = (outputs, name) => assets.set(name, Buffer.from(outputs[0].contents));

for (const [code, file] of catalogues) {
  keep((await build({ ...module, entryPoints: ['src/shell.js'], plugins: [words(file)] })).outputFiles, `${code}/shell.js`);
  const { meta } = JSON.parse(readFileSync(file, 'utf8'));
  const manifest = JSON.parse(readFileSync(join(here, 'icons/manifest.json'), 'utf8'));
  Object.assign(manifest, { lang: meta.locale, description: meta.description });
  assets.set(`${code}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
}
// The view Now is in the shell: it needs no request of its own.
const views = names('src/views', '.js').filter((name) => name !== 'now.js');
for (const file of ['charts.js', ...views.map((name) => `views/${name}`)]) {
  const { outputFiles } = await build({ ...module, entryPoints: [`src/${file}`], plugins: [apart] });
  keep(outputFiles, basename(file));
}
keep((await build({ ...usual, entryPoints: ['style/page.css'] })).outputFiles, 'style.css');
keep((await build({ ...usual, target: old, entryPoints: ['style/lite.css'] })).outputFiles, 'lite.css');
for (const file of readdirSync(join(here, 'icons')).filter((name) => name !== 'manifest.json').sort()) {
  assets.set(file, readFileSync(join(here, 'icons', file)));
}

/** The sections of a catalogue that the server reads; the program is smaller without the others. */
const SERVER = ['meta', 'nav', 'common', 'age', 'now', 'sources', 'lite', 'server'];

const index = readFileSync(join(here, 'index.html'), 'utf8');
const hash = createHash('sha256').update(index);
for (const [name, bytes] of assets) hash.update(name).update(bytes);
const digest = hash.digest('hex').slice(0, 16);

rmSync(out, { recursive: true, force: true });
const write = (path, bytes) => { mkdirSync(dirname(path), { recursive: true }); writeFileSync(path, bytes); };
write(join(out, 'hash'), digest);
write(join(out, 'index.html'), index.replaceAll('{{hash}}', digest));
for (const [code, file] of catalogues) {
  const catalogue = JSON.parse(readFileSync(file, 'utf8'));
  write(join(out, 'words', `${code}.json`), JSON.stringify(Object.fromEntries(SERVER.map((name) => [name, catalogue[name]]))));
}
for (const [name, bytes] of assets) write(join(out, 'assets', `${name}.gz`), gzipSync(bytes, { level: 9 }));
