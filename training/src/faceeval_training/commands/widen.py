"""`widen`: the FP32 build that an FP16 build was made of, up to its rounding."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceeval_training.commands.pair_options import REPOSITORY
from faceeval_training.deployment.manifest import note_file
from faceeval_training.deployment.widening import write_widened


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("widen", help="write an FP32 build from an FP16 one")
    parser.add_argument("half", type=Path, help="models/fp16/NAME.onnx")
    parser.add_argument("--models", type=Path, default=REPOSITORY / "models")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    target = options.models / "fp32" / options.half.name
    write_widened(options.half, target)
    note_file(options.models, target)
    print(f"{target}  {target.stat().st_size:,} bytes")
