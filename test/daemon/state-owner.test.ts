import { chownSync, readdirSync } from 'node:fs';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/daemon/database.js';
import { openAlone } from '../../src/daemon/open-alone.js';
import { requireOwner } from '../../src/daemon/state-owner.js';
import { stateFolder } from './state-folder.js';

const SOMEBODY = 990;
const refusal = { code: 'STORE', message: expect.stringMatching(/belongs to the user 990/) };

describe('the gallery of another user', () => {
  it('is not for root, who would leave files that its daemon may not read', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can give folders away');
    const stateDir = stateFolder();
    chownSync(stateDir, SOMEBODY, SOMEBODY);
    await expect(openDatabase(stateDir)).rejects.toMatchObject(refusal);
    expect(readdirSync(stateDir)).toEqual([]);
    expect(() => requireOwner(stateDir, SOMEBODY)).not.toThrow();
    expect(() => requireOwner(stateDir, 1_000)).not.toThrow();
  });

  it('is for root where its database is root’s: a container may run as root', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can give folders away');
    const stateDir = stateFolder();
    chownSync(stateDir, SOMEBODY, SOMEBODY);
    const log = pino({ level: 'silent' });
    (await openAlone({ stateDir, encryption: { enabled: false } }, log)).close();
    (await openDatabase(stateDir)).db.close();
  });
});
