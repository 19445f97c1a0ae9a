"""How far what two detectors or two recognisers say is the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Boxes that overlap so far mean the same face, to the pixel or two that alignment does not notice.
SAME_FACE_IOU = 0.9


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [N,4] and [M,4] (x1, y1, x2, y2): [N,M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None, :] - shared)


def best_overlaps(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """For each expected box the overlap of the found one that fits best; 0 where there is none."""
    if len(expected) == 0 or len(found) == 0:
        return np.zeros(len(expected))
    return overlap(expected, found).max(axis=1)


def box_agreement(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> dict[str, float]:
    """Compares the boxes of two detectors, picture by picture."""
    pairs = zip(expected, found, strict=True)
    ious = np.concatenate([best_overlaps(boxes, others) for boxes, others in pairs])
    return {
        "faces": len(ious),
        "sameShare": round(float((ious >= SAME_FACE_IOU).mean()), 4),
        "medianIou": round(float(np.median(ious)), 4),
    }


def centre_hits(boxes: Sequence[np.ndarray], side_px: int) -> dict[str, int]:
    """Pictures of one person in the middle: in how many they were found, and what else was."""
    middle = side_px / 2
    hit = [
        ((b[:, 0] < middle) & (b[:, 2] > middle) & (b[:, 1] < middle) & (b[:, 3] > middle)).any()
        for b in boxes
    ]
    faces = sum(len(b) for b in boxes)
    return {"images": len(boxes), "found": int(sum(hit)), "others": faces - int(sum(hit))}


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of each row of `a` with that row of `b`."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / lengths
