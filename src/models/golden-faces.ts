/**
 * Pictures to compare builds with, on devices that have no photos: drawn aligned faces, the same
 * on every machine. They are no people; they only excite a recogniser much as faces do.
 *
 * @param count How many; each has other colours, light and proportions.
 * @param sidePx Side of a face in pixels.
 * @returns count × sidePx × sidePx × 3 bytes, BGR.
 */
export function goldenFaces(count: number, sidePx: number): Uint8Array {
  const bytes = new Uint8Array(count * sidePx * sidePx * 3);
  for (let index = 0; index < count; index++) {
    drawFace(bytes.subarray(index * sidePx * sidePx * 3), sidePx, new Random(index + 1));
  }
  return bytes;
}

/** Linear congruential generator: repeatable, and the same in every version of Node. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 2_654_435_761;
  }

  /** A number from `low` to `high`. */
  between(low: number, high: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return low + ((high - low) * this.#state) / 0xffff_ffff;
  }
}

/** A dark or light patch with soft edges, in units of the face's side. */
interface Patch {
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  /** Added to blue, green and red in the middle of the patch. */
  readonly bgr: readonly [number, number, number];
}

/** Where eyes, nose and mouth of the aligned face lie (src/faces/alignment.ts), as shares of 112. */
const EYES = [0.342, 0.657] as const;
const EYES_Y = 0.46;
const NOSE = { x: 0.5, y: 0.64 };
const MOUTH = { x: 0.5, y: 0.824 };

function drawFace(out: Uint8Array, sidePx: number, random: Random): void {
  const skin = random.between(70, 200);
  const warmth = random.between(10, 45);
  const background = random.between(20, 220);
  const light = random.between(-45, 45);
  const noise = random.between(2, 9);
  const halfWidth = random.between(0.4, 0.5);
  const patches = features(random);
  for (let row = 0; row < sidePx; row++) {
    for (let column = 0; column < sidePx; column++) {
      const x = (column + 0.5) / sidePx;
      const y = (row + 0.5) / sidePx;
      const edge = ((x - 0.5) / halfWidth) ** 2 + ((y - 0.55) / 0.62) ** 2;
      const inside = 1 / (1 + Math.exp((edge - 1) * 18));
      const shade = light * (x - 0.5) * 2 + random.between(-noise, noise);
      for (let channel = 0; channel < 3; channel++) {
        let value = background * (1 - inside) + (skin + warmth * (channel - 1)) * inside + shade;
        for (const patch of patches) value += strengthAt(patch, x, y) * (patch.bgr[channel] ?? 0);
        out[(row * sidePx + column) * 3 + channel] = Math.max(0, Math.min(255, Math.round(value)));
      }
    }
  }
}

function features(random: Random): readonly Patch[] {
  const dark = -random.between(60, 130);
  const brow = -random.between(20, 90);
  const lips = random.between(10, 60);
  const eyeWidth = random.between(0.06, 0.09);
  const patches: Patch[] = EYES.flatMap((x) => [
    { x, y: EYES_Y, radiusX: eyeWidth, radiusY: 0.035, bgr: [dark, dark, dark] as const },
    { x, y: EYES_Y - 0.12, radiusX: 0.11, radiusY: 0.025, bgr: [brow, brow, brow] as const },
  ]);
  const nostril = -random.between(15, 50);
  const mouthWidth = random.between(0.1, 0.17);
  const hair = -random.between(30, 120);
  const noseWidth = random.between(0.05, 0.09);
  return [
    ...patches,
    { ...NOSE, radiusX: noseWidth, radiusY: 0.04, bgr: [nostril, nostril, nostril] },
    { ...MOUTH, radiusX: mouthWidth, radiusY: 0.04, bgr: [-lips, -lips, lips / 3] },
    { x: 0.5, y: 0.02, radiusX: 0.5, radiusY: random.between(0.08, 0.2), bgr: [hair, hair, hair] },
  ];
}

function strengthAt(patch: Patch, x: number, y: number): number {
  const distance = ((x - patch.x) / patch.radiusX) ** 2 + ((y - patch.y) / patch.radiusY) ** 2;
  return Math.exp(-distance);
}
