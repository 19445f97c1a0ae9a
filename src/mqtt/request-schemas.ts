import { z } from 'zod';

/** Comes back with the answer, so that the asker knows which request it answers. */
const transaction = z.union([z.string().max(256), z.number()]).optional();
const person = z.string().min(1).max(100).describe('name or id');
const image = z.base64().min(4).describe('a JPEG, PNG or WebP file in base64');
const camera = z.string().min(1).max(32).optional().describe('id of a camera; all when absent');

/** What each `<base>/request/<command>` takes. Unknown fields are refused. */
export const requestSchemas = {
  enroll: z.strictObject({ name: z.string().min(1).max(100), image, transaction }),
  forget: z.strictObject({ person, transaction }),
  identify: z.strictObject({ image, transaction }),
  pause: z.strictObject({ camera, transaction }),
  resume: z.strictObject({ camera, transaction }),
  reload: z.strictObject({ transaction }),
  status: z.strictObject({ transaction }),
} as const;

export type Command = keyof typeof requestSchemas;
export type RequestOf<C extends Command> = Omit<
  z.output<(typeof requestSchemas)[C]>,
  'transaction'
>;
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
