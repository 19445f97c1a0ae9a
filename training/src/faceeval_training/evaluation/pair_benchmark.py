"""A pair list judged by any embedder, with the aligned faces kept for the next one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from faceeval_training.data.verification_pairs import PairList, read_pairs
from faceeval_training.evaluation.embedding import Embed, embed_all
from faceeval_training.evaluation.pair_faces import FaceAligner, pair_faces
from faceeval_training.evaluation.verification import Verification, verify

BATCH = 16


@dataclass(frozen=True)
class PairBenchmark:
    """faces uint8 [n,S,S,3], in the order of pairs.images."""

    pairs: PairList
    faces: np.ndarray
    undetected: int

    def templates(self, embed: Embed, *, flip: bool) -> np.ndarray:
        """Templates of all faces [n,D]."""
        batches = (self.faces[i : i + BATCH] for i in range(0, len(self.faces), BATCH))
        return embed_all(embed, batches, len(self.faces), flip=flip, what="embed")

    def judge(self, templates: np.ndarray) -> Verification:
        """Ten-fold verification of the pairs."""
        first, second = (templates[column] for column in self.pairs.pairs.T)
        return verify((first * second).sum(axis=1), self.pairs.same)


def open_benchmark(
    pairs_file: Path,
    images: Path | None,
    side_px: int,
    *,
    repository: Path | None = None,
    cache: Path | None = None,
) -> PairBenchmark:
    """Reads the faces; with `repository`, detects and aligns them first.

    cache: an .npz that is read when it is there and was made from the same list, else written.
    """
    pairs = read_pairs(pairs_file)
    if cache is not None and cache.exists():
        with np.load(cache) as stored:
            faces, undetected = stored["faces"], int(stored["undetected"])
            if len(faces) == len(pairs.images) and faces.shape[1] == side_px:
                return PairBenchmark(pairs, faces, undetected)
    aligner = None if repository is None else FaceAligner(repository, side_px)
    batches = []
    with tqdm(total=len(pairs.images), desc="faces", unit="face", leave=False, disable=None) as bar:
        for faces in pair_faces(pairs, images, side_px, aligner, BATCH):
            batches.append(faces)
            bar.update(len(faces))
    faces = np.concatenate(batches)
    undetected = 0 if aligner is None else aligner.undetected
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, faces=faces, undetected=undetected)
    return PairBenchmark(pairs, faces, undetected)
