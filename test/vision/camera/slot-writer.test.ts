import { describe, expect, it } from 'vitest';
import {
  FrameSlots,
  type ReadOrder,
  type SharedSlots,
} from '../../../src/vision/camera/frame-slots.js';
import { SlotWriter } from '../../../src/vision/camera/slot-writer.js';

const LARGE = { width: 8, height: 6 };
const SMALL = { width: 4, height: 4 };
const bytesOf = ({ width, height }: typeof LARGE): number => (width * height * 3) / 2;

/** Both ends of the slots: what the capture worker writes and what the pipeline reads. */
function rig(order: ReadOrder) {
  const slots: FrameSlots[] = [];
  const memory = new Set<SharedArrayBuffer>();
  const writer = new SlotWriter(order, {
    slots: (shared: SharedSlots) => {
      slots.push(new FrameSlots(shared));
      for (const pixels of shared.pixels) memory.add(pixels);
    },
    frame: () => {},
    dropped: () => {},
  });
  const write = (value: number): void => {
    const target = writer.onFrameStart();
    if (target instanceof Uint8Array) target.fill(value);
    writer.onFrameEnd();
  };
  const latest = (): FrameSlots => slots.at(-1) as FrameSlots;
  return { slots, memory, writer, write, latest };
}

describe('SlotWriter', () => {
  it.each<ReadOrder>(['newest', 'oldest'])(
    'uses its memory again for changing sizes (%s)',
    (order) => {
      const { memory, writer, write, latest } = rig(order);
      for (let change = 0; change < 50; change++) {
        const size = change % 2 === 0 ? LARGE : SMALL;
        writer.onFormat(size, 10);
        write(change);
        const taken = latest().take();
        const pixels = latest().pixels(taken?.slot ?? -1);
        expect(pixels).toHaveLength(bytesOf(size));
        expect(pixels.every((value) => value === change)).toBe(true);
        latest().free(taken?.slot ?? -1);
        writer.abandon();
      }
      expect(memory.size).toBe(3);
    },
  );

  it('never writes over a frame that is still being looked at', () => {
    const { slots, writer, write } = rig('newest');
    writer.onFormat(LARGE, 10);
    write(1);
    const held = slots[0]?.take();
    const looked = slots[0]?.pixels(held?.slot ?? -1) as Uint8Array;
    for (let change = 1; change < 12; change++) {
      writer.onFormat(change % 2 === 0 ? LARGE : SMALL, 10);
      write(100 + change);
      const taken = slots.at(-1)?.take();
      slots.at(-1)?.free(taken?.slot ?? -1);
    }
    expect(looked.every((value) => value === 1)).toBe(true);
    slots[0]?.free(held?.slot ?? -1);
  });

  it('keeps frames of an earlier size that were not read, and counts them', () => {
    const { slots, writer, write } = rig('oldest');
    writer.onFormat(LARGE, 10);
    write(1);
    writer.onFormat(SMALL, 10);
    write(2);
    expect(writer.unreleased).toBe(2);
    const first = slots[0]?.take();
    expect(slots[0]?.pixels(first?.slot ?? -1)[0]).toBe(1);
    slots[0]?.free(first?.slot ?? -1);
    expect(writer.unreleased).toBe(1);
  });
});
