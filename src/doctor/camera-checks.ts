import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { maskUrl } from '../config/mask.js';
import type { CameraConfig } from '../config/schema.js';
import { type Finding, ok, problem, warning } from './finding.js';
import { whyUnreachable } from './reach.js';

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'rtsp:': 554,
  'rtsps:': 322,
  'http:': 80,
  'https:': 443,
};

/** Checks that every configured camera is there, and names the video devices that are. */
export async function checkCameras(
  cameras: readonly CameraConfig[],
  isJetson: boolean,
): Promise<readonly Finding[]> {
  const devices = listVideoDevices();
  const seen = devices.length === 0 ? 'none' : devices.join(', ');
  const findings: Finding[] = [ok('cameras', `video devices: ${seen}`)];
  if (cameras.length === 0) {
    const hint = 'add one to cameras in the configuration (faceeval.example.yaml)';
    findings.push(warning('cameras', 'no camera is configured', hint));
  }
  for (const camera of cameras) findings.push(await checkCamera(camera, isJetson));
  return findings;
}

function listVideoDevices(): readonly string[] {
  return readdirSync('/dev')
    .filter((name) => /^video\d+$/.test(name))
    .sort()
    .map((name) => `/dev/${name}`);
}

async function checkCamera({ id, source }: CameraConfig, isJetson: boolean): Promise<Finding> {
  const bare = source.replace(/^(v4l2|file):(\/\/)?/, '');
  if (/^csi(:\d+)?$/.test(source)) return checkCsi(id, isJetson);
  const scheme = /^([a-z]+:)\/\//.exec(bare)?.[1];
  if (scheme !== undefined) return checkNetworkCamera(id, bare, scheme);
  if (!existsSync(bare)) {
    return problem('cameras', `${id}: ${bare} is not there`, 'plug it in, or correct its source');
  }
  try {
    accessSync(bare, constants.R_OK);
    return ok('cameras', `${id}: ${bare} can be read`);
  } catch {
    const hint = bare.startsWith('/dev/')
      ? 'sudo usermod -aG video $USER, then log in again (the service is in that group already)'
      : `chmod a+r ${bare}`;
    return problem('cameras', `${id}: this user may not read ${bare}`, hint);
  }
}

function checkCsi(id: string, isJetson: boolean): Finding {
  const programs = isJetson ? ['gst-launch-1.0'] : ['rpicam-vid', 'libcamera-vid'];
  const found = programs.find((program) => existsSync(`/usr/bin/${program}`));
  if (found !== undefined) return ok('cameras', `${id}: read by ${found}`);
  const hint = isJetson ? 'apt install gstreamer1.0-tools' : 'apt install rpicam-apps';
  return problem('cameras', `${id}: ${programs.join(' or ')} is not installed`, hint);
}

async function checkNetworkCamera(id: string, source: string, scheme: string): Promise<Finding> {
  let url: URL;
  try {
    url = new URL(source);
  } catch {
    return problem('cameras', `${id}: ${maskUrl(source)} is no URL`, 'correct its source');
  }
  const port = Number(url.port) || (DEFAULT_PORTS[scheme] ?? 554);
  const reason = await whyUnreachable(url.hostname, port);
  return reason === null
    ? ok('cameras', `${id}: ${url.hostname}:${port} answers`)
    : problem(
        'cameras',
        `${id}: ${url.hostname}:${port} cannot be reached: ${reason}`,
        'check that the camera is on and its address; faceeval retries by itself',
      );
}
