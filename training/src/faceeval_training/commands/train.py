"""`train`: a classifier over identities, as the seed trains."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceeval_training.errors import TrainingError
from faceeval_training.settings import Settings
from faceeval_training.settings_file import load_settings
from faceeval_training.training.start import StopRequest, train


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("train", help="train a backbone and a head on identities")
    add_run_options(parser)
    parser.set_defaults(run=run)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options that `train` and `distil` share."""
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the run")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="overrides a key of the file; inner keys as augmentation.flip=0",
    )
    parser.add_argument("--resume", action="store_true", help="go on where the run stopped")
    parser.add_argument(
        "--max-minutes", type=float, help="save and stop after this time; go on with --resume"
    )


def run(options: argparse.Namespace) -> None:
    settings = load_settings(options.config, options.set)
    if settings.distillation is not None:
        raise TrainingError("the configuration has a teacher: use the command distil")
    finish(settings, options)


def finish(settings: Settings, options: argparse.Namespace) -> None:
    """Trains and says where the weights are."""
    stop = StopRequest(options.max_minutes)
    progress = train(settings, resume=options.resume, should_stop=stop)
    if progress.history:
        last = {k: round(v, 4) for k, v in progress.history[-1].items()}
        print(f"{progress.epoch} epochs done, the last one: {last}")
    print(f"weights and log: {settings.output_dir}")
