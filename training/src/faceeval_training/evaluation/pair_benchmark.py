"""A pair list judged by any embedder, with the aligned faces kept for the next one."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from faceeval_training.data.verification_pairs import FOLDS, PairList, read_pairs
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import Embed, embed_all
from faceeval_training.evaluation.pair_faces import FaceAligner, pair_faces
from faceeval_training.evaluation.verification import Verification, verify
from faceeval_training.whole_file import replacing

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

    cache: an .npz that is read when it is there and was made from the same images in the same way,
    else written.

    Raises TrainingError when there are fewer pairs than folds.
    """
    pairs = read_pairs(pairs_file)
    if len(pairs.pairs) < FOLDS:
        raise TrainingError(f"{pairs_file}: {len(pairs.pairs)} pairs make no {FOLDS} folds")
    origin = _origin(pairs, pairs_file, images, side_px, aligned=repository is not None)
    kept = None if cache is None else _kept(cache, origin)
    if kept is not None:
        return PairBenchmark(pairs, *kept)
    aligner = None if repository is None else FaceAligner(repository, side_px)
    batches = []
    with tqdm(total=len(pairs.images), desc="faces", unit="face", leave=False, disable=None) as bar:
        for faces in pair_faces(pairs, images, side_px, aligner, BATCH):
            batches.append(faces)
            bar.update(len(faces))
    faces = np.concatenate(batches)
    undetected = 0 if aligner is None else aligner.undetected
    if cache is not None:
        with replacing(cache) as partial, partial.open("wb") as file:
            np.savez(file, faces=faces, undetected=undetected, origin=origin)
    return PairBenchmark(pairs, faces, undetected)


def _origin(
    pairs: PairList, pairs_file: Path, images: Path | None, side_px: int, *, aligned: bool
) -> str:
    """Checksum of what decides the faces: which images, of which folder, aligned here or not."""
    folder = pairs_file if images is None else images
    told = [str(folder.resolve()), str(side_px), str(aligned), *pairs.images]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _kept(cache: Path, origin: str) -> tuple[np.ndarray, int] | None:
    """Faces and the number of undetected ones; None where the file holds others or is damaged."""
    try:
        with np.load(cache) as stored:
            if "origin" in stored and str(stored["origin"]) == origin:
                return stored["faces"], int(stored["undetected"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass
    print(f"{cache} holds other faces: it is made anew")
    return None
