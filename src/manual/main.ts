import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manualDocuments } from './documents.js';

// `npm run docs`: writes man/ and completion/.
const root = fileURLToPath(new URL('../..', import.meta.url));
for (const [path, text] of await manualDocuments()) {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}
