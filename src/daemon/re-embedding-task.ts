import type { Logger } from 'pino';
import { messageOf } from '../domain/errors.js';
import { type ReembeddingOptions, reembedGallery } from '../gallery/re-embedding.js';

export interface ReembeddingTaskOptions extends ReembeddingOptions {
  readonly log: Logger;
  /** New templates are there. */
  readonly galleryChanged: () => void;
}

/**
 * Brings the gallery over to the recogniser in use, beside everything else that the daemon does.
 * If the vision process ends over it, the next start of it goes on where this one ended.
 */
export async function bringGalleryOver(options: ReembeddingTaskOptions): Promise<void> {
  const { log, family, signal, galleryChanged } = options;
  try {
    const { made, failed, unknown } = await reembedGallery(options);
    if (signal.aborted) return;
    if (made > 0) {
      log.info({ made, failed }, `the gallery was brought over to the recogniser ${family}`);
      galleryChanged();
    }
    if (failed > 0) log.warn({ failed }, 'some crops could not be embedded');
    if (unknown.length > 0) {
      log.warn(
        { people: unknown },
        `${unknown.length} people are not known to the recogniser ${family}: enrol them again`,
      );
    }
  } catch (error) {
    if (signal.aborted) return;
    log.warn({ reason: messageOf(error) }, 'the gallery is not brought over yet');
  }
}
