import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Backups } from '../../src/daemon/backups.js';
import { databasePath, openDatabase } from '../../src/daemon/database.js';
import { inTurn } from '../../src/daemon/store-queue.js';
import { toCompact } from '../../src/gallery/compact-vector.js';
import { eraseIdentity } from '../../src/gallery/erasure.js';
import { ForgottenLedger } from '../../src/gallery/forgotten.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { toBlob } from '../../src/gallery/vector-blob.js';
import { compiledPath } from '../compiled.js';
import { faceNear, randomFace } from '../gallery/faces.js';
import { filesWith, household } from './household.js';
import { mountedFolder, openState, stateFolder } from './state-folder.js';

/** As `faceeval export` beside a daemon does. @returns Ids of the hits that it sees. */
function anotherProcessOpens(folder: string): string[] {
  const program = `const { openDatabase } = await import(process.argv[1]);
    const { db } = await openDatabase(process.argv[2]);
    process.stdout.write(JSON.stringify(db.prepare('SELECT id FROM hits').pluck().all()));
    db.close();`;
  const words = ['--input-type=module', '--eval', program];
  const out = execFileSync(process.execPath, [
    ...words,
    ...[compiledPath('daemon/database.js'), folder],
  ]);
  return JSON.parse(out.toString());
}

/** A household with a backup on a disk of its own, which can be filled. */
async function crowded(sizeBytes: number) {
  const folder = mountedFolder(sizeBytes);
  if (folder === undefined) return {};
  const home = await household(folder);
  const ann = home.enrol('Annegret', 5);
  home.db.transaction(() => {
    for (let n = 0; n < 60; n++) home.enrol(`Person ${n}`, 5);
  })();
  await new Backups(folder).create(home.db, 'daily');
  home.db.pragma('wal_checkpoint(TRUNCATE)');
  const fill = (leftBytes: number): string => {
    const { bavail, bsize } = statfsSync(folder);
    const path = join(folder, 'filler');
    writeFileSync(path, Buffer.alloc(bavail * bsize - leftBytes));
    return path;
  };
  return { folder, home, ann, fill };
}

describe('forgetPerson', () => {
  it('leaves nothing of a person in any row or file, and everything of the others', async () => {
    const home = await household();
    const ann = home.enrol('Annegret', 6);
    const bob = home.enrol('Bob', 4);
    home.stranger(faceNear(ann.face, 0.7, home.random));
    home.stranger(randomFace(home.random, 192));
    const annsHits = [true, true, false].map((sent) => home.hit(ann.identity, ann.face, sent));
    const bobsHit = home.hit(bob.identity, bob.face, false);
    await new Backups(home.folder).create(home.db, 'daily');
    copyFileSync(databasePath(home.folder), `${databasePath(home.folder)}.damaged-2026`);
    copyFileSync(databasePath(home.folder), join(home.folder, 'restore.partial'));
    copyFileSync(databasePath(home.folder), join(home.folder, 'backups/x.db.partial'));
    home.db.exec("UPDATE hits SET identity_id = 'somebody' WHERE seq = 3");
    const [annsCrop] = home.crops as [Buffer];
    expect(filesWith(home.folder, annsCrop.subarray(100, 140)).length).toBeGreaterThan(1);

    const report = await home.forget(ann.identity);

    expect(report).toMatchObject({ complete: true, rowsLeft: 0, identity: { name: 'Annegret' } });
    expect(report.erased).toEqual({
      ...{ identities: 1, templates: 6, crops: 6, hits: 4, unsent: 2, strangers: 1 },
    });
    expect(report.deletedFiles).toHaveLength(3);
    const ends = report.searched.map(({ path }) => path.slice(-3));
    expect(ends).toEqual(['ock', '.db', 'shm', 'wal', '.db']);
    for (const needle of [
      'Annegret',
      ...annsHits,
      ...home.crops.slice(0, 6).flatMap((crop) => [crop.subarray(100, 140), crop.subarray(-40)]),
      ...home.vectors
        .slice(0, 6)
        .flatMap((vector) => [toBlob(vector).subarray(0, 32), toBlob(vector).subarray(-32)]),
      toCompact(ann.face).subarray(20, 60),
    ]) {
      expect(filesWith(home.folder, needle)).toEqual([]);
    }
    expect(filesWith(home.folder, ann.identity.id)).toEqual([join(home.folder, 'forgotten')]);
    expect(statSync(join(home.folder, 'forgotten')).mode & 0o777).toBe(0o600);
    expect(home.store.list()).toMatchObject([{ name: 'Bob', templates: 4 }]);
    expect(home.hits.recent(9).map(({ id }) => id)).toContain(bobsHit);
    expect(home.hits.recent(9)).toHaveLength(2);
    expect(home.outbox.size).toBe(2);
    expect(filesWith(home.folder, bob.identity.id)).toHaveLength(2);
  });

  it('does not take the head that all JPEGs share for a trace', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 2);
    home.enrol('Bob', 2);
    const head = Buffer.from('ffd8ffe000104a46494600010100000100010000ffdb0043000302', 'hex');
    const update = home.db.prepare('UPDATE templates SET crop = ? WHERE id = ?');
    const ids = home.db.prepare<[], { id: string }>('SELECT id FROM templates').all();
    for (const { id } of ids) update.run(Buffer.concat([head, randomBytes(3_000)]), id);
    expect(await home.forget(ann.identity)).toMatchObject({ complete: true });
  });

  it('erases what another process wrote until it noticed', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 1);
    const forgotten = home.forget(ann.identity);
    const daemon = await household(home.folder);
    const late = daemon.hit(ann.identity, ann.face, false);
    expect(await forgotten).toMatchObject({ complete: true });
    expect(filesWith(home.folder, late)).toEqual([]);
    expect(daemon.outbox.size).toBe(0);
  });

  it('forgets several people who are to be forgotten at once, one after the other', async () => {
    const home = await household();
    // So many that a backup takes several steps, between which the next one would begin.
    const enrol = (_: unknown, n: number) => home.enrol(`Person ${n}`, 10);
    const people = home.db.transaction(() => Array.from({ length: 60 }, enrol))();
    await new Backups(home.folder).create(home.db, 'daily');
    const some = people.slice(0, 3).map(({ identity }) => identity);
    const reports = await Promise.all(some.map((identity) => home.forget(identity)));
    expect(reports.map(({ complete }) => complete)).toEqual([true, true, true]);
    expect(new Backups(home.folder).list()).toHaveLength(1);
    for (const { id } of some) {
      expect(filesWith(home.folder, id)).toEqual([join(home.folder, 'forgotten')]);
    }
  });

  it('is not disturbed by a command that finds somebody half forgotten', async () => {
    const home = await household();
    const ann = home.enrol('Annegret', 2);
    await new Backups(home.folder).create(home.db, 'daily');
    new ForgottenLedger(home.folder).add(ann.identity.id);
    const making = join(home.folder, 'backups', '2026.db.partial');
    await inTurn(home.folder, async () => {
      writeFileSync(making, 'half of a backup');
      anotherProcessOpens(home.folder);
      expect(existsSync(making)).toBe(true);
      expect(new ForgottenLedger(home.folder).unfinished()).toEqual([ann.identity.id]);
    });
    anotherProcessOpens(home.folder);
    expect(existsSync(making)).toBe(false);
    expect(new ForgottenLedger(home.folder).unfinished()).toEqual([]);
    expect(new Backups(home.folder).list()).toHaveLength(1);
  });

  it('waits until another process has made its copy', async () => {
    const folder = stateFolder();
    const copy = join(folder, 'copy');
    const program = `const { inTurn } = await import(process.argv[1]);
      const { existsSync } = await import('node:fs');
      process.stdout.write('asks ');
      await inTurn(process.argv[2], async () => process.stdout.write(String(existsSync(process.argv[3]))));`;
    const words = ['--input-type=module', '--eval', program];
    const paths = [compiledPath('daemon/store-queue.js'), folder, copy];
    const said = await inTurn(folder, async () => {
      const other = spawn(process.execPath, [...words, ...paths]);
      const output = text(other.stdout);
      await once(other.stdout, 'data');
      writeFileSync(copy, '');
      return { output };
    });
    expect(await said.output).toBe('asks true');
  });

  it('gives up the backups where there is no room for a new one beside them', async (context) => {
    const { folder, home, ann, fill } = await crowded(6_000_000);
    if (home === undefined) return context.skip('mounting needs root');
    fill(400_000);
    const report = await home.forget(ann.identity);
    expect(report.complete).toBe(true);
    expect(new Backups(folder).list()).toMatchObject([
      { name: expect.stringContaining('after-forget') },
    ]);
  });

  it('starts where there is no room to forget somebody, and forgets them when there is', async (context) => {
    const { folder, home, ann, fill } = await crowded(6_000_000);
    if (home === undefined) return context.skip('mounting needs root');
    new ForgottenLedger(folder).add(ann.identity.id);
    home.db.close();
    const filler = fill(100_000);
    const full = await openDatabase(folder);
    full.db.close();
    expect(full.postponed).toMatch(/free some disk space; it is tried again/);
    rmSync(filler);
    const { db, postponed } = await openDatabase(folder);
    db.close();
    expect(postponed).toBeUndefined();
    expect(filesWith(folder, ann.identity.id)).toEqual([join(folder, 'forgotten')]);
  });

  it('leaves the database usable for whoever opens it next', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 1);
    const bob = home.enrol('Bob', 1);
    await home.forget(ann.identity);
    // Without the locks of this process, the other one would delete the log when it closes.
    anotherProcessOpens(home.folder);
    expect(existsSync(`${databasePath(home.folder)}-wal`)).toBe(true);
    const id = home.hit(bob.identity, bob.face, false);
    expect(anotherProcessOpens(home.folder)).toContain(id);
    expect(home.db.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('finds pieces that SQLite left in gaps, and removes them as well', async () => {
    const home = await household();
    const people = Array.from({ length: 40 }, (_, n) => home.enrol(`Person ${n}`, 3));
    for (let n = 0; n < 400; n++) {
      const { identity, face } = people[n % 40] as (typeof people)[number];
      home.hit(identity, face, n % 3 > 0);
    }
    for (const { identity } of people.slice(0, 3)) {
      const report = await home.forget(identity);
      expect(report.searched.filter(({ traces }) => traces > 0)).toEqual([]);
      expect(report.complete).toBe(true);
    }
    expect(home.store.list()).toHaveLength(37);
    expect(home.db.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('says where something is left', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 1);
    home.db.exec(
      'CREATE TRIGGER keep AFTER DELETE ON templates BEGIN INSERT INTO settings VALUES (old.id, 1); END',
    );
    const report = await home.forget(ann.identity);
    expect(report.complete).toBe(false);
    expect(report.searched.find(({ path }) => path === databasePath(home.folder))?.traces).toBe(1);
  });

  it('does not let a restored backup bring anybody back', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 2);
    home.enrol('Bob', 1);
    home.hit(ann.identity, ann.face, true);
    const { path } = await new Backups(home.folder).create(home.db, 'daily');
    const elsewhere = join(stateFolder(), 'copy.db');
    copyFileSync(path, elsewhere);
    await home.forget(ann.identity);
    home.db.close();
    copyFileSync(elsewhere, join(home.folder, 'backups/2099-from-elsewhere.db'));
    writeFileSync(databasePath(home.folder), 'damaged');
    const { db, repair } = await openDatabase(home.folder);
    expect(repair).toMatch(/2099-from-elsewhere.db took its place/);
    expect(new IdentityStore(db).list()).toMatchObject([{ name: 'Bob' }]);
    expect(db.prepare('SELECT COUNT(*) AS n FROM hits').get()).toEqual({ n: 0 });
    db.close();
  });

  it('remembers to forget, if it was interrupted', async () => {
    const home = await household();
    const ann = home.enrol('Ann', 2);
    new ForgottenLedger(home.folder).add(ann.identity.id);
    home.db.close();
    const { db } = await openDatabase(home.folder);
    expect(new IdentityStore(db).list()).toEqual([]);
    expect(new IdentityStore(db).ensure('Ann').id).not.toBe(ann.identity.id);
    db.close();
  });

  it('deletes the copies as well, if it was interrupted before that, and once only', async () => {
    const home = await household();
    const ann = home.enrol('Annegret', 2);
    home.enrol('Bob', 1);
    await new Backups(home.folder).create(home.db, 'daily');
    copyFileSync(databasePath(home.folder), `${databasePath(home.folder)}.damaged-2026`);
    new ForgottenLedger(home.folder).add(ann.identity.id);
    eraseIdentity(home.db, ann.identity.id, 1);
    home.db.close();
    expect(filesWith(home.folder, 'Annegret').length).toBeGreaterThan(0);
    for (let starts = 0; starts < 2; starts++) {
      (await openDatabase(home.folder)).db.close();
      expect(filesWith(home.folder, 'Annegret')).toEqual([]);
      expect(new Backups(home.folder).list()).toHaveLength(1);
    }
    const names = new Backups(home.folder).list().map(({ name }) => name);
    await openState(home.folder);
    expect(new Backups(home.folder).list().map(({ name }) => name)).toEqual(names);
    expect(new ForgottenLedger(home.folder).ids()).toEqual(new Set([ann.identity.id]));
  });
});
