import { z } from 'zod';

/**
 * What Home Assistant's documentation and schemas ask of a device discovery message, written anew
 * as a check (MQTT integration: device discovery, event, sensor, binary_sensor, image).
 */
const id = z.string().regex(/^[a-zA-Z0-9_-]+$/);
const topic = z.string().regex(/^[^+#\0]+$/);
const common = {
  unique_id: id,
  name: z.string().min(1),
  icon: z
    .string()
    .regex(/^mdi:[a-z-]+$/)
    .optional(),
  entity_category: z.enum(['diagnostic']).optional(),
  json_attributes_topic: topic.optional(),
  json_attributes_template: z.string().optional(),
};

const event = z.strictObject({
  ...common,
  p: z.literal('event'),
  state_topic: topic,
  event_types: z.array(z.string()).min(1),
  value_template: z.string(),
});
const sensor = z.strictObject({
  ...common,
  p: z.literal('sensor'),
  state_topic: topic,
  value_template: z.string(),
  device_class: z.enum(['temperature', 'data_size']).optional(),
  state_class: z.enum(['measurement']).optional(),
  unit_of_measurement: z.string().optional(),
});
const binarySensor = z.strictObject({
  ...common,
  p: z.literal('binary_sensor'),
  state_topic: topic,
  value_template: z.string(),
  device_class: z.enum(['occupancy', 'connectivity', 'presence', 'problem']),
});
const image = z.strictObject({
  ...common,
  p: z.literal('image'),
  image_topic: topic,
  content_type: z.literal('image/jpeg'),
});
const removal = z.strictObject({ p: z.enum(['event', 'sensor', 'binary_sensor', 'image']) });

export const deviceDiscoverySchema = z.strictObject({
  dev: z.strictObject({
    ids: z.array(id).min(1),
    name: z.string().min(1),
    mf: z.string(),
    mdl: z.string(),
    sw: z.string(),
  }),
  o: z.strictObject({ name: z.string().min(1), sw: z.string() }),
  availability: z.array(z.strictObject({ topic, value_template: z.string() })).min(1),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  cmps: z.record(id, z.union([event, sensor, binarySensor, image, removal])),
});
