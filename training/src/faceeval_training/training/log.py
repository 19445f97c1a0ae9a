"""The log of a run: a file, the terminal and TensorBoard."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

LOG = "train.log"


class _BesideTheBar(logging.Handler):
    """Prints a line without tearing the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record))


class RunLog:
    """Writes only where `leads`; the other processes stay silent."""

    def __init__(self, folder: Path, *, leads: bool, tensorboard: bool, step: int) -> None:
        self._logger = logging.Logger(f"faceeval_training.{folder}")
        self._board = None
        if not leads:
            return
        folder.mkdir(parents=True, exist_ok=True)
        form = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        for handler in (_BesideTheBar(), logging.FileHandler(folder / LOG)):
            handler.setFormatter(form)
            self._logger.addHandler(handler)
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415, slow to import

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def line(self, text: str) -> None:
        """One event."""
        self._logger.info(text)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Points of the curves at a step."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes and lets the files go."""
        for handler in list(self._logger.handlers):
            handler.close()
            self._logger.removeHandler(handler)
        if self._board is not None:
            self._board.close()
