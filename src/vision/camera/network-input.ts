import { PASSWORD_KEY } from '../../config/mask.js';
import { isNewFfmpeg } from './ffmpeg-age.js';

/** How ffmpeg is told of an address on the network. */
export interface NetworkInput {
  readonly args: readonly string[];
  /** Given to it on its standard input. */
  readonly stdin?: string;
}

/** User and password before the host, or something in the query that is named like a secret. */
const CREDENTIALS = /^[a-z]+:\/\/[^/?#]*@|[?&][^=&#]*(?:pass|pwd|token|secret|auth|key)[^=&#]*=/i;
/** What a camera may be read with; the script itself comes through a pipe. */
const PROTOCOLS = 'pipe,fd,tcp,udp,tls,rtp,srtp,rtsp,rtsps,http,https,httpproxy,crypto,data';

/**
 * Input arguments for an address. Every user of a machine can read the arguments of every process:
 * an address with a password goes to ffmpeg in a script on its standard input instead.
 *
 * @param options Options of the input, such as `rtsp_transport`.
 * @param canHide Whether this ffmpeg takes such scripts.
 */
export function networkInput(
  url: string,
  options: Readonly<Record<string, string>>,
  canHide: () => boolean = isNewFfmpeg,
): NetworkInput {
  const entries = Object.entries(options);
  const isSecret = CREDENTIALS.test(url) || PASSWORD_KEY.test(url);
  if (!isSecret || !canHide()) {
    return { args: [...entries.flatMap(([name, value]) => [`-${name}`, value]), '-i', url] };
  }
  const address = url.replaceAll(/[\r\n]/g, '').replaceAll("'", "'\\''");
  const lines = ['ffconcat version 1.0', `file '${address}'`];
  for (const [name, value] of entries) lines.push(`option ${name} ${value}`);
  return {
    args: ['-f', 'concat', '-safe', '0', '-protocol_whitelist', PROTOCOLS, '-i', 'pipe:0'],
    stdin: `${lines.join('\n')}\n`,
  };
}
