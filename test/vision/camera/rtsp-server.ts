import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Debian's Python, which sees Debian's GStreamer bindings. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, '../../fixtures/cameras/rtsp-server.py');

/** True where Debian's GStreamer RTSP server is installed. */
export function hasRtspServer(): boolean {
  const check = "import gi; gi.require_version('GstRtspServer', '1.0')";
  return spawnSync(PYTHON, ['-c', check]).status === 0;
}

/** A real RTSP server in a process of its own. */
export class RtspServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(
    options: { port?: number; user?: string; password?: string; file?: string } = {},
  ): Promise<RtspServer> {
    const { port = 0, user, password, file } = options;
    const login = user === undefined ? [] : [user, password ?? ''];
    const child = spawn(PYTHON, [SCRIPT, String(port), ...login], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...(file === undefined ? {} : { RTSP_FILE: file }) },
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return new RtspServer(child, Number(line.toString()));
  }

  url(login = ''): string {
    return `rtsp://${login}127.0.0.1:${this.port}/cam`;
  }

  /** The server hangs: its connections stay open and nothing comes any more. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  async cut(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}
