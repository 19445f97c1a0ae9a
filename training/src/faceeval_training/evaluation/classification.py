"""Top-1 and Top-5 of a trained head on images of its identities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from faceeval_training.data.identity_folders import FaceList
from faceeval_training.data.pictures import decode_batches
from faceeval_training.errors import TrainingError
from faceeval_training.pixel_input import PixelInput

BATCH = 32


@dataclass(frozen=True)
class Classification:
    """Shares in 0..1 over `images` images; without the margin that training adds."""

    images: int
    identities: int
    top1: float
    top5: float


@torch.inference_mode()
def classify(
    backbone: nn.Module, pixels: PixelInput, head: nn.Module, faces: FaceList, side_px: int
) -> Classification:
    """Classifies labelled faces; the labels must be numbered as the head's classes."""
    labelled = faces.subset(np.flatnonzero(faces.labels >= 0))
    if len(labelled) == 0:
        raise TrainingError("there are no images of known identities to classify")
    ranks = []
    batches = decode_batches(labelled.paths, side_px, BATCH)
    with tqdm(total=len(labelled), desc="classify", unit="face", leave=False, disable=None) as bar:
        for number, pictures in enumerate(batches):
            logits = head(backbone(pixels(torch.from_numpy(pictures))))
            labels = torch.from_numpy(labelled.labels[number * BATCH :][: len(pictures)])
            own = logits.gather(1, labels.unsqueeze(1))
            ranks.append((logits > own).sum(dim=1))
            bar.update(len(pictures))
    rank = torch.cat(ranks)
    return Classification(
        len(labelled),
        len(faces.identities),
        (rank < 1).float().mean().item(),
        (rank < 5).float().mean().item(),
    )


def renumbered(faces: FaceList, identities: tuple[str, ...]) -> FaceList:
    """The faces of the identities that a head knows, numbered as the head numbers them.

    Raises TrainingError when none of them is known.
    """
    numbers = {name: number for number, name in enumerate(identities)}
    table = np.array([numbers.get(name, -1) for name in faces.identities] + [-1])
    labels = table[faces.labels]
    known = np.flatnonzero(labels >= 0)
    if len(known) == 0:
        raise TrainingError("no identity of the folder is one that the head was trained on")
    chosen = faces.subset(known)
    return FaceList(chosen.paths, labels[known], identities)
