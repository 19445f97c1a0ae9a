/** Certificates that Node could not trust; the others of its codes fall to the text. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the broker running, and mqtt.url right?',
  ENOTFOUND: 'the name of the broker is not known: check mqtt.url and the DNS of this network',
  EAI_AGAIN: 'the name of the broker cannot be looked up now: check the network and its DNS',
  ETIMEDOUT: 'nobody answers at that address: check mqtt.url and the firewall',
  EHOSTUNREACH: 'no way leads to that address: check mqtt.url and the network',
  ENETUNREACH: 'this device has no network',
  ECONNRESET: 'the broker cut the connection: a TLS port needs mqtts://, a plain one mqtt://',
  EPROTO: 'no TLS is spoken at that port: use the broker’s TLS port, or mqtt:// in mqtt.url',
  CERT_HAS_EXPIRED: 'the certificate of the broker has expired: renew it',
  CERT_NOT_YET_VALID:
    'the certificate of the broker is not valid yet: is the clock of this device set?',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the broker is for another name: write that name in mqtt.url',
  2: 'the broker refuses the client id: set mqtt.clientId',
  3: 'the broker says that it is unavailable',
  4: 'the broker refuses user or password: check mqtt.username and mqtt.passwordFile',
  5: 'the broker does not let this client in: check mqtt.username and the broker’s access list',
  133: 'the broker refuses the client id: set mqtt.clientId',
  136: 'the broker says that it is unavailable',
  137: 'the broker says that it is busy',
  138: 'the broker has banned this client',
  139: 'the broker is shutting down',
  142: 'another client came with the same client id: give each device its own node or mqtt.clientId',
  149: 'a message was too large for the broker: raise its packet limit, or set mqtt.snapshots: face',
};
const SAME_AS: Readonly<Record<string, string>> = { 134: '4', 135: '5' };

/** Codes of a CONNACK that says: that protocol version is not spoken here. */
const UNSPOKEN_VERSION = new Set<unknown>([1, 132]);

/** Whether the broker refused because it does not know MQTT 5. */
export function refusesVersion(error: Error): boolean {
  return UNSPOKEN_VERSION.has(codeOf(error));
}

/**
 * Why there is no connection and what to do about it, in one sentence.
 *
 * @param error Of a socket, of TLS, or a refusal of the broker with its MQTT reason code.
 */
export function explainConnection(error: Error): string {
  const code = String(codeOf(error) ?? '');
  const known = BY_CODE[SAME_AS[code] ?? code];
  if (known !== undefined) return known;
  if (UNTRUSTED.has(code)) {
    return (
      `the certificate of the broker is not trusted (${error.message}): ` +
      'mqtt.caFile must hold the authority that signed it'
    );
  }
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return (
      `the broker ends the TLS handshake (${error.message}): ` +
      'check mqtt.certFile and mqtt.keyFile, the client certificate that it wants'
    );
  }
  return error.message || code || 'the connection could not be made';
}

function codeOf(error: Error): string | number | undefined {
  const { code, errors } = error as { code?: string | number; errors?: readonly Error[] };
  // Node reports a host with several addresses as an error with the causes inside.
  return code ?? (errors?.[0] === undefined ? undefined : codeOf(errors[0]));
}
