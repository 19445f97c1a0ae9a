"""`python -m faceeval_training COMMAND`: finds the command and shows errors as sentences."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from faceeval_training.commands import (
    compare,
    distil,
    evaluate,
    export,
    measure_speed,
    quantise,
    quickstart,
    summary,
    train,
    widen,
)
from faceeval_training.errors import TrainingError

COMMANDS = (
    *(train, distil, evaluate, export, widen, quantise, compare),
    *(quickstart, summary, measure_speed),
)

STOPPED = 130


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = argparse.ArgumentParser(
        prog="python -m faceeval_training",
        description="Make a face recogniser of your own and bring it to the daemon.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 when it did what was asked, 1 when the user can put something right, 130
    when Ctrl-C ended it."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except (TrainingError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    return 0


def _sentence(error: TrainingError | OSError) -> str:
    """What happened, with the file that the system could not read or write."""
    if isinstance(error, TrainingError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
