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

/** `rtsp://user:secret@host/…` → `rtsp://user:••••@host/…` */
export function maskUrl(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/]*):[^@]*@/i, `$1:${MASK}@`);
}
