import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { z } from 'zod';
import { maskUrl } from '../config/mask.js';
import type { Config } from '../config/schema.js';
import { ControlClient, isNoDaemon } from '../control/control-client.js';
import { messageOf } from '../domain/errors.js';
import { type Finding, ok, problem, warning } from './finding.js';
import { whyUnreachable } from './reach.js';

const TIMEOUT_MS = 5_000;

/** What of a daemon's status says which broker it brings. */
const runningBroker = z.object({ broker: z.object({ url: z.string() }) });

/**
 * Checks that the broker takes a connection with the configured credentials, or that the built-in
 * one has its port and is not open to the whole network.
 *
 * @param stateDir Where a daemon that runs already is asked whether the port is its own.
 */
export async function checkBroker(config: Config['mqtt'], stateDir: string): Promise<Finding[]> {
  if (config.url !== 'embedded') return [await checkRemote(config)];
  return [await checkPort(config.embedded, stateDir), ...checkOpenness(config)];
}

async function checkPort(
  { host, port }: Config['mqtt']['embedded'],
  stateDir: string,
): Promise<Finding> {
  if (port === 0 || (await whyUnreachable(host, port)) !== null) {
    return ok('mqtt', `the embedded broker can bind ${host}:${port}`);
  }
  let status: unknown;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    status = await new ControlClient(stateDir).ask('status', {}, { signal });
  } catch (error) {
    return isNoDaemon(error)
      ? taken(host, port)
      : warning(
          'mqtt',
          `something answers on ${host}:${port}, perhaps the daemon: ${messageOf(error)}`,
          'run the command as the user of the daemon: sudo -u faceeval faceeval doctor',
        );
  }
  const running = runningBroker.safeParse(status);
  return running.success && isAt(running.data.broker.url, host, port)
    ? ok('mqtt', `the embedded broker of the daemon that runs answers on ${host}:${port}`)
    : taken(host, port);
}

/** A broker that listens on a name or on every address is told by one of this machine's. */
function isAt(url: string, host: string, port: number): boolean {
  const found = new URL(url);
  const hostname = found.hostname.replaceAll(/[[\]]/g, '');
  return found.port === String(port) && (hostname === host || isLoopback(hostname));
}

/** The daemon would end at its start. */
function taken(host: string, port: number): Finding {
  return problem(
    'mqtt',
    `another program, perhaps Mosquitto, has port ${port} of ${host}: faceeval cannot start`,
    `use that broker (mqtt.url: mqtt://localhost:${port}), or give the built-in one another port ` +
      '(mqtt.embedded.port)',
  );
}

/** Without a password, whoever reaches the broker may do what its owner may. */
function checkOpenness({ embedded, username, requests, baseTopic }: Config['mqtt']): Finding[] {
  if (isLoopback(embedded.host) || username !== undefined) return [];
  const may = requests ? ', and may enrol, rename, forget and pause' : '';
  return [
    warning(
      'mqtt',
      `everybody who reaches the embedded broker on ${embedded.host} reads ${baseTopic}/#${may}`,
      'set mqtt.username and mqtt.passwordFile, which every client then has to give, or ' +
        'mqtt.embedded.host: 127.0.0.1',
    ),
  ];
}

const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/i.test(host);

async function checkRemote(config: Config['mqtt']): Promise<Finding> {
  const where = maskUrl(config.url);
  try {
    const client = await mqtt.connectAsync(
      config.url,
      {
        protocolVersion: config.protocol,
        clientId: `faceeval-doctor-${process.pid}`,
        connectTimeout: TIMEOUT_MS,
        reconnectPeriod: 0,
        ...(config.username === undefined ? {} : { username: config.username }),
        ...(config.password === undefined ? {} : { password: config.password }),
        ...(config.caFile === undefined ? {} : { ca: readFileSync(config.caFile) }),
        ...(config.certFile === undefined ? {} : { cert: readFileSync(config.certFile) }),
        ...(config.keyFile === undefined ? {} : { key: readFileSync(config.keyFile) }),
      },
      false,
    );
    await client.endAsync();
    return ok('mqtt', `${where} takes the connection`);
  } catch (error) {
    return problem('mqtt', `${where}: ${reasonOf(error)}`, hintFor(error));
  }
}

/** Node reports a host with two addresses as an error without words, and the causes inside. */
function reasonOf(error: unknown): string {
  const text = messageOf(error);
  if (text !== '') return text;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first === undefined ? 'the connection failed' : messageOf(first);
}

function hintFor(error: unknown): string {
  const text = reasonOf(error);
  if (/not authori[sz]ed|bad user ?name/i.test(text)) {
    return 'check mqtt.username and mqtt.passwordFile, and the broker’s access list';
  }
  if (/protocol version/i.test(text)) {
    return 'set mqtt.protocol: 4; the broker does not know MQTT 5';
  }
  if (/certificate|self.signed|SSL|TLS/i.test(text)) {
    return 'check mqtt.caFile: it must hold the authority that signed the broker’s certificate';
  }
  return 'check mqtt.url and that the broker runs; hits wait in the outbox until it answers';
}
