"""`speed`: how many images a second a backbone trains on, to plan a schedule."""

from __future__ import annotations

import argparse
import time

import torch

from faceeval_training.backbones.catalogue import BACKBONES
from faceeval_training.errors import TrainingError
from faceeval_training.recogniser import Recogniser
from faceeval_training.settings_file import settings_from
from faceeval_training.training.parameter_groups import build_optimiser


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("speed", help="measure images a second of training")
    parser.add_argument("--backbone", choices=tuple(BACKBONES), default="ResNet_50")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--channels-last", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    if options.batch_size < 2:
        raise TrainingError("batch norm needs batches of two or more")
    for threads in options.threads:
        torch.set_num_threads(threads)
        speed, cpu_speed = images_per_second(
            options.backbone,
            options.batch_size,
            options.steps,
            options.precision,
            options.channels_last,
        )
        print(
            f"{options.backbone} {options.precision} batch {options.batch_size} "
            f"threads {threads}: {speed:.2f} images/s forward, backward and update, "
            f"{cpu_speed:.2f} images a second of processor time"
        )


def images_per_second(
    backbone: str, batch_size: int, steps: int, precision: str, channels_last: bool
) -> tuple[float, float]:
    """Rate over `steps` steps with ArcFace over 1,000 identities, after one to warm up.

    The second figure is a second of processor time, which other work on the machine hardly moves.
    """
    settings = settings_from({"data_root": "none", "backbone": backbone})
    net = Recogniser(settings, 1000).train()
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
    optimiser = build_optimiser(net, settings)
    faces = torch.randint(0, 256, (batch_size, 112, 112, 3), dtype=torch.uint8)
    labels = torch.randint(0, 1000, (batch_size,))
    started, used = time.perf_counter(), time.process_time()
    for step in range(steps + 1):
        if step == 1:
            started, used = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            outcome = net(faces, labels, torch.empty(batch_size, 0))
        optimiser.zero_grad(set_to_none=True)
        outcome.loss.backward()
        optimiser.step()
    images = steps * batch_size
    return images / (time.perf_counter() - started), images / (time.process_time() - used)
