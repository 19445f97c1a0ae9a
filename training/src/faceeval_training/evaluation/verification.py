"""Accuracy over pairs, in the seed's terms and as cosine.

The squared distance of unit vectors is d = 2 - 2 cos: both orders are the same one, but the seed's
protocol looks at thresholds in steps of 0.01 and calls a pair one person when d < t.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FAR_TARGETS = (1e-2, 1e-3, 1e-4)
SEED_GRID = np.arange(0, 4, 0.01)


@dataclass(frozen=True)
class TarPoint:
    """Highest true-accept rate whose false-accept rate is at most the target."""

    far: float
    tar: float
    threshold_cosine: float


@dataclass(frozen=True)
class Verification:
    """Shares in 0..1; thresholds are means over the folds."""

    pairs: int
    accuracy: float
    accuracy_std: float
    threshold_cosine: float
    seed_accuracy: float
    seed_accuracy_std: float
    seed_threshold: float
    eer: float
    tar_at_far: dict[str, TarPoint]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verify(cosines: np.ndarray, same: np.ndarray, folds: int = 10) -> Verification:
    """Judges pairs [n] with contiguous folds, as LFW view 2 orders them.

    Raises ValueError when there are fewer pairs than folds.
    """
    if len(cosines) < folds:
        raise ValueError(f"{len(cosines)} pairs cannot be split into {folds} folds")
    cosines = np.asarray(cosines, dtype=np.float64)
    same = np.asarray(same, dtype=bool)
    fold = np.repeat(np.arange(folds), np.diff(np.arange(folds + 1) * len(cosines) // folds))
    accuracies, thresholds = [], []
    seed_accuracies, seed_thresholds = [], []
    distances = 2 - 2 * cosines
    right = (distances[:, None] < SEED_GRID) == same[:, None]
    for number in range(folds):
        rest, tried = fold != number, fold == number
        threshold = best_threshold(cosines[rest], same[rest])
        thresholds.append(threshold)
        accuracies.append(np.mean((cosines[tried] >= threshold) == same[tried]))
        best = int(right[rest].mean(axis=0).argmax())
        seed_thresholds.append(SEED_GRID[best])
        seed_accuracies.append(right[tried, best].mean())
    curve = roc(cosines, same)
    return Verification(
        pairs=len(cosines),
        accuracy=float(np.mean(accuracies)),
        accuracy_std=float(np.std(accuracies)),
        threshold_cosine=float(np.mean(thresholds)),
        seed_accuracy=float(np.mean(seed_accuracies)),
        seed_accuracy_std=float(np.std(seed_accuracies)),
        seed_threshold=float(np.mean(seed_thresholds)),
        eer=equal_error_rate(curve),
        tar_at_far={f"{target:g}": tar_at(curve, target) for target in FAR_TARGETS},
    )


def best_threshold(cosines: np.ndarray, same: np.ndarray) -> float:
    """Cosine with the most right answers, midway between two pairs; "same" is cos >= threshold."""
    order = np.argsort(cosines, kind="stable")
    ordered, labels = cosines[order], same[order]
    # Right answers when the threshold lies just above the i lowest pairs.
    gains = np.where(labels, -1, 1)
    right = np.concatenate([[0], np.cumsum(gains)]) + labels.sum()
    upper = np.append(ordered[1:], np.inf)
    right[1:][ordered == upper] = -1
    best = int(right.argmax())
    if best == 0:
        return float(ordered[0])
    if best == len(ordered):
        return float(np.nextafter(ordered[-1], np.inf))
    return float((ordered[best - 1] + ordered[best]) / 2)


@dataclass(frozen=True)
class RocCurve:
    """Thresholds from the strictest to the loosest, and the rates at each."""

    thresholds: np.ndarray
    far: np.ndarray
    tar: np.ndarray


def roc(cosines: np.ndarray, same: np.ndarray) -> RocCurve:
    """The whole curve; pairs of one similarity stand or fall together."""
    order = np.argsort(-cosines, kind="stable")
    ordered, labels = cosines[order], same[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    far = np.cumsum(~labels) / max(1, (~labels).sum())
    tar = np.cumsum(labels) / max(1, labels.sum())
    return RocCurve(ordered[last], far[last], tar[last])


def tar_at(curve: RocCurve, target: float) -> TarPoint:
    """The loosest point that keeps the false-accept rate."""
    allowed = np.flatnonzero(curve.far <= target)
    if len(allowed) == 0:
        return TarPoint(0.0, 0.0, 1.0)
    place = int(allowed[-1])
    return TarPoint(
        float(curve.far[place]), float(curve.tar[place]), float(curve.thresholds[place])
    )


def equal_error_rate(curve: RocCurve) -> float:
    """Rate at which false accepts and false rejects meet, between two points of the curve."""
    far = np.concatenate([[0.0], curve.far])
    frr = np.concatenate([[1.0], 1 - curve.tar])
    place = int(np.argmax(far >= frr))
    before, here = frr[place - 1] - far[place - 1], far[place] - frr[place]
    share = 0.0 if before + here == 0 else before / (before + here)
    return float(far[place - 1] + (far[place] - far[place - 1]) * share)
