import type { ConfigChanges } from '../config/changes.js';
import type { RequestHandlers } from '../control/answer.js';
import type { Identity } from '../domain/records.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { listHits } from '../hits/hit-list.js';
import type { OutboxPump } from '../hits/outbox-pump.js';
import type { MqttConnection } from '../mqtt/client.js';
import { discoveryTopic } from '../mqtt/home-assistant.js';
import { remainsOnBroker } from '../mqtt/remains.js';
import { topicsUnder } from '../mqtt/topics.js';
import type { VisionSupervisor } from '../vision/supervisor.js';
import type { CameraBoard } from './camera-board.js';
import type { Configuration } from './configuration.js';
import type { Database } from './database.js';
import type { ForgetReport } from './forget.js';
import type { Health } from './health.js';
import type { RecognitionHost } from './recognition-host.js';
import { requestHandlers } from './request-handlers.js';
import { type StatusReport, statusReport } from './status-report.js';

/** The parts of the daemon that requests are about. */
export interface RequestedParts {
  readonly db: Database;
  readonly configuration: Configuration;
  readonly health: Health;
  readonly cameras: CameraBoard;
  readonly mqtt: MqttConnection;
  readonly brokerUrl: string;
  readonly vision: VisionSupervisor;
  readonly recognition: RecognitionHost;
  readonly pump: Pick<OutboxPump, 'flush'>;
  readonly reload: () => Promise<ConfigChanges>;
  readonly galleryChanged: () => void;
}

/** Topics of people are cleared some seconds after they are gone. */
const BROKER_FORGETS_MS = 10_000;

/** Handlers of all requests to the running daemon. */
export function daemonRequests(parts: RequestedParts): RequestHandlers {
  const { db, configuration, health, recognition, vision, pump, reload, galleryChanged } = parts;
  const handlers = requestHandlers({
    ...{ db, reload, galleryChanged },
    config: () => configuration.current,
    recogniser: () => health.recogniser,
    gallery: () => recognition.current?.gallery,
    threshold: () => recognition.threshold,
    analyse: (image) => vision.analyse(image),
    look: (cameraId) => vision.look(cameraId),
    pause: (cameraId, on) => vision.pause(cameraId, on),
    status: () => statusOf(parts),
  });
  // What the broker has leaves the outbox late: without a flush it would count as not sent yet.
  return {
    ...handlers,
    hits: (...request) => {
      pump.flush();
      return handlers.hits(...request);
    },
    purge: (...request) => {
      pump.flush();
      return handlers.purge(...request);
    },
    forget: async (...request) => {
      pump.flush();
      const report = (await handlers.forget(...request)) as ForgetReport;
      return { ...report, broker: await askBroker(parts, report.identity) };
    },
  };
}

/** Proves that the broker has nothing of somebody any more: retained presence, entities. */
function askBroker({ configuration, mqtt }: RequestedParts, identity: Identity) {
  const { node, homeAssistant, mqtt: settings } = configuration.current;
  return remainsOnBroker(identity, {
    connection: mqtt,
    topics: topicsUnder(settings.baseTopic),
    discovery: discoveryTopic(homeAssistant.prefix, node),
    timeoutMs: BROKER_FORGETS_MS,
  });
}

function statusOf(parts: RequestedParts): StatusReport {
  const { db, configuration, health, cameras, recognition, brokerUrl } = parts;
  const { connected, problem } = parts.mqtt;
  return statusReport({
    config: configuration.current,
    health: health.report(),
    broker: { url: brokerUrl, connected, problem },
    gallery: {
      people: new IdentityStore(db).list().length,
      templates: recognition.gallerySize,
      threshold: recognition.current?.gallery.thresholdOf(null) ?? null,
    },
    cameras: cameras.all,
    lastHit: listHits(db, { limit: 1 })[0]?.hit,
  });
}
