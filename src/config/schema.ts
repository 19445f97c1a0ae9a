import { z } from 'zod';

/**
 * The whole configuration, declared once: type, bounds, default and description.
 * The YAML loader, the environment overrides, the JSON Schema and `docs/config.md` derive from it.
 */

const durationMs = (fallback: number, min: number, max: number) =>
  z.number().int().min(min).max(max).default(fallback);
const share = z.number().min(0).max(1);
const fraction = (fallback: number) => share.default(fallback);

const area = z.strictObject({
  x: share.describe('Left edge, as a share of the width: 0 to 1.'),
  y: share.describe('Upper edge, as a share of the height.'),
  width: share.describe('Share of the width.'),
  height: share.describe('Share of the height.'),
});

const camera = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, 'lower-case letters, digits, - and _, at most 32')
    .describe('Name of the camera in topics and entities.'),
  name: z.string().max(64).optional().describe('Name for people; the id when absent.'),
  source: z
    .string()
    .min(1)
    .describe(
      'rtsp://… or rtsps://…, http(s)://… (MJPEG), /dev/video0 or v4l2:/dev/video0, csi or csi:0 ' +
        '(libcamera on a Pi, nvarguscamerasrc on a Jetson), a video file, or a folder of images.',
    ),
  width: z.number().int().min(64).max(4096).optional().describe('Asked frame width in pixels.'),
  height: z.number().int().min(64).max(4096).optional().describe('Asked frame height in pixels.'),
  fps: z.number().min(0.1).max(120).optional().describe('Asked frame rate.'),
  loop: z.boolean().default(false).describe('Play a video file or a folder again at its end.'),
  stallMs: durationMs(10_000, 1_000, 120_000).describe(
    'A source that is open but sends no frame for so long is restarted.',
  ),
  rtspTransport: z.enum(['tcp', 'udp']).default('tcp').describe('How RTSP media travels.'),
  ignore: z
    .array(area)
    .max(16)
    .default([])
    .describe(
      'Parts of the picture whose faces and motion do not count (a television, a poster): ' +
        'x, y, width and height of each, as shares of the picture from 0 to 1.',
    ),
});

const detector = z.strictObject({
  build: z.string().default('auto').describe('Build id from models/manifest.json, or auto.'),
  minFacePx: z
    .number()
    .min(12)
    .max(1000)
    .default(40)
    .describe('Smallest face, pixels of the frame.'),
  pyramidFactor: z.number().min(0.5).max(0.95).default(0.709).describe('Scale between levels.'),
  thresholds: z
    .tuple([z.number(), z.number(), z.number()])
    .default([0.6, 0.7, 0.8])
    .describe('Least score after P-, R- and O-Net.'),
  maxFaces: z.number().int().min(1).max(256).default(32).describe('Most faces kept in a frame.'),
  intervalMs: durationMs(100, 0, 5_000).describe(
    'Least time between two detections of a moving scene; tracks are predicted in between.',
  ),
});

const recogniser = z.strictObject({
  build: z.string().default('auto').describe('Build id from models/manifest.json, or auto.'),
  targetFar: z
    .union([z.literal(0.01), z.literal(0.001), z.literal(0.0001)])
    .default(0.0001)
    .describe('False-accept rate of one comparison whose measured threshold is used.'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .default(null)
    .describe('Cosine similarity that overrides the calibrated threshold.'),
  maxBatch: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('Most faces in one run. On a CPU more cost more a face: they do not fit its cache.'),
});

const liveness = z.strictObject({
  enabled: z.boolean().default(false).describe('Judge whether a face is live (docs/liveness.md).'),
  build: z.string().default('auto').describe('Build id from models/manifest.json, or auto.'),
  threshold: fraction(0).describe('Faces below this are not recognised; 0 only reports the score.'),
});

const quality = z.strictObject({
  minInterocularPx: z.number().min(4).max(500).default(14).describe('Least distance of the eyes.'),
  minSharpness: fraction(0.15).describe('Least sharpness, 0..1.'),
  minFrontality: fraction(0.25).describe('Least frontality, 0 (profile) to 1.'),
  minValue: fraction(0.2).describe('Least overall quality of a face that may be named.'),
});

const motion = z.strictObject({
  enabled: z.boolean().default(true).describe('Skip detection while nothing moves.'),
  threshold: fraction(0.004).describe('Share of the picture that has to change.'),
  idleDetectMs: durationMs(5_000, 200, 600_000).describe(
    'Detect at least so often in a still scene.',
  ),
});

const tracking = z.strictObject({
  confirmHits: z.number().int().min(1).max(10).default(2).describe('Detections until confirmed.'),
  lostAfterMs: durationMs(1_500, 100, 30_000).describe('A track not seen for so long ends.'),
  maxTracks: z.number().int().min(1).max(256).default(32).describe('Most tracks of one camera.'),
  maxShots: z.number().int().min(1).max(32).default(8).describe('Most shots embedded until named.'),
  refreshMs: durationMs(3_000, 500, 600_000).describe('Time between shots of a named track.'),
  minShotGapMs: durationMs(120, 0, 10_000).describe('Least time between two shots of a track.'),
});

const hits = z.strictObject({
  shots: z.number().int().min(1).max(10).default(2).describe('Agreeing shots needed for a name.'),
  margin: fraction(0.05).describe('Lead over the second identity that a name needs.'),
  sureMargin: fraction(0.15).describe('One shot this far above the threshold is enough.'),
  hysteresis: fraction(0.05).describe('A named track keeps its name down to threshold minus this.'),
  cooldownMs: durationMs(60_000, 0, 86_400_000).describe(
    'One hit for a camera and identity in this time.',
  ),
  unknowns: z.boolean().default(true).describe('Report tracks that match nobody.'),
  unknownShots: z.number().int().min(1).max(10).default(3).describe('Shots until unknown is said.'),
  unknownCooldownMs: durationMs(60_000, 0, 86_400_000).describe(
    'One unknown message for a camera and stranger in this time.',
  ),
  presenceWindowMs: durationMs(30_000, 1_000, 3_600_000).describe(
    'Somebody not seen for so long is no longer present.',
  ),
});

const mqtt = z.strictObject({
  url: z
    .string()
    .default('embedded')
    .describe('mqtt://host:1883, mqtts://host:8883, or embedded for the built-in broker.'),
  embedded: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address that the built-in broker binds.'),
      port: z.number().int().min(0).max(65_535).default(1883).describe('Its port; 0 for any.'),
    })
    .prefault({}),
  baseTopic: z
    .string()
    .regex(/^[^+#\s]+$/, 'no +, # or blanks')
    .default('faceeval')
    .describe('First part of every topic.'),
  clientId: z.string().max(64).optional().describe('MQTT client id; faceeval-<node> when absent.'),
  protocol: z
    .union([z.literal(4), z.literal(5)])
    .default(5)
    .describe('4 is MQTT 3.1.1, 5 is MQTT 5; the built-in broker speaks 3.1.1 only.'),
  username: z.string().optional().describe('User of the broker.'),
  usernameFile: z.string().optional().describe('File that holds the user instead.'),
  password: z.string().optional().describe('Password; better in passwordFile.'),
  passwordFile: z.string().optional().describe('File that holds the password.'),
  caFile: z.string().optional().describe('PEM of the authority that signed the broker.'),
  certFile: z.string().optional().describe('PEM of the client certificate.'),
  keyFile: z.string().optional().describe('PEM of the client key.'),
  keepaliveS: z.number().int().min(5).max(3_600).default(30).describe('Seconds between pings.'),
  snapshots: z
    .enum(['off', 'face', 'frame'])
    .default('off')
    .describe('Publish a JPEG with each hit: nothing, the face, or the whole frame.'),
  maxHitAgeMs: durationMs(0, 0, 604_800_000).describe(
    'A hit that waited longer is not sent any more; 0 sends all, marked delayed.',
  ),
  requests: z.boolean().default(true).describe('Answer <base>/request/… .'),
});

const homeAssistant = z.strictObject({
  discovery: z.boolean().default(true).describe('Announce device and entities.'),
  prefix: z
    .string()
    .regex(/^[^+#\s]+$/)
    .default('homeassistant')
    .describe('Discovery prefix.'),
});

const http = z.strictObject({
  enabled: z.boolean().default(true).describe('Serve /healthz and /metrics.'),
  host: z.string().default('127.0.0.1').describe('Address to bind.'),
  port: z.number().int().min(0).max(65_535).default(8099).describe('Port; 0 for any.'),
});

const gallery = z.strictObject({
  maxTemplates: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(12)
    .describe('Most templates of one identity.'),
  duplicateSimilarity: fraction(0.97).describe('A template this near to another adds nothing.'),
  outlierSimilarity: fraction(0.2).describe('A photo less alike than this to the rest is refused.'),
  riskSimilarity: fraction(0.35).describe(
    'Two identities this near are reported and told apart harder.',
  ),
  keepCrops: z
    .boolean()
    .default(true)
    .describe('Keep aligned crops, so that a new model needs no new photos.'),
});

const retention = z.strictObject({
  hitsDays: z.number().min(0).max(3_650).default(30).describe('Days that hits are kept.'),
  maxHits: z.number().int().min(0).default(100_000).describe('Most hits kept.'),
  evidenceDays: z
    .number()
    .min(0)
    .max(3_650)
    .default(30)
    .describe('Days that the template of a hit is kept, which a correction learns from.'),
  maxDatabaseMiB: z
    .number()
    .min(16)
    .max(1_048_576)
    .default(1_024)
    .describe('Beyond this, the oldest hits go, then the strangers seen longest ago.'),
  unknownsHours: z
    .number()
    .min(0)
    .max(87_600)
    .default(8)
    .describe('Hours that strangers are kept.'),
  maxUnknowns: z.number().int().min(0).max(100_000).default(200).describe('Most strangers kept.'),
  outboxDays: z.number().min(0.01).max(365).default(7).describe('Days that unsent hits wait.'),
  maxOutbox: z
    .number()
    .int()
    .min(100)
    .max(1_000_000)
    .default(100_000)
    .describe('Most unsent hits.'),
  backups: z.number().int().min(0).max(30).default(3).describe('Database backups kept.'),
});

const encryption = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe('Encrypt templates, crops and evidence; what is there is converted at the start.'),
  keyFile: z
    .string()
    .optional()
    .describe('File of mode 0600 with 32 random bytes, also in base64 or hexadecimal.'),
});

const models = z.strictObject({
  dir: z.string().optional().describe('Folder of manifest.json; the one shipped when absent.'),
  providers: z
    .array(z.enum(['tensorrt', 'cuda', 'cpu']))
    .optional()
    .describe('Order of execution providers; from the device when absent.'),
  threads: z
    .number()
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe('Threads of a run; 0 from the device.'),
  spinning: z
    .enum(['never', 'run', 'always'])
    .default('run')
    .describe(
      'When waiting threads spin: `run` is faster at no cost between runs; `always` costs a core.',
    ),
});

const log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  pretty: z.boolean().optional().describe('Lines for people; when absent, on a terminal only.'),
});

export const configSchema = z.strictObject({
  node: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}$/, 'letters, digits, - and _, at most 32')
    .default('faceeval')
    .describe('Id of this device in Home Assistant and MQTT client ids.'),
  stateDir: z
    .string()
    .default('~/.local/state/faceeval')
    .describe(
      'Database, backups and engine caches; /var/lib/faceeval with /etc/faceeval/faceeval.yaml.',
    ),
  cameras: z.array(camera).max(16).default([]).describe('Cameras to watch.'),
  detector: detector.prefault({}),
  recogniser: recogniser.prefault({}),
  liveness: liveness.prefault({}),
  quality: quality.prefault({}),
  motion: motion.prefault({}),
  tracking: tracking.prefault({}),
  hits: hits.prefault({}),
  mqtt: mqtt.prefault({}),
  homeAssistant: homeAssistant.prefault({}),
  http: http.prefault({}),
  gallery: gallery.prefault({}),
  retention: retention.prefault({}),
  encryption: encryption.prefault({}),
  models: models.prefault({}),
  log: log.prefault({}),
});

/** The configuration as the program uses it: every default filled in. */
export type Config = z.output<typeof configSchema>;
/** The configuration as a user may write it. */
export type ConfigInput = z.input<typeof configSchema>;
export type CameraConfig = Config['cameras'][number];
