import { existsSync, statSync } from 'node:fs';
import type { CameraConfig } from '../../config/schema.js';
import { FaceEvalError } from '../../domain/errors.js';
import type { Size } from '../../domain/records.js';

/** How a source behaves at its end: a live one is asked again for ever, a finite one is done. */
export type SourceKind = 'live' | 'finite';

/** The child process that decodes a source to raw frames on its standard output. */
export interface SourceCommand {
  readonly kind: SourceKind;
  readonly program: string;
  readonly args: readonly string[];
  /** Set when the frames come bare, without a YUV4MPEG2 header. */
  readonly bare?: Size & { readonly fps: number };
}

const CSI_SIZE = { width: 1280, height: 720 };
const CSI_FPS = 15;
const FFMPEG = ['-hide_banner', '-loglevel', 'warning', '-nostdin'];

/** True for a folder of images, which is played as one command an image. */
export function isFolder(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * Builds the command for a camera.
 *
 * @param fast Decode a file as fast as it is read instead of at its own speed.
 * @throws FaceEvalError CAMERA when a file or device is not there.
 */
export function commandFor(camera: CameraConfig, fast: boolean): SourceCommand {
  const source = camera.source.replace(/^v4l2:/, '');
  if (/^csi(:\d+)?$/.test(source)) return csiCommand(camera, Number(source.split(':')[1] ?? 0));
  if (/^rtsps?:\/\//.test(source)) return live(camera, [...rtspInput(camera), '-i', source]);
  if (/^https?:\/\//.test(source)) {
    const timeoutUs = String(camera.stallMs * 1000);
    return live(camera, ['-fflags', 'nobuffer', '-rw_timeout', timeoutUs, '-i', source]);
  }
  if (/^\/dev\//.test(source)) return live(camera, v4l2Input(camera, source));
  const path = source.replace(/^file:(\/\/)?/, '');
  if (!existsSync(path)) {
    throw new FaceEvalError('CAMERA', `there is no file ${path}`, {
      hint: `check source of camera ${camera.id}: a path, a /dev/video… device, or a URL`,
    });
  }
  return fileCommand(camera, path, fast);
}

/** Decodes one still image of a folder; a damaged one gives no frame. */
export function imageCommand(camera: CameraConfig, path: string): SourceCommand {
  const input = ['-xerror', '-err_detect', 'explode', '-i', path];
  return { kind: 'finite', program: 'ffmpeg', args: [...FFMPEG, ...input, ...output(camera)] };
}

/** Decodes a video file. */
function fileCommand(camera: CameraConfig, path: string, fast: boolean): SourceCommand {
  const input = [...(fast ? [] : ['-re']), ...(camera.loop ? ['-stream_loop', '-1'] : [])];
  const args = [...FFMPEG, ...input, '-i', path, ...output(camera)];
  return { kind: 'finite', program: 'ffmpeg', args };
}

function live(camera: CameraConfig, input: readonly string[]): SourceCommand {
  // One decoder thread: frame threads would each hold a frame back.
  const args = [...FFMPEG, '-threads', '1', '-flags', 'low_delay', ...input, ...output(camera)];
  return { kind: 'live', program: 'ffmpeg', args };
}

function rtspInput(camera: CameraConfig): string[] {
  const timeoutUs = String(camera.stallMs * 1000);
  return ['-rtsp_transport', camera.rtspTransport, '-timeout', timeoutUs, '-fflags', 'nobuffer'];
}

function v4l2Input(camera: CameraConfig, device: string): string[] {
  if (!existsSync(device)) {
    throw new FaceEvalError('CAMERA', `there is no device ${device}`, {
      hint: 'plug the camera in; `faceeval doctor` lists the devices that are there',
    });
  }
  const size = camera.width && camera.height ? `${camera.width}x${camera.height}` : undefined;
  return [
    ...['-f', 'v4l2'],
    ...(camera.fps ? ['-framerate', String(camera.fps)] : []),
    ...(size ? ['-video_size', size] : []),
    ...['-i', device],
  ];
}

/** I420 needs even sides; a camera that was asked for a size may not have kept to it. */
function output(camera: CameraConfig): string[] {
  const width = camera.width ? String(camera.width & ~1) : 'trunc(iw/2)*2';
  const height = camera.height ? String(camera.height & ~1) : 'trunc(ih/2)*2';
  const filters = [
    ...(camera.fps ? [`fps=${camera.fps}`] : []),
    `scale=${width}:${height}:flags=fast_bilinear`,
  ];
  return [
    ...['-an', '-sn', '-dn', '-vf', filters.join(',')],
    ...['-vsync', 'passthrough', '-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', 'pipe:1'],
  ];
}

/** libcamera's own program on a Pi; the ISP's GStreamer source on a Jetson. */
function csiCommand(camera: CameraConfig, index: number): SourceCommand {
  const width = (camera.width ?? CSI_SIZE.width) & ~1;
  const height = (camera.height ?? CSI_SIZE.height) & ~1;
  const fps = camera.fps ?? CSI_FPS;
  if (existsSync('/etc/nv_tegra_release')) {
    const caps = `video/x-raw(memory:NVMM),width=${width},height=${height},framerate=${Math.round(fps)}/1`;
    const pipeline =
      `nvarguscamerasrc sensor-id=${index} ! ${caps} ! nvvidconv ! video/x-raw,format=I420 ! ` +
      'queue leaky=downstream max-size-buffers=1 ! y4menc ! fdsink fd=1';
    return { kind: 'live', program: 'gst-launch-1.0', args: ['-q', ...pipeline.split(' ')] };
  }
  const program = existsSync('/usr/bin/rpicam-vid') ? 'rpicam-vid' : 'libcamera-vid';
  const args = ['--camera', String(index), '-t', '0', '-n', '--codec', 'yuv420', '-v', '0'];
  args.push('--width', String(width), '--height', String(height), '--framerate', String(fps));
  return { kind: 'live', program, args: [...args, '-o', '-'], bare: { width, height, fps } };
}
