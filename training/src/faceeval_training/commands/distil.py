"""`distil`: learning from the templates of any ONNX recogniser, with or without labels."""

from __future__ import annotations

import argparse

from faceeval_training.commands.train import add_run_options, finish
from faceeval_training.errors import TrainingError
from faceeval_training.settings_file import load_settings


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("distil", help="train a backbone on a teacher's templates")
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    settings = load_settings(options.config, options.set)
    if settings.distillation is None:
        raise TrainingError("the configuration names no teacher: set distillation.teacher")
    finish(settings, options)
