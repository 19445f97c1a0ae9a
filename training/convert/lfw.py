"""Labeled Faces in the Wild: aligned faces, ten folds, and cosines at false-accept rates."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench" / "peers"))

from reference_mtcnn import ReferenceMtcnn, Setting  # noqa: E402

# Five points of the ArcFace template: eyes, nose, mouth corners, x and y on a 112-pixel square.
ARCFACE_112 = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
SIDE_PX = 112
FOLDS = 10
MTCNN_SETTING = Setting(min_face_px=40, thresholds=(0.6, 0.7, 0.7))


@dataclass(frozen=True)
class Lfw:
    """faces uint8 [n,112,112,3] BGR, people [n], pairs [6000,2] of face numbers, same [6000]."""

    faces: np.ndarray
    people: np.ndarray
    pairs: np.ndarray
    same: np.ndarray
    undetected: int


def load_lfw(images: Path, pairs_file: Path, models: Path) -> Lfw:
    """Aligns every image that the pairs name; one without a face takes part with its middle."""
    numbers: dict[str, int] = {}
    pairs, same = [], []
    for line in pairs_file.read_text().splitlines()[1:]:
        fields = line.split()
        first, second = fields[:2], [fields[0], fields[2]] if len(fields) == 3 else fields[2:]
        names = [f"{n}/{n}_{int(i):04d}.jpg" for n, i in (first, second)]
        pairs.append([numbers.setdefault(name, len(numbers)) for name in names])
        same.append(len(fields) == 3)
    detector = ReferenceMtcnn(models / "fp32", MTCNN_SETTING)
    faces, undetected = [], 0
    for name in numbers:
        picture = cv2.imread(str(images / name))
        found = detector.detect(picture)
        height, width = picture.shape[:2]
        if len(found.scores) == 0:
            undetected += 1
            inset_y, inset_x = height // 4, width // 4
            middle = picture[inset_y : height - inset_y, inset_x : width - inset_x]
            faces.append(cv2.resize(middle, (SIDE_PX, SIDE_PX)))
            continue
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        nearest = np.linalg.norm(centres - [width / 2, height / 2], axis=1).argmin()
        faces.append(align(picture, found.landmarks[nearest]))
    people = np.array([name.split("/")[0] for name in numbers])
    return Lfw(np.stack(faces), people, np.array(pairs), np.array(same), undetected)


def align(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Warps a face to the ArcFace template by the least-squares similarity of its five points."""
    matrix = similarity(landmarks, ARCFACE_112)
    return cv2.warpAffine(picture, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """2x3 matrix of rotation, scale and shift that best maps source [n,2] to target points."""
    from_centre, to_centre = source.mean(0), target.mean(0)
    p, q = source - from_centre, target - to_centre
    energy = (p**2).sum()
    a = (p * q).sum() / energy
    b = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / energy
    turn = np.array([[a, -b], [b, a]])
    return np.hstack([turn, (to_centre - turn @ from_centre)[:, None]])


def fold_accuracy(cosines: np.ndarray, same: np.ndarray) -> tuple[float, float, float]:
    """Mean accuracy, its standard deviation and the mean threshold: each of the ten official folds
    is judged with the threshold that is best on the other nine."""
    folds = np.arange(len(cosines)) // (len(cosines) // FOLDS)
    steps = np.arange(-1, 1, 0.0005)
    right = (cosines[:, None] >= steps) == same[:, None]
    accuracies, thresholds = [], []
    for fold in range(FOLDS):
        best = right[folds != fold].mean(0).argmax()
        thresholds.append(steps[best])
        accuracies.append(right[folds == fold, best].mean())
    return float(np.mean(accuracies)), float(np.std(accuracies)), float(np.mean(thresholds))


def impostor_cosines(templates: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Cosines of all pairs of faces of different people, each pair once."""
    found = []
    for number in range(len(templates) - 1):
        others = people[number + 1 :] != people[number]
        found.append(templates[number + 1 :][others] @ templates[number])
    return np.concatenate(found)


def threshold_at(cosines: np.ndarray, rate: float) -> float:
    """Cosine that `rate` of the impostor pairs reach."""
    return float(np.quantile(cosines, 1 - rate))
