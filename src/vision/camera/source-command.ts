import { existsSync, statSync } from 'node:fs';
import type { CameraConfig } from '../../config/schema.js';
import { FaceEvalError } from '../../domain/errors.js';
import type { Size } from '../../domain/records.js';
import { isNewFfmpeg } from './ffmpeg-age.js';
import { filmRate } from './film-rate.js';
import { type NetworkInput, networkInput } from './network-input.js';
import { DEFAULT_FPS } from './y4m-reader.js';

/** How a source behaves at its end: a live one is asked again for ever, a finite one is done. */
export type SourceKind = 'live' | 'finite';

/** The child process that decodes a source to raw frames on its standard output. */
export interface SourceCommand {
  readonly kind: SourceKind;
  readonly program: string;
  readonly args: readonly string[];
  /** Written to its standard input. */
  readonly stdin?: string;
  /** Set when the frames come bare, without a YUV4MPEG2 header. */
  readonly bare?: Size & { readonly fps: number };
  /** An answer of one picture is no failure: the source is asked again and again. */
  readonly snapshots?: true;
}

const CSI_SIZE = { width: 1280, height: 720 };
const CSI_FPS = 15;
/** libcamera pads the rows of other widths, and nothing in the stream tells by how much. */
const CSI_WIDTH_STEP = 64;
const FFMPEG = ['-hide_banner', '-loglevel', 'error', '-nostdin'];
/** JPEG has another range. From 7.1 on ffmpeg keeps it, and black and white would be cut off. */
const VIDEO_RANGE = ':out_range=tv';
/**
 * Measured: guessing the frame rate from frames adds a second until the first picture. The often
 * advised `-fflags nobuffer` throws the first key frame away, which costs as much again.
 */
const QUICK_OPEN = { fpsprobesize: '0' };
/**
 * A recording on motion says nothing for hours, and every second of them would be filled with frames.
 * A gap is played as so many seconds: longer than anybody is followed unseen.
 */
const LONGEST_GAP_S = 10;
const SHORT_GAPS = `setpts='if(isnan(PREV_INPTS),PTS,PREV_OUTPTS+clip(PTS-PREV_INPTS,0,${LONGEST_GAP_S}/TB))'`;
/** MJPEG has no times of its own, and ffmpeg would make some up. */
const ARRIVAL_TIMES = { use_wallclock_as_timestamps: '1' };

const CSI = /^csi(?::(\d+))?$/;
const RTSP = /^rtsps?:\/\//i;
const HTTP = /^https?:\/\//i;
const DEVICE = /^(?:v4l2:)?(\/dev\/.+)$/;

/** Whether a source ever ends. */
export function kindOf(source: string): SourceKind {
  return [CSI, RTSP, HTTP, DEVICE].some((pattern) => pattern.test(source)) ? 'live' : 'finite';
}

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
  const { source } = camera;
  const csi = CSI.exec(source);
  if (csi !== null) return csiCommand(camera, Number(csi[1] ?? 0));
  if (RTSP.test(source)) return liveCommand(camera, rtspInput(camera));
  if (HTTP.test(source)) {
    const command = liveCommand(camera, networkInput(source, ARRIVAL_TIMES));
    return { ...command, snapshots: true };
  }
  const device = DEVICE.exec(source)?.[1];
  if (device !== undefined) return liveCommand(camera, { args: v4l2Input(camera, device) });
  return fileCommand(camera, source.replace(/^file:(\/\/)?/, ''), fast);
}

/** Decodes one still image of a folder; a damaged one gives no frame. */
export function imageCommand(camera: CameraConfig, path: string): SourceCommand {
  const input = ['-xerror', '-err_detect', 'explode', '-i', `file:${path}`];
  const args = [...FFMPEG, ...input, '-frames:v', '1', ...output(scaleFilter(camera))];
  return { kind: 'finite', program: 'ffmpeg', args };
}

function fileCommand(camera: CameraConfig, path: string, fast: boolean): SourceCommand {
  if (!existsSync(path)) {
    throw new FaceEvalError('CAMERA', `there is no file ${path}`, {
      hint: `check source of camera ${camera.id}: a path, a /dev/video… device, or a URL`,
    });
  }
  const input = [...(fast ? [] : ['-re']), ...(camera.loop ? ['-stream_loop', '-1'] : [])];
  const filters = [...fileRate(camera, path, fast), scaleFilter(camera)].join(',');
  const args = [...FFMPEG, ...input, '-i', `file:${path}`, ...output(filters)];
  return { kind: 'finite', program: 'ffmpeg', args };
}

/**
 * Played fast, frames have no time but their number. A browser's recording has them at any time, and
 * claims 1000 a second: it is brought to a steady rate that can be.
 */
function fileRate({ fps }: CameraConfig, path: string, fast: boolean): string[] {
  if (!fast) return fps === undefined ? [] : [`fps=${fps}`];
  if (fps !== undefined) return [SHORT_GAPS, `fps=${fps}`];
  if (!isNewFfmpeg()) return [];
  return [SHORT_GAPS, `fps=${filmRate(path) ?? DEFAULT_FPS}`];
}

function liveCommand(camera: CameraConfig, input: NetworkInput): SourceCommand {
  const filters = [...rateLimit(camera), scaleFilter(camera)].join(',');
  // One decoder thread: frame threads would each hold a frame back.
  const decoder = ['-threads', '1', '-flags', 'low_delay'];
  const args = [...FFMPEG, ...decoder, ...input.args, ...oneSize(), ...output(filters)];
  return { ...input, kind: 'live', program: 'ffmpeg', args };
}

function rtspInput({ source, rtspTransport }: CameraConfig): NetworkInput {
  const media = { rtsp_transport: rtspTransport, allowed_media_types: 'video' };
  return networkInput(source, { ...media, ...QUICK_OPEN });
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

/** Leaves frames out above the asked rate; the filter `fps` would also invent some below it. */
function rateLimit({ fps }: CameraConfig): string[] {
  if (fps === undefined) return [];
  // A tenth of slack: frames of a camera do not come to the microsecond.
  const gapS = (0.9 / fps).toFixed(4);
  return [`select='isnan(prev_selected_t)+gte(t-prev_selected_t,${gapS})'`];
}

/** Fits the picture into the asked size without distorting faces; I420 needs even sides. */
function scaleFilter({ width, height }: CameraConfig): string {
  if (width === undefined && height === undefined) {
    return `scale=trunc(iw/2)*2:trunc(ih/2)*2:flags=fast_bilinear${VIDEO_RANGE}`;
  }
  const fit =
    width !== undefined && height !== undefined
      ? ':force_original_aspect_ratio=decrease:force_divisible_by=2'
      : '';
  const side = (px: number | undefined): number => (px === undefined ? -2 : px & ~1);
  return `scale=${side(width)}:${side(height)}:flags=bilinear${fit}${VIDEO_RANGE}`;
}

/**
 * ffmpeg fits a picture of another size (a phone turned, a profile switched) into the first one, and
 * nobody knows a squeezed face. So it ends instead, and the camera is opened with the new size. Not
 * for files: what comes after would be lost. Versions before 4.4 do not know this option.
 */
function oneSize(): string[] {
  return isNewFfmpeg() ? ['-noautoscale'] : [];
}

function output(filters: string): string[] {
  return [
    ...['-an', '-sn', '-dn', '-vf', filters],
    ...['-vsync', 'passthrough', '-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', 'pipe:1'],
  ];
}

/** libcamera's own program on a Pi; the ISP's GStreamer source on a Jetson. */
function csiCommand(camera: CameraConfig, index: number): SourceCommand {
  const asked = camera.width ?? CSI_SIZE.width;
  const width = Math.max(CSI_WIDTH_STEP, asked - (asked % CSI_WIDTH_STEP));
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
