import { z } from 'zod';

/** Comes back with the answer, so that the asker knows which request it answers. */
const transaction = z.union([z.string().max(256), z.number()]).optional();
const person = z.string().min(1).max(100).describe('name or id');
const name = z.string().min(1).max(100);
const image = z.base64().min(4).describe('a JPEG, PNG or WebP file in base64');
const camera = z.string().min(1).max(32).optional().describe('id of a camera; all when absent');
const stranger = z
  .union([z.string().min(1).max(64), z.int().positive()])
  .transform(String)
  .describe('number, label or id');
/** Home Assistant's `now().isoformat()` has an offset. */
const time = z.iso.datetime({ offset: true });
const hit = z.ulid('no id of a hit, which has 26 letters and digits');
const note = z.string().max(500).optional().describe('what the person agreed to');
const expiresAt = time
  .nullable()
  .optional()
  .describe('when the person is forgotten; null for never');

const ENROLMENT_SOURCES = ['image', 'camera', 'hit', 'stranger'] as const;

/** What everybody may ask who may write to `<base>/request/…`. Unknown fields are refused. */
export const publicSchemas = {
  enroll: z
    .strictObject({
      name,
      image: image.optional(),
      camera: z.string().min(1).max(32).optional().describe('enrol who looks into this camera'),
      hit: hit.optional().describe('enrol the face of this hit'),
      stranger: stranger.optional(),
      note,
      expiresAt,
      transaction,
    })
    .refine((given) => ENROLMENT_SOURCES.filter((key) => given[key] !== undefined).length === 1, {
      error: `give one of ${ENROLMENT_SOURCES.join(', ')}`,
    }),
  forget: z.strictObject({ person, transaction }),
  identify: z.strictObject({ image, transaction }),
  pause: z.strictObject({ camera, transaction }),
  resume: z.strictObject({ camera, transaction }),
  reload: z.strictObject({ transaction }),
  status: z.strictObject({ transaction }),
  people: z.strictObject({ transaction }),
  rename: z.strictObject({ person, name, transaction }),
  strangers: z.strictObject({ transaction }),
  'name-stranger': z.strictObject({ stranger, name, transaction }),
  'merge-strangers': z.strictObject({ stranger, into: stranger, transaction }),
  'ignore-stranger': z.strictObject({ stranger, on: z.boolean().default(true), transaction }),
  hits: z.strictObject({
    limit: z.number().int().min(1).max(1_000).default(20),
    camera,
    person: person.optional(),
    since: time.optional(),
    transaction,
  }),
  'correct-hit': z.strictObject({
    hit,
    is: name.optional().describe('who it was; nobody known when absent'),
    transaction,
  }),
} as const;

/** What only those may ask who may open the daemon's socket. */
export const localSchemas = {
  person: z.strictObject({ person, transaction }),
  'remove-person': z.strictObject({ person, transaction }),
  'remove-template': z.strictObject({ person, template: z.ulid(), transaction }),
  consent: z.strictObject({ person, note, expiresAt, transaction }),
  hit: z.strictObject({ hit, transaction }),
  stranger: z.strictObject({ stranger, transaction }),
  'remove-stranger': z.strictObject({ stranger, transaction }),
  purge: z.strictObject({ before: z.iso.datetime(), transaction }),
  backups: z.strictObject({ transaction }),
  'back-up': z.strictObject({ transaction }),
  restore: z.strictObject({ backup: z.string().min(1).max(255), transaction }),
} as const;

export const requestSchemas = { ...publicSchemas, ...localSchemas } as const;

export type PublicCommand = keyof typeof publicSchemas;
export type Command = keyof typeof requestSchemas;
/** A request as its handler gets it. */
export type RequestOf<C extends Command> = Omit<
  z.output<(typeof requestSchemas)[C]>,
  'transaction'
>;
/** A request as it may be asked: what has a default may be left out. */
export type AskOf<C extends Command> = Omit<z.input<(typeof requestSchemas)[C]>, 'transaction'>;
export type Transaction = z.output<typeof transaction>;

/** What `<base>/response/<command>` carries. */
export const responseSchema = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('ok'),
    data: z.unknown(),
    transaction,
  }),
  z.strictObject({
    status: z.literal('error'),
    /** What is wrong, in words. */
    error: z.string(),
    /** What to do about it. */
    hint: z.string().optional(),
    code: z.string(),
    transaction,
  }),
]);
export type Response = z.output<typeof responseSchema>;
