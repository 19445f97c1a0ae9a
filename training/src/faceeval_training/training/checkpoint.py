"""Stopping and going on: all that decides the next step, in one file, replaced whole."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceeval_training.errors import TrainingError

CHECKPOINT = "checkpoint.pt"
BEFORE_COOLDOWN = "checkpoint-before-cooldown.pt"
FORMAT = 1
# What a run keeps to its end: it decides the tensors of net and optimiser.
FIXED = ("backbone", "head", "embedding_size", "input_size", "optimiser", "mean", "std", "colour")
# What decides which images an epoch shows in which batch: steps are counted by it.
DRAWING = ("seed", "sampling", "samples_per_epoch", "batch_size", "drop_last")


@dataclass
class Progress:
    """Where a run stands: whole epochs done, steps done in the next one, best validation so far."""

    epoch: int = 0
    step: int = 0
    best_accuracy: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)


def must_fit(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises TrainingError when a run shall go on as another one than it began."""
    changed = [f"{key} {before[key]}, not {now[key]}" for key in FIXED if before[key] != now[key]]
    if changed:
        raise TrainingError(
            f"{path} was made with {'; '.join(changed)}; set it back, or train anew in another "
            "output_dir, from these weights with backbone_resume"
        )


def redrawn_by(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that give an epoch other batches than it was begun with."""
    return tuple(key for key in DRAWING if before[key] != now[key])


def random_state() -> dict[str, Any]:
    """State of every generator that training draws from."""
    state = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Undoes everything drawn since random_state()."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def seed_everything(seed: int) -> None:
    """Seeds the generators of Python, NumPy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def save(path: Path, content: dict[str, Any]) -> None:
    """Writes beside the file and renames, so that a cut never costs the last good state.

    Raises TrainingError when it cannot be written, as on a full disk, and leaves nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save({"format": FORMAT, **content}, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        # PyTorch does not pass on what the system said.
        free_mib = shutil.disk_usage(path.parent).free / (1 << 20)
        partial.unlink(missing_ok=True)
        raise TrainingError(
            f"{path} cannot be written, with {free_mib:.0f} MiB free on its disk; what was there "
            "before is kept"
        ) from error
    partial.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Reads what `save` wrote, onto the CPU.

    The file holds the states of random generators and so cannot be read as bare tensors: load only
    what you made.

    Raises TrainingError when the file is missing or is of another kind.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist") from error
    except Exception as error:
        raise TrainingError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this program")
    return content
