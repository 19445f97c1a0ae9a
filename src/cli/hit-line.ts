import type { Hit, Identity } from '../domain/records.js';
import { localTime } from './time-words.js';

/** The person, or the stranger's label. */
export function whoOf({ identity, stranger }: Pick<Hit, 'identity' | 'stranger'>): string {
  return identity?.name ?? stranger?.label ?? 'unknown';
}

/**
 * One line about a hit: time, camera, who, how alike.
 *
 * @param now Whom it is about as far as is known now, when that may differ from what was decided.
 */
export function hitLine(hit: Hit, now?: Identity | null): string {
  const { time, camera, similarity, threshold, type } = hit;
  const decided = whoOf(hit);
  const who =
    now === undefined || now?.id === hit.identity?.id ? decided : (now?.name ?? 'unknown');
  const corrected = who === decided ? '' : ` (was said to be ${decided})`;
  const needed =
    type === 'unknown'
      ? `nearest, needed ${threshold.toFixed(2)}`
      : `needed ${threshold.toFixed(2)}`;
  return (
    `${localTime(Date.parse(time))}  ${camera.padEnd(12)}  ${who.padEnd(20)}  ` +
    `${similarity.toFixed(2)} (${needed})${corrected}`
  );
}
