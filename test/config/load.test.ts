import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { absoluteSource } from '../../src/config/locations.js';
import { FaceEvalError } from '../../src/domain/errors.js';
import { asNobody, staysRoot } from '../nobody.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (text: string, name = 'faceeval.yaml'): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const load = (text: string, environment: NodeJS.ProcessEnv = {}) =>
  loadConfig({ path: write(text), environment });
const refusal = (text: string, environment: NodeJS.ProcessEnv = {}): string[] => {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof FaceEvalError && error.exitCode === 78) {
      return error.message.replaceAll(`${folder}/`, '').split('\n');
    }
    throw error;
  }
  return [];
};

describe('a configuration file', () => {
  it('fills in every default', () => {
    const { config, path } = load('cameras:\n  - id: door\n    source: /dev/video0\n');
    expect(path).toBe(join(folder, 'faceeval.yaml'));
    expect(config.cameras[0]).toMatchObject({ id: 'door', source: '/dev/video0', stallMs: 10_000 });
    expect(config.mqtt.baseTopic).toBe('faceeval');
    expect(config.detector.thresholds).toEqual([0.6, 0.7, 0.8]);
  });

  it.each(['', '# only a comment\n', '---\n'])('may be empty: %j', (text) => {
    expect(load(text).config.cameras).toEqual([]);
  });

  it.each([
    [
      'detector:\n  minFace: 40\n',
      'faceeval.yaml:2:3: unknown key "minFace" in detector; did you mean minFacePx?',
    ],
    ['mqqt:\n  url: x\n', 'faceeval.yaml:1:1: unknown key "mqqt"; did you mean mqtt?'],
    ['cooldownMs: 5\n', 'faceeval.yaml:1:1: unknown key "cooldownMs"; it belongs in hits'],
    [
      'hits:\n  shots: eight\n',
      'faceeval.yaml:2:3: hits.shots must be a whole number from 1 to 10, not "eight"',
    ],
    [
      'log:\n  level: loud\n',
      'faceeval.yaml:2:3: log.level must be trace, debug, info, warn, error or fatal, not "loud"',
    ],
    [
      'recogniser:\n  targetFar: 0.5\n',
      'faceeval.yaml:2:3: recogniser.targetFar must be 0.01, 0.001 or 0.0001, not 0.5',
    ],
    [
      'recogniser:\n  threshold: high\n',
      'faceeval.yaml:2:3: recogniser.threshold must be a number from 0 to 1 or null, not "high"',
    ],
    [
      'cameras:\n  - id: door\n    source: csi\n  - id: Back Door\n    source: ""\n',
      'faceeval.yaml:4:5: cameras[1].id must be lower-case letters, digits, - and _, at most 32, not "Back Door"',
    ],
    [
      'cameras:\n  - id: door\n',
      'faceeval.yaml:2:5: cameras[0].source is missing; expected a text',
    ],
    ['mqtt: yes please\n', 'faceeval.yaml:1:1: mqtt must be a section with keys, not "yes please"'],
    ['- a\n', 'faceeval.yaml: the configuration must be a section with keys, not a list of 1'],
    [
      'detector:\n  thresholds: [0.6, 0.7]\n',
      'faceeval.yaml:2:3: detector.thresholds must be a list of 3, not a list of 2',
    ],
  ])('says where %j is wrong and what belongs there', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('reports every problem at once', () => {
    expect(refusal('hits:\n  shots: 0\n  margn: 0.1\nnodes: x\n')).toHaveLength(3);
  });

  it('says where it is no YAML', () => {
    expect(refusal('mqtt:\n  url: a\n url: b\n')[0]).toMatch(/^faceeval\.yaml:3:\d+: /);
    expect(refusal('node: a\nnode: b\n')[0]).toMatch(/^faceeval\.yaml:2:1: .*unique/);
  });

  it('refuses two cameras of one id', () => {
    const text = 'cameras:\n  - {id: door, source: csi}\n  - {id: door, source: /dev/video0}\n';
    expect(refusal(text)).toEqual([
      'faceeval.yaml:3:6: cameras[1].id "door" is also the id of cameras[0]',
    ]);
  });

  it('refuses keys that contradict each other', () => {
    expect(refusal('hits: {shots: 9}\n')[0]).toContain('nobody would ever be named');
    expect(refusal('mqtt: {keyFile: k.pem}\n')[0]).toContain('needs mqtt.certFile');
  });

  it('names a file that is not there', () => {
    expect(() => loadConfig({ path: join(folder, 'none.yaml'), environment: {} })).toThrow(
      /cannot read .*none\.yaml/,
    );
  });
});

describe('the environment', () => {
  it('overrides the file, key by key', () => {
    const { config, overrides } = load(
      'mqtt: {url: "mqtt://a", keepaliveS: 10}\ncameras: [{id: door, source: csi}]\n',
      {
        FACEEVAL__MQTT__URL: 'mqtt://b',
        FACEEVAL__MQTT__PASSWORD: '12345',
        FACEEVAL__CAMERAS__0__STALL_MS: '2000',
        FACEEVAL__CAMERAS__1: '{id: yard, source: /dev/video1}',
        FACEEVAL__MODELS__PROVIDERS: '[cuda, cpu]',
        FACEEVAL__RECOGNISER__THRESHOLD: '0.4',
        FACEEVAL__HITS__UNKNOWNS: 'false',
        FACEEVAL__DETECTOR__THRESHOLDS: '[0.6, 0.7, 0.9]',
        FACEEVAL_SHARED: 'not ours',
      },
    );
    expect(config.mqtt).toMatchObject({ url: 'mqtt://b', password: '12345', keepaliveS: 10 });
    expect(config.cameras.map((camera) => [camera.id, camera.stallMs])).toEqual([
      ['door', 2000],
      ['yard', 10_000],
    ]);
    expect(config.models.providers).toEqual(['cuda', 'cpu']);
    expect(config.recogniser.threshold).toBe(0.4);
    expect(config.hits.unknowns).toBe(false);
    expect(overrides).toHaveLength(8);
  });

  it('names the variable whose value is wrong', () => {
    expect(refusal('', { FACEEVAL__MQTT__KEEPALIVE_S: 'often' })).toEqual([
      'environment variable FACEEVAL__MQTT__KEEPALIVE_S: ' +
        'mqtt.keepaliveS must be a whole number from 5 to 3600, not "often"',
    ]);
  });

  it('suggests a key for a variable that names none', () => {
    expect(() => load('', { FACEEVAL__MQTT__ULR: 'x' })).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        hint: expect.stringContaining('did you mean url?'),
      }),
    );
    expect(() => load('', { FACEEVAL__CAMERAS__FIRST__ID: 'x' })).toThrow(/names "FIRST"/);
  });

  it('names the file', () => {
    const path = write('node: hall\n', 'other.yaml');
    expect(loadConfig({ environment: { FACEEVAL_CONFIG: path } }).config.node).toBe('hall');
  });
});

describe('the file of the service', () => {
  it('has the state folder of the service, unless something names another', () => {
    const serviceFile = write('node: hall\n');
    const stateDir = (path: string | undefined, environment: NodeJS.ProcessEnv = {}) =>
      loadConfig({ path, environment, serviceFile }).config.stateDir;
    expect([stateDir(undefined), stateDir(serviceFile)]).toEqual(
      Array(2).fill('/var/lib/faceeval'),
    );
    expect(stateDir(undefined, { FACEEVAL__STATE_DIR: '/srv/faces' })).toBe('/srv/faces');
    expect(stateDir(write('node: hall\n', 'other.yaml'))).toBe(
      join(homedir(), '.local/state/faceeval'),
    );
    write('stateDir: /srv/own\n');
    expect(stateDir(undefined)).toBe('/srv/own');
  });
});

describe.skipIf(staysRoot)('a file behind a closed folder', () => {
  beforeEach(() => {
    write('node: hall\n');
    chmodSync(folder, 0);
  });
  afterEach(() => chmodSync(folder, 0o700));

  it.each(['serviceFile', 'path'])('is an error that says whose command it is: %s', (which) => {
    asNobody(() => {
      const source = { [which]: join(folder, 'faceeval.yaml') };
      expect(() => loadConfig({ ...source, environment: {} })).toThrow(
        expect.objectContaining({
          code: 'CONFIG',
          message: expect.stringContaining('EACCES'),
          hint: expect.stringContaining('sudo -u faceeval faceeval …'),
        }),
      );
    });
  });
});

describe('paths and secrets', () => {
  it('start at the folder of the file; ~ is home; sources that are no files stay', () => {
    const { config } = load(
      'stateDir: ~/state\nmodels: {dir: ../models}\ncameras:\n' +
        '  - {id: a, source: clip.mp4}\n  - {id: b, source: "rtsp://host/stream"}\n' +
        '  - {id: c, source: "csi:0"}\n  - {id: d, source: ~/clips}\n',
    );
    expect(config.stateDir).toBe(join(homedir(), 'state'));
    expect(config.models.dir).toBe(join(folder, '../models'));
    expect(config.cameras.map((camera) => camera.source)).toEqual([
      join(folder, 'clip.mp4'),
      'rtsp://host/stream',
      'csi:0',
      join(homedir(), 'clips'),
    ]);
  });

  it('reads user and password from their files', () => {
    write('s3cret\n', 'password');
    write('faceeval\n', 'user');
    expect(load('mqtt: {usernameFile: user}\n').config.mqtt.username).toBe('faceeval');
    expect(() => load('mqtt: {username: a, usernameFile: user}\n')).toThrow(/keep one of them/);
    expect(() => load('mqtt: {usernameFile: nobody}\n')).toThrow(/usernameFile cannot be read/);
    expect(load('mqtt: {passwordFile: password}\n').config.mqtt.password).toBe('s3cret');
  });

  it('refuses encryption without a key file, whose path starts at the configuration', () => {
    expect(refusal('encryption: {enabled: true}\n')[0]).toContain('needs encryption.keyFile');
    const { encryption } = load('encryption: {enabled: true, keyFile: faces.key}\n').config;
    expect(encryption).toEqual({ enabled: true, keyFile: join(folder, 'faces.key') });
  });

  it('refuses a password file that is missing, empty or beside a password', () => {
    expect(refusal('mqtt: {passwordFile: none}\n')[0]).toContain('passwordFile cannot be read');
    write('\n', 'empty');
    expect(refusal('mqtt: {passwordFile: empty}\n')[0]).toContain('is empty');
    mkdirSync(join(folder, 'dir'));
    expect(refusal('mqtt: {passwordFile: dir}\n')[0]).toContain('cannot be read');
    expect(refusal('mqtt: {password: a, passwordFile: empty}\n')[0]).toContain('keep one of them');
  });
});

describe('absoluteSource', () => {
  it.each([
    ['film.mp4', '/films/film.mp4'],
    ['/other/film.mp4', '/other/film.mp4'],
    ['~/film.mp4', join(homedir(), 'film.mp4')],
    ['csi', 'csi'],
    ['csi:1', 'csi:1'],
    ['rtsp://camera/sub', 'rtsp://camera/sub'],
  ])('reads %s as %s', (source, place) => {
    expect(absoluteSource(source, '/films')).toBe(place);
  });
});
