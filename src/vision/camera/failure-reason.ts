/** What a decoder's complaint means for the user, most telling first. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/401 Unauthorized|authorization failed/i, 'the camera refuses user or password: check the URL'],
  [/403 Forbidden/i, 'the camera forbids access: check the rights of its user'],
  [/404 Not Found|Stream Not Found/i, 'the camera has no such stream: check the path of the URL'],
  [/Connection refused/i, 'nothing answers at this address and port: is the camera on?'],
  [/No route to host|Network is unreachable/i, 'the network has no way to the camera'],
  [/Name or service not known|Failed to resolve/i, 'the name of the camera is not known'],
  [/timed out|Connection timeout|Operation timed out/i, 'the camera does not answer'],
  [/Device or resource busy/i, 'another program uses the camera: close it'],
  [/Permission denied/i, 'no permission: add the user to the group video'],
  [/No such device|No such file or directory/i, 'there is no such device or file'],
  [/Not a video capture device|Inappropriate ioctl/i, 'the device is no camera that captures'],
  [/Cannot find a proper format|Invalid argument/i, 'the camera has no such size or frame rate'],
  [/Invalid data found|moov atom not found|could not find codec/i, 'it is no video, or damaged'],
  [/Connection reset|End of file|Broken pipe/i, 'the camera ended the connection'],
];

/**
 * Says in words why a decoder ended.
 *
 * @param complaint The last lines of its standard error.
 */
export function failureReason(complaint: string, exitCode: number | null): string {
  const known = REASONS.find(([pattern]) => pattern.test(complaint));
  if (known !== undefined) return known[1];
  const last = complaint.trim().split('\n').at(-1)?.trim();
  if (last) return last.slice(0, 200);
  return exitCode === 0 ? 'the camera ended the stream' : `the decoder ended (code ${exitCode})`;
}
