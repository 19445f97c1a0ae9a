import type { Landmarks, Quality } from '../domain/records.js';
import { type Mat, opencv } from '../imaging/opencv.js';

/** Eye distance from which more pixels no longer help a 112×112 recogniser. */
const FULL_INTEROCULAR_PX = 36;
/** Standard deviation of the Laplacian at which an aligned face counts as half sharp. */
const HALF_SHARPNESS = 12;

/**
 * Judges how far a face can be trusted to say who it is.
 *
 * @param aligned BGR CV_8UC3, the aligned face.
 */
export function judgeQuality(landmarks: Landmarks, score: number, aligned: Mat): Quality {
  const interocularPx = distance(landmarks, 0, 1);
  const { sharpness, luma } = measureLuma(aligned);
  const frontality = judgeFrontality(landmarks);
  const sizeShare = Math.min(1, interocularPx / FULL_INTEROCULAR_PX);
  const exposure = Math.min(1, luma / 40, (255 - luma) / 25);
  return {
    value: score * sizeShare * Math.sqrt(sharpness) * Math.sqrt(frontality) * Math.max(0, exposure),
    interocularPx,
    sharpness,
    frontality,
    luma,
  };
}

function distance(landmarks: Landmarks, i: 0 | 1 | 2, j: 0 | 1 | 2): number {
  return Math.hypot(landmarks[i].x - landmarks[j].x, landmarks[i].y - landmarks[j].y);
}

/**
 * How frontal the face is, from where the nose stands between the eyes (yaw) and between the line
 * of the eyes and that of the mouth (pitch), measured along the face's own axes.
 */
function judgeFrontality(landmarks: Landmarks): number {
  const [left, right, nose, mouthLeft, mouthRight] = landmarks;
  const eyes = { x: (left.x + right.x) / 2, y: (left.y + right.y) / 2 };
  const mouth = { x: (mouthLeft.x + mouthRight.x) / 2, y: (mouthLeft.y + mouthRight.y) / 2 };
  const acrossX = right.x - left.x;
  const acrossY = right.y - left.y;
  const eyesPx = Math.hypot(acrossX, acrossY);
  const downX = mouth.x - eyes.x;
  const downY = mouth.y - eyes.y;
  const facePx = Math.hypot(downX, downY);
  if (eyesPx === 0 || facePx === 0) return 0;
  const noseAcross = ((nose.x - eyes.x) * acrossX + (nose.y - eyes.y) * acrossY) / eyesPx ** 2;
  const noseDown = ((nose.x - eyes.x) * downX + (nose.y - eyes.y) * downY) / facePx ** 2;
  const yaw = Math.max(0, 1 - Math.abs(noseAcross) / 0.5);
  const pitch = Math.max(0, 1 - Math.abs(noseDown - 0.55) / 0.5);
  // A turned head brings the eyes together while the face keeps its height.
  const turn = Math.min(1, eyesPx / facePx / 0.75);
  return yaw * pitch * turn;
}

/** Laplacian spread as sharpness, mean as exposure; the border of black fill is left out. */
function measureLuma(aligned: Mat): { sharpness: number; luma: number } {
  const cv = opencv();
  const inset = Math.round(aligned.cols * 0.2);
  const side = aligned.cols - 2 * inset;
  const middle = aligned.getRegion(new cv.Rect(inset, inset, side, side));
  const grey = middle.cvtColor(cv.COLOR_BGR2GRAY);
  middle.release();
  const edges = grey.laplacian(cv.CV_16S);
  const spread = edges.meanStdDev().stddev.at(0, 0);
  const luma = grey.meanStdDev().mean.at(0, 0);
  edges.release();
  grey.release();
  return { sharpness: spread / (spread + HALF_SHARPNESS), luma };
}
