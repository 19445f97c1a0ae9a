import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Backups } from '../../src/daemon/backups.js';
import { databasePath, openDatabase } from '../../src/daemon/database.js';
import { forgetPerson } from '../../src/daemon/forget.js';
import { openAlone } from '../../src/daemon/open-alone.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { compiledPath } from '../compiled.js';
import { stateFolder } from './state-folder.js';

const log = pino({ level: 'silent' });
const settings = (stateDir: string) => ({ stateDir, encryption: { enabled: false } });

/** What another process comes to that starts a daemon. */
function another(stateDir: string): string {
  const program = `const { openAlone } = await import(process.argv[1]);
    const log = { error() {}, info() {} };
    await openAlone({ stateDir: process.argv[2] }, log).then(
      () => console.log('opened'),
      ({ code, message }) => console.log(code, message),
    );
    process.exit();`;
  const words = ['--input-type=module', '--eval', program];
  const paths = [compiledPath('daemon/open-alone.js'), stateDir];
  return spawnSync(process.execPath, [...words, ...paths], { encoding: 'utf8' }).stdout.trim();
}

describe('openAlone', () => {
  it('refuses a second daemon, in this process and in another, until the first has ended', async () => {
    const stateDir = join(stateFolder(), 'state');
    const refused = `another faceeval works with ${stateDir} already`;
    const first = await openAlone(settings(stateDir), log);
    expect(statSync(join(stateDir, 'daemon.lock')).mode & 0o777).toBe(0o600);
    expect(readdirSync(stateDir)).not.toContain('daemon.lock-journal');
    await expect(openAlone(settings(stateDir), log)).rejects.toThrow(refused);
    expect(another(stateDir)).toBe(`STORE ${refused}`);
    const ann = new IdentityStore(first.db).ensure('Ann');
    await forgetPerson(ann, { db: first.db, stateDir, threshold: 0.4 });
    expect(another(stateDir)).toBe(`STORE ${refused}`);
    first.close();
    expect(another(stateDir)).toBe('opened');
    (await openAlone(settings(stateDir), log)).close();
  });

  it('keeps commands from setting its database aside: it would go on writing there', async () => {
    const stateDir = stateFolder();
    const daemon = await openAlone(settings(stateDir), log);
    new IdentityStore(daemon.db).ensure('Ann');
    await new Backups(stateDir).create(daemon.db, 'good');
    daemon.db.pragma('wal_checkpoint(TRUNCATE)');
    const path = databasePath(stateDir);
    writeFileSync(path, readFileSync(path).fill(0xff, 4_096, 9_000), { flag: 'r+' });
    await expect(openDatabase(stateDir)).rejects.toMatchObject({
      message: expect.stringMatching(/is damaged and in use/),
      hint: expect.stringMatching(/restart the daemon/),
    });
    expect(readdirSync(stateDir).filter((name) => name.includes('damaged'))).toEqual([]);
    daemon.close();
    const command = await openDatabase(stateDir);
    expect(command.repair).toMatch(/-good\.db took its place/);
    command.db.close();
    const next = await openAlone(settings(stateDir), log);
    expect(new IdentityStore(next.db).list()).toMatchObject([{ name: 'Ann' }]);
    next.close();
  });

  it('lets go of the folder when the database cannot be used', async () => {
    const stateDir = stateFolder();
    const encryption = { enabled: true, keyFile: '/nowhere/key' };
    for (let tries = 0; tries < 2; tries++) {
      await expect(openAlone({ stateDir, encryption }, log)).rejects.toThrow(/key/);
    }
    (await openAlone(settings(stateDir), log)).close();
  });
});
