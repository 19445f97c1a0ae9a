import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/daemon/database.js';
import { writeEnrolmentPhotos } from '../../src/demo/footage.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { decodeImage, encodeJpeg } from '../../src/imaging/codec.js';
import { opencv } from '../../src/imaging/opencv.js';
import { PROGRAM, runProgram, scratchFolder } from './daemon-process.js';

const demo = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
  'demo',
);
const scratch = scratchFolder();
const people = join(scratch.dir, 'people');

beforeAll(async () => {
  mkdirSync(people);
  await writeEnrolmentPhotos(people);
});
afterAll(() => scratch.remove());

/** Runs a command on a gallery of this name. */
function run(gallery: string, ...args: string[]) {
  const env = { ...process.env, FACEEVAL__STATEDIR: join(scratch.dir, gallery) };
  const { status, stdout, stderr } = runProgram([...args, '--json'], env);
  return { status, stderr, result: stdout === '' ? undefined : JSON.parse(stdout) };
}

function writeChanged(
  name: string,
  change: (mat: ReturnType<typeof decodeImage>['bgr']) => typeof mat,
): string {
  const picture = decodeImage(readFileSync(join(people, 'Freya.jpg')));
  const path = join(scratch.dir, name);
  writeFileSync(path, encodeJpeg(change(picture.bgr), 95));
  return path;
}

describe('faceeval enroll', { timeout: 60_000 }, () => {
  it('takes the usable photos and refuses the others with the reason', () => {
    const cv = opencv();
    const blurred = writeChanged('blurred.jpg', (mat) => mat.gaussianBlur(new cv.Size(41, 41), 14));
    const small = writeChanged('small.jpg', (mat) => mat.resize(56, 56));
    const cut = join(scratch.dir, 'cut.jpg');
    writeFileSync(cut, readFileSync(join(people, 'Freya.jpg')).subarray(0, -2_000));
    const nobody = join(scratch.dir, 'nobody.jpg');
    writeFileSync(nobody, encodeJpeg(new cv.Mat(400, 400, cv.CV_8UC3, [90, 120, 150]), 90));
    const good = join(people, 'Freya.jpg');
    const group = join(demo, 'sample3.jpg');
    const missing = join(scratch.dir, 'missing.jpg');

    const { status, result } = run(
      'mixed',
      'enroll',
      'Freya',
      group,
      blurred,
      small,
      cut,
      nobody,
      missing,
      good,
    );
    expect(status).toBe(1);
    expect(result.map(({ kind }: { kind: string }) => kind)).toEqual([
      ...['refused', 'refused', 'refused', 'refused', 'refused', 'refused', 'enrolled'],
    ]);
    const reasons = result.map(({ reason }: { reason?: string }) => reason ?? '');
    expect(reasons[0]).toMatch(/3 faces were found/);
    expect(reasons[1]).toMatch(/too blurred|no face was found/);
    expect(reasons[2]).toMatch(/too small|no face was found/);
    expect(reasons[3]).toMatch(/cut short/);
    expect(reasons[4]).toMatch(/no face was found/);
    expect(reasons[5]).toMatch(/no such file/i);
    expect(run('mixed', 'identities').result).toMatchObject([{ name: 'Freya', templates: 1 }]);
  });

  it('reads both folder layouts, adds nothing twice and refuses somebody else', () => {
    const folder = join(scratch.dir, 'folder');
    mkdirSync(join(folder, 'Nadia_Example'), { recursive: true });
    copyFileSync(join(people, 'Freya.jpg'), join(folder, 'Freya.jpg'));
    copyFileSync(join(people, 'Nadia.jpg'), join(folder, 'Nadia_Example', '1.jpg'));
    expect(run('layouts', 'enroll', '--from', folder).status).toBe(0);
    expect(run('layouts', 'identities').result.map(({ name }: { name: string }) => name)).toEqual([
      'Freya',
      'Nadia Example',
    ]);
    expect(run('layouts', 'enroll', '--from', folder).result).toMatchObject([
      { kind: 'unchanged' },
      { kind: 'unchanged' },
    ]);
    const { status, result } = run('layouts', 'enroll', 'freya', join(people, 'Nadia.jpg'));
    expect(status).toBe(1);
    expect(result[0].reason).toMatch(/the photo is that of Nadia Example/);
  });

  it('follows links, and says which files of a folder it does not read', () => {
    const folder = join(scratch.dir, 'phone');
    const elsewhere = join(scratch.dir, 'elsewhere');
    mkdirSync(join(elsewhere, 'old'), { recursive: true });
    mkdirSync(folder);
    copyFileSync(join(people, 'Freya.jpg'), join(elsewhere, '1.jpg'));
    symlinkSync(elsewhere, join(folder, 'Freya'));
    for (const name of ['Bob.heic', 'Cy.gif', '.DS_Store']) writeFileSync(join(folder, name), 'x');
    const { status, result } = run('phone', 'enroll', '--from', folder);
    expect(status).toBe(1);
    expect(
      result.map(({ photo, kind }: { photo: string; kind: string }) => [basename(photo), kind]),
    ).toEqual([
      ['Bob.heic', 'refused'],
      ['Cy.gif', 'refused'],
      ['1.jpg', 'enrolled'],
      ['old', 'refused'],
    ]);
    expect(result[0].reason).toMatch(/only JPEG, PNG, WebP, BMP and TIFF/);
  });

  it('refuses a file whose name is none, and keeps the consent of the others', () => {
    const folder = join(scratch.dir, 'bad-name');
    mkdirSync(folder);
    copyFileSync(join(people, 'Freya.jpg'), join(folder, 'Freya.jpg'));
    copyFileSync(join(people, 'Nadia.jpg'), join(folder, `${'z'.repeat(120)}.jpg`));
    const { status, result } = run('bad-name', 'enroll', '--from', folder, '--expires', '30d');
    expect(status).toBe(1);
    expect(result).toMatchObject([
      { kind: 'enrolled', name: 'Freya' },
      { kind: 'refused', reason: expect.stringMatching(/is no name: .* 1 to 100 characters/) },
    ]);
    expect(run('bad-name', 'identities').result).toMatchObject([
      { name: 'Freya', expiresAtMs: expect.any(Number) },
    ]);
  });

  it('has the consent of everybody whom it enrolled before Ctrl-C', async () => {
    const stateDir = join(scratch.dir, 'stopped');
    const { db } = await openDatabase(stateDir);
    const store = new IdentityStore(db);
    // The same photo over and over adds nothing, and takes its time.
    const photos = Array.from({ length: 2_000 }, () => 'Freya.jpg');
    const child = spawn(
      process.execPath,
      [PROGRAM, 'enroll', 'Freya', ...photos, '--note', 'asked', '--expires', '30d'],
      { cwd: people, env: { ...process.env, FACEEVAL__STATEDIR: stateDir }, stdio: 'ignore' },
    );
    const exit = once(child, 'exit');
    await expect.poll(() => store.list().length, { timeout: 30_000 }).toBe(1);
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(store.list()).toMatchObject([
      { templates: 1, consentNote: 'asked', expiresAtMs: expect.any(Number) },
    ]);
    db.close();
  });

  it('explains what is missing on the command line', () => {
    const { status, stderr } = run('usage', 'enroll', 'Freya');
    expect(status).toBe(64);
    expect(stderr).toMatch(/give a name and photos/);
  });
});

describe('the commands that ask the gallery', { timeout: 60_000 }, () => {
  beforeAll(() => {
    expect(run('ask', 'enroll', '--from', people).status).toBe(0);
  });

  it('identify names the enrolled on other photos, and nobody else', () => {
    const { result } = run('ask', 'identify', join(demo, 'sample3.jpg'), join(demo, 'sample6.jpg'));
    const verdicts = result.flatMap(
      ({ faces }: { faces: { verdict: string; match: { identity: { name: string } } }[] }) =>
        faces.map(({ verdict, match }) =>
          verdict === 'recognised' ? match.identity.name : verdict,
        ),
    );
    expect(verdicts.filter((verdict: string) => verdict !== 'unknown')).toEqual(['Freya']);
    expect(verdicts.length).toBe(7);
  });

  it('verify tells one person from two by its exit code', () => {
    const [freya, nadia] = [join(people, 'Freya.jpg'), join(people, 'Nadia.jpg')];
    expect(run('ask', 'verify', freya, freya)).toMatchObject({ status: 0, result: { same: true } });
    expect(run('ask', 'verify', freya, nadia)).toMatchObject({
      status: 1,
      result: { same: false },
    });
    expect(run('ask', 'verify', freya, join(demo, 'sample1.jpg')).status).toBe(65);
  });

  it('identities renames and removes, whatever the case', () => {
    expect(run('ask', 'identities', 'rename', 'FREYA', 'Ñandú').status).toBe(0);
    expect(run('ask', 'identities', 'rename', 'nadia', 'ñANDÚ').stderr).toMatch(/somebody else/);
    expect(run('ask', 'identities', 'remove', 'ñandú').status).toBe(0);
    expect(run('ask', 'identities', 'remove', 'ñandú').stderr).toMatch(/nobody .* is called/);
  });

  it('detect draws what it finds', () => {
    const drawn = join(scratch.dir, 'drawn.jpg');
    const { status, result } = run('ask', 'detect', join(demo, 'sample5.jpg'), '--draw', drawn);
    expect(status).toBe(0);
    expect(result[0].faces.length).toBe(5);
    expect(decodeImage(readFileSync(drawn)).size).toEqual({ width: 1920, height: 1398 });
    expect(run('ask', 'detect', join(scratch.dir, 'missing.jpg')).status).toBe(1);
  });
});
