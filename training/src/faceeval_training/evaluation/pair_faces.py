"""The aligned faces that a pair list names, from aligned files or from photographs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from faceeval_training.data.pictures import decode, resized
from faceeval_training.data.verification_pairs import PairList, decode_bytes
from faceeval_training.errors import TrainingError

# Eyes, nose and mouth corners of the ArcFace template on a square of 112 pixels.
ARCFACE_112 = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE_SIDE_PX = 112
DETECTOR = Path("bench/peers/reference_mtcnn.py")
# The daemon's own setting (detector in its configuration, DEFAULT_NMS in src/faces/mtcnn.ts), so
# that both programs judge the same crops.
DETECTION = {
    "min_face_px": 40,
    "factor": 0.709,
    "thresholds": (0.6, 0.7, 0.8),
    "nms": (0.5, 0.5, 0.3, 0.6),
}


class FaceAligner:
    """Finds the person of a photograph with MTCNN and warps the face to the template.

    The detector is the reference of the benches, so that one Python MTCNN serves the repository;
    `repository` is its root, with the detector's builds under models/.
    """

    def __init__(self, repository: Path, side_px: int) -> None:
        module = _load(repository / DETECTOR)
        setting = module.Setting(**DETECTION)
        self._detector = module.ReferenceMtcnn(repository / "models" / "fp32", setting)
        self._template = ARCFACE_112 * side_px / TEMPLATE_SIDE_PX
        self._side_px = side_px
        self.undetected = 0

    def align(self, picture: np.ndarray) -> np.ndarray:
        """The face, uint8 [side,side,3]; the middle of the picture where none is found."""
        found = self._detector.detect(picture)
        if len(found.scores) == 0:
            self.undetected += 1
            return self._middle(picture)
        height, width = picture.shape[:2]
        sides = found.boxes[:, 2:] - found.boxes[:, :2]
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        away = ((centres - [width / 2, height / 2]) ** 2).sum(axis=1)
        # The person a photograph is about: large, and near the middle; as `faceeval evaluate` does.
        subject = int((sides.prod(axis=1) - 2 * away).argmax())
        matrix = similarity(found.landmarks[subject], self._template)
        return cv2.warpAffine(picture, matrix, (self._side_px, self._side_px))

    def _middle(self, picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        side = round(min(height, width) / 2)
        top, left = (height - side) >> 1, (width - side) >> 1
        return resized(picture[top : top + side, left : left + side], self._side_px)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """2x3 matrix of rotation, scale and shift that best maps source points [n,2] to target's."""
    from_centre, to_centre = source.mean(axis=0), target.mean(axis=0)
    p = (source - from_centre) @ [1, 1j]
    q = (target - to_centre) @ [1, 1j]
    # As complex numbers a similarity is one factor.
    factor = np.vdot(p, q) / np.vdot(p, p)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.hstack([turn, (to_centre - turn @ from_centre)[:, None]])


def pair_faces(
    pairs: PairList, images: Path | None, side_px: int, aligner: FaceAligner | None, batch: int
) -> Iterator[np.ndarray]:
    """Batches of the list's faces in its order, uint8 [<=batch,side,side,3] in BGR."""
    faces: list[np.ndarray] = []
    for number, name in enumerate(pairs.images):
        if pairs.pictures:
            face = resized(decode_bytes(pairs.pictures[number]), side_px)
        elif images is None:
            raise TrainingError("the pair list carries no pictures; name their folder")
        elif aligner is None:
            face = decode(_kept(images / name), side_px)
        else:
            face = aligner.align(_photograph(images / name))
        faces.append(face)
        if len(faces) == batch or number + 1 == len(pairs.images):
            yield np.stack(faces)
            faces = []


def _kept(path: Path) -> Path:
    """The aligned face, which `faceeval evaluate --crops` writes as PNG under the same name."""
    lossless = path.with_suffix(".png")
    return path if path.exists() or not lossless.exists() else lossless


def _photograph(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    if picture is None:
        raise TrainingError(f"{path} is missing or is not an image")
    return picture


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise TrainingError(
            f"{path} is missing; --align needs the repository, or align the images first with "
            "`faceeval data align`"
        )
    spec = importlib.util.spec_from_file_location("reference_mtcnn", path)
    if spec is None or spec.loader is None:
        raise TrainingError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while the class is made.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
