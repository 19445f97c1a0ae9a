"""The options that name a verification benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceeval_training.evaluation.pair_benchmark import PairBenchmark, open_benchmark

REPOSITORY = Path(__file__).resolve().parents[4]


def add_pair_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """--pairs, --images, --align and --cache."""
    group = parser.add_argument_group("verification pairs")
    group.add_argument(
        "--pairs",
        type=Path,
        required=required,
        help="LFW's pairs.txt, CPLFW's pairs_CPLFW.txt, lines of `path path 0|1`, or a .bin",
    )
    group.add_argument("--images", type=Path, help="folder of the images that the pairs name")
    group.add_argument(
        "--align",
        action="store_true",
        help="the images are photographs: find and align the face first",
    )
    group.add_argument("--cache", type=Path, help=".npz that keeps the aligned faces")


def benchmark_of(options: argparse.Namespace, side_px: int) -> PairBenchmark:
    """Reads or aligns the faces that the options name."""
    return open_benchmark(
        options.pairs,
        options.images,
        side_px,
        repository=REPOSITORY if options.align else None,
        cache=options.cache,
    )
