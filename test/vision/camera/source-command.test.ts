import { describe, expect, it } from 'vitest';
import { commandFor } from '../../../src/vision/camera/source-command.js';
import { camera } from './watch.js';

/** What an option is followed by. */
function following(args: readonly string[], option: string): string | undefined {
  return args[args.indexOf(option) + 1];
}

describe('the command of a camera', () => {
  const { args } = commandFor(camera('rtsp://127.0.0.1/cam'), false);

  it('switches options off by their name, as ffmpeg 7 takes a 0 behind them for a file', () => {
    expect(args).toContain('-noautoscale');
    expect(args).not.toContain('-autoscale');
    expect(following(args, '-noautoscale')).toBe('-an');
  });

  it.each([
    ['as it is', {}],
    ['scaled', { width: 640, height: 480 }],
  ])(
    'asks for the range of video also from JPEG, which ffmpeg 7.1 would keep: %s',
    (_how, size) => {
      const scaled = commandFor(camera('http://127.0.0.1/mjpeg', size), false).args;
      expect(following(scaled, '-vf')).toMatch(/scale=[^,]*:out_range=tv$/);
    },
  );
});
