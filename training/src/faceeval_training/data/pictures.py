"""Decoding faces to the size that a net takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from faceeval_training.errors import TrainingError

# OpenCV's own threads fight with the loader's processes and with PyTorch's.
cv2.setNumThreads(0)


def decode(path: Path, side_px: int) -> np.ndarray:
    """A face, uint8 [side,side,3] in BGR. Raises TrainingError when the file is not an image."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from error
    # OpenCV fails in another way where there is nothing at all.
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise TrainingError(f"{path} is not an image; `faceeval data clean` sets such files aside")
    return resized(picture, side_px)


def resized(picture: np.ndarray, side_px: int) -> np.ndarray:
    """The picture as a square of the given side."""
    height, width = picture.shape[:2]
    if (height, width) == (side_px, side_px):
        return picture
    shrinks = min(height, width) > side_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (side_px, side_px), interpolation=method)


def decode_batches(paths: Sequence[Path], side_px: int, batch: int) -> Iterator[np.ndarray]:
    """Faces in their order, uint8 [<=batch,side,side,3]."""
    for first in range(0, len(paths), batch):
        yield np.stack([decode(path, side_px) for path in paths[first : first + batch]])
