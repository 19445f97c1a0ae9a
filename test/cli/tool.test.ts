import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inScratchFolder } from '../../src/cli/tool.js';
import { stateFolder } from '../daemon/state-folder.js';

it('makes the folder that a tool was told to keep its files in', async () => {
  const parent = join(stateFolder(), 'not', 'there');
  await inScratchFolder('probe', parent, async (dir) => ({ good: existsSync(dir), result: dir }));
  expect(readdirSync(parent)).toEqual([expect.stringMatching(/^faceeval-probe-/)]);
});
