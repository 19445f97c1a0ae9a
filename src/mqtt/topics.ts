/** Every topic of the contract, made from the base topic (docs/mqtt.md). */
export interface Topics {
  readonly base: string;
  readonly hits: string;
  readonly unknowns: string;
  readonly state: string;
  readonly health: string;
  readonly cameraState: (camera: string) => string;
  readonly cameraPresence: (camera: string) => string;
  /** @param slug Of the person, from {@link personSlugs}. */
  readonly personPresence: (slug: string) => string;
  readonly snapshot: (hitId: string) => string;
  /** Newest picture of a camera's hits, for Home Assistant's image entity. */
  readonly cameraSnapshot: (camera: string) => string;
  readonly request: (command: string) => string;
  readonly response: (command: string) => string;
}

/** @param base Configured base topic, without a slash at its end. */
export function topicsUnder(base: string): Topics {
  return {
    base,
    hits: `${base}/hits`,
    unknowns: `${base}/unknowns`,
    state: `${base}/state`,
    health: `${base}/health`,
    cameraState: (camera) => `${base}/cameras/${camera}/state`,
    cameraPresence: (camera) => `${base}/cameras/${camera}/presence`,
    personPresence: (slug) => `${base}/people/${slug}/presence`,
    snapshot: (hitId) => `${base}/snapshots/${hitId}`,
    cameraSnapshot: (camera) => `${base}/cameras/${camera}/snapshot`,
    request: (command) => `${base}/request/${command}`,
    response: (command) => `${base}/response/${command}`,
  };
}

/** Whether a topic is one that a filter with `+` and a final `#` takes. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (wanted.at(-1) === '#') {
    wanted.pop();
    if (levels.length < wanted.length) return false;
    levels.length = wanted.length;
  }
  return (
    wanted.length === levels.length &&
    wanted.every((level, index) => level === '+' || level === levels[index])
  );
}
