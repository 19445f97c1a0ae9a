import type { Identity } from '../domain/records.js';
import type { Topics } from './topics.js';

/** One entity of Home Assistant, as its MQTT device discovery takes it. */
export interface Component {
  /** Platform: sensor, binary_sensor, event, image. */
  readonly p: string;
  readonly unique_id: string;
  readonly name: string;
  readonly state_topic?: string;
  readonly image_topic?: string;
  readonly [option: string]: unknown;
}

/** Payload of `<prefix>/device/<node>/config`: the whole device in one retained message. */
export interface DiscoveryMessage {
  readonly dev: Readonly<Record<string, unknown>>;
  readonly o: { readonly name: string; readonly sw: string };
  readonly availability: readonly Readonly<Record<string, string>>[];
  readonly qos: 1;
  /** By component id; `{p}` alone removes the component. */
  readonly cmps: Readonly<Record<string, Component | { readonly p: string }>>;
}

/** A camera as Home Assistant shows it. */
export interface AnnouncedCamera {
  readonly id: string;
  /** For people; the id when absent. */
  readonly name?: string | undefined;
}

/** Somebody of the gallery, with the slug of the presence topic. */
export interface AnnouncedPerson extends Identity {
  readonly slug: string;
}

/** What there is to announce. */
export interface Announcement {
  readonly node: string;
  readonly version: string;
  /** Board, as it names itself. */
  readonly device: string;
  readonly cameras: readonly AnnouncedCamera[];
  readonly people: readonly AnnouncedPerson[];
  /** Whether pictures are published. */
  readonly snapshots: boolean;
}

const JSON_VALUE = (path: string): string => `{{ value_json.${path} }}`;

/** Builds the discovery message; equal announcements give equal messages. */
export function discoveryMessage(announcement: Announcement, topics: Topics): DiscoveryMessage {
  const { node, version, device, cameras, people, snapshots } = announcement;
  const components: Record<string, Component> = {};
  const add = (id: string, component: Omit<Component, 'unique_id'>): void => {
    components[id] = { ...component, unique_id: `faceeval_${node}_${id}` } as Component;
  };
  for (const camera of cameras) addCamera(add, camera, topics, snapshots);
  for (const person of people) addPerson(add, person, topics);
  addDiagnostics(add, topics);
  return {
    dev: {
      ids: [`faceeval_${node}`],
      name: node === 'faceeval' ? 'faceeval' : `faceeval ${node}`,
      mf: 'faceeval',
      mdl: device,
      sw: version,
    },
    o: { name: 'faceeval', sw: version },
    availability: [{ topic: topics.state, value_template: JSON_VALUE('state') }],
    qos: 1,
    cmps: components,
  };
}

type Add = (id: string, component: Omit<Component, 'unique_id'>) => void;

function addCamera(
  add: Add,
  { id, name = id }: AnnouncedCamera,
  topics: Topics,
  snapshots: boolean,
): void {
  const presence = topics.cameraPresence(id);
  add(`${id}_recognised`, {
    p: 'event',
    name: `${name} recognised`,
    icon: 'mdi:face-recognition',
    state_topic: topics.hits,
    event_types: ['recognised'],
    value_template: eventTemplate(id, ', person=value_json.identity.name'),
  });
  add(`${id}_unknown`, {
    p: 'event',
    name: `${name} unknown face`,
    icon: 'mdi:account-question',
    state_topic: topics.unknowns,
    event_types: ['unknown'],
    value_template: eventTemplate(id, ''),
  });
  add(`${id}_presence`, {
    p: 'sensor',
    name: `${name} presence`,
    icon: 'mdi:account-eye',
    state_topic: presence,
    // Home Assistant takes 255 characters of a state; the attributes have all names.
    value_template: '{{ value_json.state[:255] }}',
    json_attributes_topic: presence,
  });
  add(`${id}_occupancy`, {
    p: 'binary_sensor',
    name: `${name} occupancy`,
    device_class: 'occupancy',
    state_topic: presence,
    value_template: "{{ 'ON' if value_json.names or value_json.unknown > 0 else 'OFF' }}",
  });
  add(`${id}_connectivity`, {
    p: 'binary_sensor',
    name: `${name} camera`,
    device_class: 'connectivity',
    entity_category: 'diagnostic',
    state_topic: topics.cameraState(id),
    value_template: "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
    json_attributes_topic: topics.cameraState(id),
  });
  add(`${id}_fps`, {
    p: 'sensor',
    name: `${name} frame rate`,
    entity_category: 'diagnostic',
    state_class: 'measurement',
    unit_of_measurement: 'fps',
    state_topic: topics.health,
    value_template:
      `{{ value_json.cameras | selectattr('camera', 'eq', '${id}') | map(attribute='fps') ` +
      '| first | default(0) }}',
  });
  if (!snapshots) return;
  add(`${id}_image`, {
    p: 'image',
    name: `${name} last face`,
    image_topic: topics.cameraSnapshot(id),
    content_type: 'image/jpeg',
  });
}

/** Events of one camera. A hit that waited for the broker is history: it must not open a door. */
function eventTemplate(cameraId: string, more: string): string {
  return (
    `{% if value_json.camera == '${cameraId}' and not value_json.get('delayed') %}` +
    `{{ dict(value_json, event_type=value_json.type${more}) | to_json }}{% endif %}`
  );
}

function addPerson(add: Add, { id, name, slug }: AnnouncedPerson, topics: Topics): void {
  const topic = topics.personPresence(slug);
  add(`person_${id.toLowerCase()}`, {
    p: 'binary_sensor',
    name,
    icon: 'mdi:account',
    device_class: 'presence',
    state_topic: topic,
    value_template: "{{ 'ON' if value_json.state == 'present' else 'OFF' }}",
    json_attributes_topic: topic,
  });
}

function addDiagnostics(add: Add, { health }: Topics): void {
  const diagnostic = { entity_category: 'diagnostic', state_topic: health } as const;
  const measured = { p: 'sensor', state_class: 'measurement', ...diagnostic } as const;
  add('problem', {
    ...diagnostic,
    p: 'binary_sensor',
    name: 'Problem',
    device_class: 'problem',
    value_template: "{{ 'OFF' if value_json.status == 'ok' else 'ON' }}",
    json_attributes_topic: health,
    json_attributes_template: "{{ {'problems': value_json.problems} | to_json }}",
  });
  add('temperature', {
    ...measured,
    name: 'Temperature',
    device_class: 'temperature',
    unit_of_measurement: '°C',
    value_template: JSON_VALUE('temperatureC'),
  });
  add('latency', {
    ...measured,
    name: 'Latency',
    icon: 'mdi:timer-outline',
    unit_of_measurement: 'ms',
    value_template: '{{ value_json.latencyMs.hit.p95 if value_json.latencyMs.hit else None }}',
  });
  add('outbox', {
    ...measured,
    name: 'Unsent hits',
    icon: 'mdi:tray-full',
    value_template: JSON_VALUE('outbox'),
  });
  add('memory', {
    ...measured,
    name: 'Memory',
    device_class: 'data_size',
    unit_of_measurement: 'MiB',
    value_template:
      '{{ ((value_json.memory.daemonRssBytes + value_json.memory.visionRssBytes) / 1048576) ' +
      '| round }}',
  });
}
