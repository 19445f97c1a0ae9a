"""Lists of image pairs: LFW, CPLFW, plain lists, InsightFace's .bin, and pairs drawn by seed."""

from __future__ import annotations

import io
import pickle
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceeval_training.data.identity_folders import FaceList
from faceeval_training.errors import TrainingError

FOLDS = 10


@dataclass(frozen=True)
class PairList:
    """images: names or paths; pairs int64 [n,2] of their places; same bool [n]; ten folds in a row.

    pictures: the encoded images where the list itself carries them.
    """

    images: tuple[str, ...]
    pairs: np.ndarray
    same: np.ndarray
    pictures: tuple[bytes, ...] = ()


def read_pairs(path: Path) -> PairList:
    """Reads a list by what its lines look like.

    LFW and CALFW-free variants of pairs.txt (`name 1 4`, `name 1 other 2`); CPLFW (`file label` on
    two lines a pair); VGGFace2-FP and others (`path path 0|1`, split by blanks, tabs or commas);
    InsightFace's .bin.

    Raises TrainingError when the lines fit none of these.
    """
    if path.suffix == ".bin":
        return _read_bin(path)
    lines = [re.split(r"[,\t ]+", line.strip()) for line in path.read_text().splitlines()]
    rows = [line for line in lines if line != [""]]
    if rows and len(rows[0]) <= 2 and all(field.isdigit() for field in rows[0]):
        rows = rows[1:]
    if not rows:
        raise TrainingError(f"{path} holds no pairs")
    if _all(rows, lambda row: len(row) == 2):
        return _from_cplfw(rows, path)
    if _all(rows, lambda row: len(row) == 3 and row[2] in "01" and not row[1].isdigit()):
        return _collect([(a, b, label == "1") for a, b, label in rows])
    if _all(rows, lambda row: len(row) in (3, 4)):
        return _collect([_lfw_row(row) for row in rows])
    raise TrainingError(f"{path}: the lines are neither LFW's, CPLFW's nor `path path 0|1`")


def draw_pairs(faces: FaceList, count: int, seed: int) -> PairList:
    """As many pairs of one person as of two, shuffled within ten folds alike; seeded.

    Raises TrainingError when there are not two identities or no identity has two images.
    """
    generator = np.random.default_rng(seed)
    by_identity = [np.flatnonzero(faces.labels == k) for k in range(len(faces.identities))]
    several = [places for places in by_identity if len(places) > 1]
    if len(by_identity) < 2 or not several:
        raise TrainingError("pairs need two identities, and one of them two images")
    half = max(FOLDS, count // 2 // FOLDS * FOLDS)
    rows: list[tuple[int, int]] = []
    for number in range(2 * half):
        if number % 2 == 0:
            first, second = generator.choice(several[generator.integers(len(several))], 2, False)
        else:
            one, other = generator.choice(len(by_identity), 2, replace=False)
            first = generator.choice(by_identity[one])
            second = generator.choice(by_identity[other])
        rows.append((int(first), int(second)))
    same = np.arange(2 * half) % 2 == 0
    return PairList(tuple(str(path) for path in faces.paths), np.array(rows), same)


def _all(rows: list[list[str]], fits) -> bool:
    return all(fits(row) for row in rows)


def _lfw_row(row: list[str]) -> tuple[str, str, bool]:
    name, first = row[0], row[1]
    other, second = (name, row[2]) if len(row) == 3 else (row[2], row[3])
    return _lfw_name(name, first), _lfw_name(other, second), len(row) == 3


def _lfw_name(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _from_cplfw(rows: list[list[str]], path: Path) -> PairList:
    if len(rows) % 2:
        raise TrainingError(f"{path}: two lines make a pair, and there are {len(rows)}")
    couples = zip(rows[::2], rows[1::2], strict=True)
    return _collect([(a[0], b[0], int(a[1]) > 0) for a, b in couples])


def _collect(rows: list[tuple[str, str, bool]]) -> PairList:
    numbers: dict[str, int] = {}
    pairs = [[numbers.setdefault(name, len(numbers)) for name in row[:2]] for row in rows]
    same = np.array([row[2] for row in rows])
    return PairList(tuple(numbers), np.array(pairs), same)


class _PlainUnpickler(pickle.Unpickler):
    """Lists, numbers and bytes only: a pickle may otherwise run any code."""

    def find_class(self, module: str, name: str):
        if (module, name) in {("_codecs", "encode"), ("builtins", "bytes")}:
            return super().find_class(module, name)
        raise TrainingError(f"the .bin file asks for {module}.{name}, which is not pair data")


def _read_bin(path: Path) -> PairList:
    bins, same = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    pictures = tuple(bytes(item) for item in bins)
    pairs = np.arange(len(pictures)).reshape(-1, 2)
    names = tuple(f"{path.name}#{number}" for number in range(len(pictures)))
    return PairList(names, pairs, np.array(same, dtype=bool), pictures)


def decode_bytes(picture: bytes) -> np.ndarray:
    """An encoded image to uint8 [h,w,3] in BGR."""
    decoded = cv2.imdecode(np.frombuffer(picture, dtype=np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise TrainingError("a picture of the pair list is damaged")
    return decoded
