import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../mqtt/mosquitto.js';

/** Why tests of the notify protocol are skipped, or null when they run. */
export const withoutNotify: string | null = ['systemd-notify', 'python3'].some(
  (program) => spawnSync(program, ['--version']).error !== undefined,
)
  ? 'systemd-notify or python3 is not installed'
  : null;

// Node has no datagram sockets of the Unix family. The file handle of the barrier that
// systemd-notify sends is dropped by recv, which is what it waits for.
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", "|"), flush=True)
`;

/** The peer of sd_notify: collects every datagram, its lines joined with `|`. */
export class NotifySocket {
  readonly messages: string[] = [];

  private constructor(
    readonly path: string,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  static async open(): Promise<NotifySocket> {
    const folder = mkdtempSync(join(tmpdir(), 'faceeval-notify-'));
    const path = join(folder, 'socket');
    const child = spawn('python3', ['-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const socket = new NotifySocket(path, folder, child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${text}${chunk}`.split('\n');
      text = lines.pop() ?? '';
      socket.messages.push(...lines.filter((line) => !line.startsWith('BARRIER=')));
    });
    await waitFor(() => socket.messages.length > 0, 10_000, 'the notify socket');
    socket.messages.length = 0;
    return socket;
  }

  close(): void {
    this.process.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
