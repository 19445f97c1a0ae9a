"""Batches of augmented faces for the training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from faceeval_training.data.augmentation import augment, joined
from faceeval_training.data.identity_folders import FaceList
from faceeval_training.data.pictures import decode
from faceeval_training.data.sampling import Draw
from faceeval_training.errors import TrainingError
from faceeval_training.settings import Settings

# Template of the teacher for a face: (place in the list, mirrored) -> float32 [D].
TeacherLookup = Callable[[int, bool], np.ndarray]
# Templates [N,D] and inner maps of a teacher for faces [N,S,S,3].
LiveTargets = Callable[[torch.Tensor], tuple[torch.Tensor, tuple[torch.Tensor, ...]]]
# Face uint8 [S,S,3] in BGR, its label, the teacher's template [D].
Row = tuple[np.ndarray, int, np.ndarray]


@dataclass
class Batch:
    """faces uint8 [N,S,S,3] in BGR, labels int64 [N], teacher float [N,D] (D is 0 without one);
    maps float [N,C,H,W] of a teacher that is asked live."""

    faces: torch.Tensor
    labels: torch.Tensor
    teacher: torch.Tensor
    maps: tuple[torch.Tensor, ...] = ()

    def to(self, device: torch.device) -> Batch:
        return Batch(
            self.faces.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.teacher.to(device, non_blocking=True),
            tuple(each.to(device, non_blocking=True) for each in self.maps),
        )

    def pin_memory(self) -> Batch:
        return Batch(
            self.faces.pin_memory(),
            self.labels.pin_memory(),
            self.teacher.pin_memory(),
            tuple(each.pin_memory() for each in self.maps),
        )


class DrawnFaces(Dataset):
    """Decodes and augments the face of a draw; the same draw always gives the same pixels."""

    def __init__(
        self, faces: FaceList, settings: Settings, teacher: TeacherLookup | None = None
    ) -> None:
        self._faces = faces
        self._settings = settings
        self._teacher = teacher

    def __getitem__(self, draw: Draw) -> Row | TrainingError:
        # Given back: raised in a loader's process, it would arrive as that process's traceback.
        try:
            return self._drawn(draw)
        except TrainingError as error:
            return error

    def _drawn(self, draw: Draw) -> Row:
        generator = np.random.default_rng([self._settings.seed, draw.epoch, draw.number])
        face, mirrored = self._augmented(draw.place, generator)

        def draw_other() -> np.ndarray:
            return self._augmented(int(generator.integers(len(self._faces))), generator)[0]

        face = joined(face, draw_other, self._settings.augmentation, generator)
        taught = np.empty(0, np.float32)
        if self._teacher is not None:
            taught = self._teacher(draw.place, mirrored)
        return face, int(self._faces.labels[draw.place]), taught

    def _augmented(self, place: int, generator: np.random.Generator) -> tuple[np.ndarray, bool]:
        face = decode(self._faces.paths[place], self._settings.input_size)
        return augment(face, self._settings.augmentation, generator)


def collate(
    rows: Sequence[Row | TrainingError], ask: LiveTargets | None = None
) -> Batch | TrainingError:
    """Rows of a dataset to a batch, with what a live teacher says of these very pictures; the
    first error instead where a face could not be read."""
    drawn: list[Row] = []
    for row in rows:
        if isinstance(row, TrainingError):
            return row
        drawn.append(row)
    faces, labels, taught = zip(*drawn, strict=True)
    batch = Batch(
        torch.from_numpy(np.stack(faces)),
        torch.tensor(labels, dtype=torch.int64),
        torch.from_numpy(np.stack(taught).astype(np.float32)),
    )
    if ask is not None:
        batch.teacher, batch.maps = ask(batch.faces)
    return batch


def open_loader(
    dataset: DrawnFaces,
    batches: list[list[Draw]],
    settings: Settings,
    *,
    cuda: bool,
    ask: LiveTargets | None = None,
) -> DataLoader:
    """A loader that gives exactly these batches in this order, or the error that kept it from one.

    A live teacher is asked in the loader's processes, beside the training step.
    """
    # Its own generator: the loader draws a seed for its processes, and that draw must not move the
    # random state that dropout uses.
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=settings.workers,
        collate_fn=partial(collate, ask=ask),
        pin_memory=settings.pin_memory and cuda,
        generator=torch.Generator().manual_seed(settings.seed),
    )
