import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const BINARY = ['mosquitto', '/usr/sbin/mosquitto'].find(
  (path) => spawnSync(path, ['-h']).error === undefined,
);

/** Why tests with a real broker are skipped, or null when they run. */
export const withoutMosquitto: string | null =
  BINARY === undefined ? 'mosquitto is not installed (scripts/setup --tests)' : null;

export interface MosquittoOptions {
  /** Users with their passwords; anonymous clients are let in when absent. */
  readonly users?: Readonly<Record<string, string>>;
  /** Lines of an access list. */
  readonly acl?: readonly string[];
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly requireClientCertificate?: boolean;
  readonly persistence?: boolean;
}

/** A real Mosquitto on a port of its own. */
export class Mosquitto {
  #process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const folder = mkdtempSync(join(tmpdir(), 'faceeval-mosquitto-'));
    const broker = new Mosquitto(await freePort(), folder);
    writeFileSync(join(folder, 'mosquitto.conf'), configuration(broker.port, folder, options));
    await broker.restart();
    return broker;
  }

  /** Starts the broker again after {@link kill}, on the same port and with the same settings. */
  async restart(): Promise<void> {
    this.#process = spawn(BINARY as string, ['-c', join(this.folder, 'mosquitto.conf')], {
      stdio: 'ignore',
    });
    await waitFor(() => answers(this.port), 5_000, 'mosquitto to listen');
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops it without closing anything: what a broker on a dying disk looks like. */
  block(): void {
    this.#process?.kill('SIGSTOP');
  }

  unblock(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Replaces the password file and has the broker read it. */
  setUsers(users: Readonly<Record<string, string>>): void {
    writePasswords(join(this.folder, 'passwords'), users);
    this.#process?.kill('SIGHUP');
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configuration(port: number, folder: string, options: MosquittoOptions): string {
  const lines = [`listener ${port} 127.0.0.1`, `user ${process.env.USER ?? 'root'}`];
  if (options.users === undefined) lines.push('allow_anonymous true');
  else {
    writePasswords(join(folder, 'passwords'), options.users);
    lines.push('allow_anonymous false', `password_file ${join(folder, 'passwords')}`);
  }
  if (options.acl !== undefined) {
    writeFileSync(join(folder, 'acl'), `${options.acl.join('\n')}\n`, { mode: 0o600 });
    lines.push(`acl_file ${join(folder, 'acl')}`);
  }
  if (options.tls !== undefined) {
    const { ca, cert, key } = options.tls;
    lines.push(`cafile ${ca}`, `certfile ${cert}`, `keyfile ${key}`);
    if (options.requireClientCertificate) lines.push('require_certificate true');
  }
  if (options.persistence) lines.push('persistence true', `persistence_location ${folder}/`);
  return `${lines.join('\n')}\n`;
}

function writePasswords(path: string, users: Readonly<Record<string, string>>): void {
  writeFileSync(path, '', { mode: 0o600 });
  for (const [user, password] of Object.entries(users)) {
    execFileSync('mosquitto_passwd', ['-b', path, user, password]);
  }
}

/** A throw-away authority with a server and a client certificate, made by openssl. */
export function makeCertificates(folder: string): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
} {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'ignore' });
  };
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test CA'],
    ...['-keyout', at('ca.key'), '-out', at('ca.pem')],
  );
  for (const [name, subject, extension] of [
    ['server', '/CN=localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ['client', '/CN=faceeval', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(at(`${name}.ext`), extension);
    openssl(
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', subject],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)],
    );
    openssl(
      ...['x509', '-req', '-days', '2', '-in', at(`${name}.csr`), '-out', at(`${name}.pem`)],
      ...['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'],
      ...['-extfile', at(`${name}.ext`)],
    );
  }
  return {
    ca: at('ca.pem'),
    cert: at('server.pem'),
    key: at('server.key'),
    clientCert: at('client.pem'),
    clientKey: at('client.key'),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @throws Error naming `what` when the condition does not come true in time. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string | (() => string),
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > endMs) {
      const missing = typeof what === 'string' ? what : what();
      throw new Error(`waited ${timeoutMs} ms in vain for ${missing}`);
    }
    await delay(20);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
