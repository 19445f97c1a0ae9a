import { readFileSync } from 'node:fs';
import type { IClientOptions } from 'mqtt';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';

/**
 * Who the client is and how it reaches the broker: credentials, certificates, keep-alive.
 *
 * @throws FaceEvalError CONFIG when a certificate or key cannot be read.
 */
export function brokerOptions(config: Config['mqtt'], clientId: string): IClientOptions {
  const { username, password, caFile, certFile, keyFile, keepaliveS } = config;
  return {
    clientId,
    keepalive: keepaliveS,
    // The outbox is the queue: what the client library kept would be lost with the process.
    clean: true,
    queueQoSZero: false,
    resubscribe: false,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(caFile !== undefined && { ca: readPem('caFile', caFile) }),
    ...(certFile !== undefined && { cert: readPem('certFile', certFile) }),
    ...(keyFile !== undefined && { key: readPem('keyFile', keyFile) }),
  };
}

function readPem(key: string, path: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (cause) {
    throw new FaceEvalError('CONFIG', `mqtt.${key} cannot be read: ${messageOf(cause)}`, {
      hint: 'the user that faceeval runs as must be able to read it',
      cause,
    });
  }
  if (!pem.includes('-----BEGIN ')) {
    throw new FaceEvalError('CONFIG', `mqtt.${key} ${path} is not a PEM file`, {
      hint: 'convert it: openssl x509 -inform der -in FILE (a key: openssl pkey -inform der)',
    });
  }
  return pem;
}
