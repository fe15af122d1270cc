// For whoever works on the page: node dev.mjs [PORT] [SERVER]. Bundles anew for every load of the page and passes all
// other requests on to a running Wattboard, http://127.0.0.1:8080 unless told.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const port = Number(process.argv[2] ?? 8081);
const server = process.argv[3] ?? 'http://127.0.0.1:8080';
const out = mkdtempSync(join(tmpdir(), 'wattboard-page-'));
const kinds = { css: 'text/css', js: 'text/javascript', json: 'application/json', png: 'image/png', svg: 'image/svg+xml' };

/** The server's page, of which the reader's language, theme and the first answer are taken, around the bundle made now. */
async function page(headers) {
  execFileSync('node', [fileURLToPath(new URL('build.mjs', import.meta.url)), out], { stdio: 'inherit' });
  const theirs = await (await fetch(`${server}/`, { headers: { cookie: headers.cookie ?? '', 'accept-language': headers['accept-language'] ?? '' } })).text();
  const taken = (pattern) => pattern.exec(theirs)?.[1] ?? '';
  const places = {
    lang: taken(/<html lang="(\w+)"/), theme: taken(/data-theme="(\w+)"/), title: taken(/<title>([^<]*)/),
    description: taken(/name="description" content="([^"]*)/), first: taken(/type="application\/json">([^<]*)/),
  };
  return readFileSync(join(out, 'index.html'), 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name) => places[name]);
}

function part(path, response) {
  const below = path.split('/').slice(3).join('/');
  const file = [below, below.replace(/^\w+\//, '')].map((name) => join(out, 'assets', `${name}.gz`)).find(existsSync);
  const kind = kinds[/** @type {string} */ (path.split('.').pop())] ?? 'application/octet-stream';
  response.writeHead(file ? 200 : 404, file ? { 'content-type': kind, 'content-encoding': 'gzip' } : {});
  response.end(file ? readFileSync(file) : 'nothing');
}

createServer(async (asked, response) => {
  try {
    if (asked.url === '/') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(await page(asked.headers));
    else if (asked.url?.startsWith('/assets/')) part(asked.url, response);
    else {
      const passed = request(`${server}${asked.url}`, { headers: asked.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      passed.on('error', () => response.destroy());
      response.on('close', () => passed.destroy());
      passed.end();
    }
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port} shows ${server} with the page of this folder`));
