/** What ffmpeg says when a frame does not have the size of those before it. */
const OTHER_SIZE = /(?:av_interleaved_write_frame|muxer|muxing).*Invalid argument/i;

/** What a decoder's complaint means for the user, most telling first. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /failed to execute|does not start/i,
    'the decoder is not installed: run scripts/setup, or install ffmpeg',
  ],
  [/401 Unauthorized|authorization failed/i, 'the camera refuses user or password: check the URL'],
  [/403 Forbidden/i, 'the camera forbids access: check the rights of its user'],
  [/404 Not Found|Stream Not Found/i, 'the camera has no such stream: check the path of the URL'],
  [
    /453 Not Enough|503 Service|5XX Server/i,
    'the camera serves no more viewers: close another one',
  ],
  [/Connection refused/i, 'nothing answers at this address and port: is the camera on?'],
  [/No route to host|Network is unreachable/i, 'the network has no way to the camera'],
  [
    /Name or service not known|Failed to resolve|failure in name resolution/i,
    'the name of the camera is not known: check the URL, or use its IP address',
  ],
  [/timed out|Connection timeout/i, 'the camera does not answer: is it on, is the address right?'],
  [/Device or resource busy/i, 'another program uses the camera: close it'],
  [/Permission denied/i, 'no permission: add the user to the group video, check who may read it'],
  [/Not a video capture device|Inappropriate ioctl/i, 'the device is no camera that captures'],
  [/No such device/i, 'the camera was unplugged'],
  [/No such file or directory/i, 'there is no such device or file: check source'],
  [OTHER_SIZE, 'the picture has another size now: the camera is opened again'],
  [
    /Cannot find a proper format|Invalid argument/i,
    'the camera has no such size or frame rate: change width, height or fps',
  ],
  [
    /Invalid data found|moov atom not found|could not find codec|does not contain any stream/i,
    'it is no video or image that can be read, or it is damaged',
  ],
  [/matches no streams/i, 'there is sound only, no picture'],
  [/Connection reset|End of file|Broken pipe/i, 'the camera ended the connection'],
  [/no YUV4MPEG2|out of step/i, 'the decoder delivers no frames: check width, height and fps'],
];

/**
 * A reason is published, and an address may hold a password anywhere, with spaces even: all of it
 * goes, up to the last colon before the reason.
 */
const ADDRESS = /[a-z][a-z0-9+.-]*:\/\/(?:.*: |.*)/i;
const MAX_CHARS = 200;

/** Whether a decoder ended because the pictures have another size now, which is no failure. */
export function isOtherSize(complaint: string): boolean {
  return OTHER_SIZE.test(complaint);
}

/**
 * Says in words why a decoder ended, and what to do.
 *
 * @param complaint The last lines of its standard error.
 */
export function failureReason(complaint: string, exitCode: number | null): string {
  const known = REASONS.find(([pattern]) => pattern.test(complaint));
  if (known !== undefined) return known[1];
  const last = complaint.trim().split('\n').at(-1)?.replace(ADDRESS, '').trim();
  if (last) return last.slice(0, MAX_CHARS);
  return exitCode === 0 ? 'the camera ended the stream' : `the decoder ended (code ${exitCode})`;
}
