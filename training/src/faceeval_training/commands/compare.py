"""`compare`: a table of builds: size, cosine to the first, accuracy, latency."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from faceeval_training.commands.pair_options import add_pair_options, benchmark_of
from faceeval_training.data.identity_folders import read_faces
from faceeval_training.data.pictures import decode_batches
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import open_session
from faceeval_training.quantisation.comparison import as_table, compare


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("compare", help="print a table of builds")
    parser.add_argument("builds", type=Path, nargs="+", help="the first one is the reference")
    parser.add_argument("--faces", type=Path, help="aligned faces, where no pairs are given")
    parser.add_argument("--sample", type=int, default=256, help="how many of them")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=60, help="of the latency's median")
    add_pair_options(parser, required=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    side_px = open_session(options.builds[0], 1).get_inputs()[0].shape[1]
    benchmark = None
    if options.pairs is not None:
        benchmark = benchmark_of(options, side_px)
        faces = benchmark.faces
    elif options.faces is not None:
        listed = read_faces([options.faces])
        step = max(1, len(listed) // options.sample)
        faces = np.concatenate(list(decode_batches(listed.paths[::step], side_px, 16)))
    else:
        raise TrainingError("name --pairs for the accuracy, or --faces for the cosines alone")
    rows = compare(
        options.builds, faces, benchmark=benchmark, threads=options.threads, runs=options.runs
    )
    print(as_table(rows))
