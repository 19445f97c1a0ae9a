import { describe, expect, it } from 'vitest';
import { HealthPublisher } from '../../src/daemon/health-publisher.js';
import type { HealthReport } from '../../src/mqtt/payloads.js';

function publisher() {
  const state = { connected: true, problems: [] as string[] };
  const sent: string[][] = [];
  const one = new HealthPublisher({
    health: {
      problems: () => state.problems,
      report: () => ({ problems: state.problems }) as unknown as HealthReport,
    },
    mqtt: {
      get connected() {
        return state.connected;
      },
      retain: (_topic, payload) => sent.push(JSON.parse(payload).problems),
    },
    topic: 'faceeval/health',
  });
  return { state, sent, one };
}

describe('HealthPublisher', () => {
  it('says when a problem comes and when it goes, and nothing in between', () => {
    const { state, sent, one } = publisher();
    one.publish();
    one.publishNews();
    state.problems = ['camera door is reconnecting'];
    one.publishNews();
    one.publishNews();
    state.problems = [];
    one.publishNews();
    expect(sent).toEqual([[], ['camera door is reconnecting'], []]);
  });

  it('keeps nothing for a broker that is away, and says what holds once it is back', () => {
    const { state, sent, one } = publisher();
    one.publish();
    Object.assign(state, { connected: false, problems: ['MQTT: nothing listens there'] });
    one.publishNews();
    one.publish();
    Object.assign(state, { connected: true, problems: [] });
    one.publishAgain();
    one.publishNews();
    expect(sent).toEqual([[], []]);
  });

  it('waits for the first report: while models are loaded, a problem is none', () => {
    const { state, sent, one } = publisher();
    state.problems = ['the models are being loaded'];
    one.publishAgain();
    one.publishNews();
    expect(sent).toEqual([]);
  });
});
