import { describe, expect, it } from 'vitest';
import { failureReason } from '../../../src/vision/camera/failure-reason.js';

describe('failureReason', () => {
  it.each([
    [
      'http://h/snap.jpg?usr=admin&pwd=geheim: Server returned 400 Bad Request',
      /^Server returned 4/,
    ],
    ['rtsp://admin:geheim@h/1: Input/output error', /^Input\/output error$/],
    ['rtsp://admin:ge heim: geheim@h/1: Input/output error', /^Input\/output error$/],
    ['[in#0] Error opening http://h/?pwd=geheim', /^\[in#0\] Error opening$/],
    ['http://h/?pwd=geheim', /^the decoder ended \(code 1\)$/],
    ['method DESCRIBE failed: 454 Session Not Found', /^method DESCRIBE failed: 454/],
  ])('publishes no address: %s', (complaint, reason) => {
    expect(failureReason(`the first line\n${complaint}\n`, 1)).toMatch(reason);
  });
});
