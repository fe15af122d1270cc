// Writes types/api.d.ts: the types of the server's answers, from its own description of them.
import openapi, { astToString } from 'openapi-typescript';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const folder = new URL('../src/http/api/openapi/', import.meta.url);
const description = { openapi: '3.1.0', info: { title: 'Wattboard', version: '1' }, paths: {}, components: { schemas: {} } };
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
  const part = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  Object.assign(description.components.schemas, part.schemas);
  if (file === 'shared.json') {
    const { schemas, ...rest } = description.components;
    const { info, tags, security, ...components } = part;
    description.components = { ...components, ...rest, schemas: { ...components.schemas, ...schemas } };
  }
}
writeFileSync(new URL('types/api.d.ts', import.meta.url), astToString(await openapi(description)));
