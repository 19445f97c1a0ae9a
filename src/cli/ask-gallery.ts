import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { answerRequest } from '../control/answer.js';
import { ControlClient, isNoDaemon } from '../control/control-client.js';
import type { AskOf } from '../control/request-schemas.js';
import { dataOf } from '../control/response-data.js';
import { openDatabase } from '../daemon/database.js';
import {
  enrolFromEvidence,
  type GalleryAnswers,
  type GalleryCommand,
  galleryRequests,
} from '../daemon/gallery-requests.js';
import { storedThreshold } from '../daemon/stored-threshold.js';
import { messageOf } from '../domain/errors.js';
import { note } from './output.js';

/** What the commands about the gallery ask: also to be enrolled from a hit or a stranger. */
type Asked = GalleryCommand | 'enroll';
type AnswerOf<C extends Asked> = C extends GalleryCommand
  ? GalleryAnswers[C]
  : ReturnType<typeof enrolFromEvidence>;

/** An answer, and who gave it. */
export interface GalleryAnswer<C extends Asked> {
  readonly answer: AnswerOf<C>;
  /** A daemon runs and has taken over what changed. */
  readonly daemon: boolean;
}

/**
 * Has the running daemon do something about the gallery; without one, it is done here, by the same
 * code on the same database.
 *
 * @param configPath `--config` of the command line.
 * @throws FaceEvalError what is wrong with the request, STORE when the database cannot be used.
 */
export async function askGallery<C extends Asked>(
  configPath: string | undefined,
  command: C,
  fields: AskOf<C>,
): Promise<GalleryAnswer<C>> {
  const { config } = loadConfig({ path: configPath });
  try {
    const answer = await new ControlClient(config.stateDir).ask(command, fields);
    return { answer: answer as AnswerOf<C>, daemon: true };
  } catch (error) {
    if (!isNoDaemon(error)) throw error;
  }
  return { answer: (await askHere(config, command, fields)) as AnswerOf<C>, daemon: false };
}

async function askHere<C extends Asked>(
  config: Config,
  command: C,
  fields: AskOf<C>,
): Promise<unknown> {
  const { db, repair, converted } = await openDatabase(config.stateDir, config.encryption);
  for (const said of [repair, converted]) if (said !== undefined) note(said);
  try {
    const options = {
      db,
      config: () => config,
      threshold: () => storedThreshold(db, config),
      // Nobody else has the gallery in memory.
      galleryChanged: () => {},
    };
    const response = await answerRequest(
      {
        ...galleryRequests(options),
        enroll: async (request) => enrolFromEvidence(options, request),
      },
      command,
      fields,
      { commands: 'all', log: { info: () => {}, error: logUnexpected } },
    );
    return dataOf(response);
  } finally {
    db.close();
  }
}

function logUnexpected({ err }: { readonly err?: unknown }): void {
  note(err instanceof Error ? (err.stack ?? err.message) : messageOf(err));
}
