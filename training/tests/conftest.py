"""Seeded synthetic identities: smooth random patterns, one a person, seen with noise and shifts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def pattern(generator: np.random.Generator, side_px: int) -> np.ndarray:
    """What one identity looks like."""
    coarse = generator.integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)


def view(generator: np.random.Generator, face: np.ndarray) -> np.ndarray:
    """One picture of an identity."""
    shifted = np.roll(face, generator.integers(-3, 4, 2), axis=(0, 1)).astype(np.int16)
    noise = generator.normal(0, 12, face.shape)
    return np.clip(shifted + noise, 0, 255).astype(np.uint8)


def write_identities(root: Path, identities: int, images: int, side_px: int = 112) -> Path:
    """A set in the seed's layout."""
    generator = np.random.default_rng(7)
    for number in range(identities):
        folder = root / f"person{number:02d}"
        folder.mkdir(parents=True)
        face = pattern(generator, side_px)
        for image in range(images):
            cv2.imwrite(str(folder / f"{image}.jpg"), view(generator, face))
    return root


@pytest.fixture(scope="session")
def toy_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four identities of six images each."""
    return write_identities(tmp_path_factory.mktemp("data") / "toy", 4, 6)
