"""The verification set that is judged after each epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from faceeval_training.data.identity_folders import read_faces
from faceeval_training.data.pictures import decode_batches
from faceeval_training.data.verification_pairs import FOLDS, PairList, draw_pairs, read_pairs
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import embed_all, torch_embedder
from faceeval_training.evaluation.verification import Verification, verify
from faceeval_training.settings import Settings

BATCH = 32


class ValidationSet:
    """Aligned faces and their pairs, drawn by seed or read from a list."""

    def __init__(self, settings: Settings) -> None:
        root = settings.validation_root
        if root is None:
            raise ValueError("the settings name no validation set")
        self._side_px = settings.input_size
        if settings.validation_pairs is None:
            faces = read_faces([root])
            self._pairs: PairList = draw_pairs(faces, settings.validation_pair_count, settings.seed)
            self._paths = [Path(name) for name in self._pairs.images]
        else:
            self._pairs = read_pairs(settings.validation_pairs)
            self._paths = [root / name for name in self._pairs.images]
        self._used = np.unique(self._pairs.pairs)
        self._refuse_what_fails_later()

    def _refuse_what_fails_later(self) -> None:
        """The pairs are judged after an epoch, which would be lost with them."""
        if len(self._pairs.pairs) < FOLDS:
            raise TrainingError(
                f"{len(self._pairs.pairs)} validation pairs cannot be split into {FOLDS} folds"
            )
        missing = [self._paths[i] for i in self._used if not self._paths[i].is_file()]
        if missing:
            raise TrainingError(
                f"{len(missing)} images of the validation pairs are missing, as {missing[0]}; "
                "validation_root must be the folder that the pairs' names start from"
            )

    def judge(self, net: nn.Module, device: torch.device) -> Verification:
        """Ten-fold verification with mirrored faces added; net takes bytes [N,S,S,3]."""
        used = self._used
        templates = embed_all(
            torch_embedder(net, device),
            decode_batches([self._paths[i] for i in used], self._side_px, BATCH),
            len(used),
            flip=True,
            what="validate",
        )
        place = np.full(len(self._paths), -1)
        place[used] = np.arange(len(used))
        first, second = (templates[place[column]] for column in self._pairs.pairs.T)
        return verify((first * second).sum(axis=1), self._pairs.same)
