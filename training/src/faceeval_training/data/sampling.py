"""Which faces an epoch shows, in which order, and which process gets which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceeval_training.errors import TrainingError


def epoch_order(
    labels: np.ndarray, *, balanced: bool, count: int, seed: int, epoch: int
) -> np.ndarray:
    """Places of the faces that the epoch shows, int64 [count].

    balanced: every identity has the same chance at each draw, and each of its images too;
    unlabelled faces together count as one identity. Otherwise every face comes once before any
    comes twice.
    """
    generator = np.random.default_rng([seed, epoch])
    if not balanced:
        rounds = -(-count // len(labels))
        orders = [generator.permutation(len(labels)) for _ in range(rounds)]
        return np.concatenate(orders)[:count]
    by_label = np.argsort(labels, kind="stable")
    _, starts, sizes = np.unique(labels[by_label], return_index=True, return_counts=True)
    drawn = generator.integers(len(sizes), size=count)
    within = (generator.random(count) * sizes[drawn]).astype(np.int64)
    return by_label[starts[drawn] + within]


@dataclass(frozen=True)
class Draw:
    """One face of an epoch: its place in the list, and its number in the epoch.

    The number seeds the augmentation, so that neither the loader's processes nor a resumed run
    change what is seen.
    """

    place: int
    epoch: int
    number: int


def rank_batches(
    order: np.ndarray,
    *,
    epoch: int,
    batch_size: int,
    drop_last: bool,
    rank: int = 0,
    world: int = 1,
) -> list[list[Draw]]:
    """Batches of one process; `batch_size` is that of all processes together.

    With drop_last, or with several processes, the part of a batch at the end is left out.

    Raises TrainingError when no batch is full or the size cannot be shared out.
    """
    if batch_size % world:
        raise TrainingError(f"batch_size {batch_size} is not a multiple of {world} processes")
    share = batch_size // world
    batches = []
    for first in range(0, len(order), batch_size):
        size = min(batch_size, len(order) - first)
        if size < batch_size and (drop_last or world > 1 or size == 1):
            break
        start = first + rank * share
        stop = first + size if world == 1 else start + share
        batches.append([Draw(int(order[i]), epoch, i) for i in range(start, stop)])
    if not batches:
        raise TrainingError(
            f"an epoch of {len(order)} images does not fill one batch of {batch_size}; "
            "lower batch_size or raise samples_per_epoch"
        )
    return batches
