"""One process, or one of several that torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from faceeval_training.errors import TrainingError
from faceeval_training.settings import Settings


@dataclass(frozen=True)
class Processes:
    """Place of this process among all, and its device."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, by rank."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(settings: Settings) -> Iterator[Processes]:
    """Joins the processes that torchrun started (NCCL on GPUs, gloo on CPUs), or stands alone."""
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = _device(settings, int(os.environ.get("LOCAL_RANK", "0")), world)
    if world == 1:
        yield Processes(0, 1, device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, device)
    finally:
        dist.destroy_process_group()


def _device(settings: Settings, local_rank: int, world: int) -> torch.device:
    if not torch.cuda.is_available():
        if settings.precision == "fp16":
            raise TrainingError("precision fp16 needs a GPU; use bf16 or fp32 on a CPU")
        return torch.device("cpu")
    chosen = settings.gpu_ids or tuple(range(torch.cuda.device_count()))
    if len(settings.gpu_ids) > 1 and world == 1:
        raise TrainingError(
            f"gpu_ids names {len(chosen)} GPUs; start one process each: "
            f"torchrun --nproc_per_node {len(chosen)} -m faceeval_training train ..."
        )
    if local_rank >= len(chosen):
        raise TrainingError(f"there are {world} processes for {len(chosen)} GPUs")
    device = torch.device("cuda", chosen[local_rank])
    torch.cuda.set_device(device)
    return device
