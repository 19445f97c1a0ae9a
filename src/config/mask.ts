import type { Config } from './schema.js';

const MASK = '••••';

/** A copy that may be shown: passwords, also those inside URLs, are masked. */
export function maskSecrets(config: Config): Config {
  const { mqtt } = config;
  return {
    ...config,
    cameras: config.cameras.map((camera) => ({ ...camera, source: maskUrl(camera.source) })),
    mqtt: {
      ...mqtt,
      url: maskUrl(mqtt.url),
      ...(mqtt.password === undefined ? {} : { password: MASK }),
    },
  };
}

/** What stands for a value in a query: which key names a password, every camera decides anew. */
const QUERY_VALUE = /([?&][^=&]*=)[^&]*/g;
/** What stands before a password, also in a path: `/user=admin_password=secret_channel=1`. */
export const PASSWORD_KEY = /(?:pass(?:word|wd)?|pwd)=/i;
const PATH_PASSWORD = new RegExp(`(${PASSWORD_KEY.source})[^&/?#]*?(?=_[a-z]+=|[&/?#]|$)`, 'gi');
/** Up to the last `@`: a password may hold one, and a slash, even if it ought not to. */
const PASSWORD = /^([a-z][a-z0-9+.-]*:\/\/[^:/]*):.*@/i;

/**
 * `rtsp://user:secret@host/…` → `rtsp://user:••••@host/…`, and `http://host/snap?pwd=secret` →
 * `http://host/snap?pwd=••••`. What is no URL stays as it is.
 */
export function maskUrl(text: string): string {
  if (!text.includes('://')) return text;
  return text
    .replace(PATH_PASSWORD, `$1${MASK}`)
    .replace(QUERY_VALUE, `$1${MASK}`)
    .replace(PASSWORD, `$1:${MASK}@`);
}
