import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { maskUrl } from '../config/mask.js';
import type { Config } from '../config/schema.js';
import { messageOf } from '../domain/errors.js';
import { type Finding, ok, problem, warning } from './finding.js';
import { whyUnreachable } from './reach.js';

const TIMEOUT_MS = 5_000;

/** Checks that the broker takes a connection with the configured credentials. */
export async function checkBroker(config: Config['mqtt']): Promise<Finding> {
  return config.url === 'embedded' ? checkEmbedded(config.embedded) : checkRemote(config);
}

/** The embedded broker needs its port for itself. */
async function checkEmbedded({ host, port }: Config['mqtt']['embedded']): Promise<Finding> {
  if (port === 0 || (await whyUnreachable(host, port)) !== null) {
    return ok('mqtt', `the embedded broker can bind ${host}:${port}`);
  }
  return warning(
    'mqtt',
    `something answers on ${host}:${port} already`,
    'fine if that is a running faceeval; else set mqtt.url to that broker, or mqtt.embedded.port',
  );
}

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
