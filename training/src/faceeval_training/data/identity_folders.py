"""The layout data/<set>/<identity>/<n>.jpg, and lists of faces made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceeval_training.errors import TrainingError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
UNLABELLED = "_"
NO_LABEL = -1


@dataclass(frozen=True)
class FaceList:
    """Files with their identity numbers; -1 is a face whose identity nobody knows.

    paths: one a face. labels int64 [n]. identities: name of each number, `<set>/<identity>` where
    several sets are read.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    identities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, chosen: np.ndarray) -> FaceList:
        """The faces of the given places; identities keep their numbers."""
        return FaceList(tuple(self.paths[i] for i in chosen), self.labels[chosen], self.identities)


def read_faces(roots: Sequence[Path], min_images: int = 1) -> FaceList:
    """Faces below each root, which is a set (`<identity>/<n>.jpg`) or a folder of sets.

    The identity folder `_` holds unlabelled faces. Identities with fewer than `min_images` images
    are left out; unlabelled faces stay.

    Raises TrainingError when a root is missing or holds no images.
    """
    folders = [folder for root in roots for folder in _identity_folders(root)]
    several = len({folder.parent for folder in folders}) > 1
    paths: list[Path] = []
    labels: list[int] = []
    identities: list[str] = []
    for folder in folders:
        images = images_in(folder)
        if folder.name == UNLABELLED:
            label = NO_LABEL
        elif len(images) < min_images:
            continue
        else:
            label = len(identities)
            identities.append(f"{folder.parent.name}/{folder.name}" if several else folder.name)
        paths.extend(images)
        labels.extend([label] * len(images))
    if not paths:
        listed = ", ".join(str(root) for root in roots)
        raise TrainingError(f"no images under {listed}; expected <identity>/<n>.jpg")
    return FaceList(tuple(paths), np.array(labels, dtype=np.int64), tuple(identities))


def images_in(folder: Path) -> list[Path]:
    """Image files of a folder, by number where the names are numbers."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found, key=lambda p: (int(p.stem) if p.stem.isdigit() else 0, p.name))


def _identity_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise TrainingError(f"{root} is not a folder; data_root must name data/<set>")
    below = sorted(p for p in root.iterdir() if p.is_dir())
    if any(images_in(folder) for folder in below):
        return below
    return [inner for folder in below for inner in sorted(folder.iterdir()) if inner.is_dir()]


def hold_out(faces: FaceList, share: float, seed: int) -> tuple[FaceList, FaceList]:
    """Splits each identity: the second list has `share` of its images, at least one; seeded."""
    generator = np.random.default_rng(seed)
    kept: list[np.ndarray] = []
    held: list[np.ndarray] = []
    for label in range(len(faces.identities)):
        places = generator.permutation(np.flatnonzero(faces.labels == label))
        count = max(1, round(len(places) * share))
        held.append(np.sort(places[:count]))
        kept.append(np.sort(places[count:]))
    return faces.subset(np.concatenate(kept)), faces.subset(np.concatenate(held))
