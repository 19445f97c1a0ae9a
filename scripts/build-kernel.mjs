#!/usr/bin/env node
// Compiles src/gallery/scan-kernel.wat into src/gallery/scan-kernel.ts. With --check, says whether
// the TypeScript file is what the text compiles to, and writes nothing.
import { readFile, writeFile } from 'node:fs/promises';
import wabt from 'wabt';

const source = new URL('../src/gallery/scan-kernel.wat', import.meta.url);
const target = new URL('../src/gallery/scan-kernel.ts', import.meta.url);

const { parseWat } = await wabt();
const module = parseWat('scan-kernel.wat', await readFile(source, 'utf8'), { simd: true });
module.validate();
const code = Buffer.from(module.toBinary({}).buffer).toString('base64');
const lines = (code.match(/.{1,90}/g) ?? []).map((line) => `  '${line}'`);
const text = `// Made from scan-kernel.wat by \`npm run kernel\`; not to be edited.

/** WebAssembly module with \`memory\` and \`scan\`, base64. */
export const SCAN_KERNEL =
${lines.join(' +\n')};
`;

if (process.argv.includes('--check')) {
  const same = (await readFile(target, 'utf8')) === text;
  if (!same) process.stderr.write('scan-kernel.ts is stale: run `npm run kernel`\n');
  process.exitCode = same ? 0 : 1;
} else {
  await writeFile(target, text);
}
