"""`evaluate`: verification of pairs, and Top-1/Top-5 on training identities."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from faceeval_training.commands.pair_options import add_pair_options, benchmark_of
from faceeval_training.data.identity_folders import read_faces
from faceeval_training.deployment.deployment_graph import DeploymentGraph
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.classification import classify, renumbered
from faceeval_training.evaluation.embedding import (
    Embed,
    onnx_embedder,
    open_session,
    torch_embedder,
)
from faceeval_training.evaluation.verification import Verification
from faceeval_training.training.weights_file import load_backbone, load_head


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("evaluate", help="judge a build or a run")
    parser.add_argument("model", type=Path, help="an .onnx build, a weights file or a run's folder")
    parser.add_argument("--flip", action="store_true", help="add the mirrored face's template")
    parser.add_argument(
        "--size", type=int, help="judge a run on pictures scaled to this, as training_size does"
    )
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime and PyTorch")
    parser.add_argument("--identities", type=Path, help="folder of identities for Top-1 and Top-5")
    parser.add_argument("--json", type=Path, help="writes the figures to this file")
    add_pair_options(parser, required=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    if options.pairs is None and options.identities is None:
        raise TrainingError("name --pairs for verification or --identities for Top-1 and Top-5")
    torch.set_num_threads(options.threads)
    figures: dict = {"model": options.model.name, "flip": options.flip}
    if options.pairs is not None:
        embed, side_px = _embedder(options)
        benchmark = benchmark_of(options, side_px)
        result = benchmark.judge(benchmark.templates(embed, flip=options.flip))
        figures |= {"undetected": benchmark.undetected, "verification": result.as_dict()}
        print(describe(result))
    if options.identities is not None:
        figures["classification"] = _classify(options)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def describe(result: Verification) -> str:
    """The figures as lines."""
    lines = [
        f"pairs                {result.pairs}",
        f"accuracy             {100 * result.accuracy:.2f} % ± {100 * result.accuracy_std:.2f} "
        f"at cosine {result.threshold_cosine:.4f}",
        f"in the seed's terms  {100 * result.seed_accuracy:.3f} % at squared distance "
        f"{result.seed_threshold:.3f}",
        f"equal error rate     {100 * result.eer:.2f} %",
    ]
    for target, point in result.tar_at_far.items():
        lines.append(
            f"TAR at FAR {target:<9} {100 * point.tar:.2f} % at cosine {point.threshold_cosine:.4f}"
        )
    return "\n".join(lines)


def _embedder(options: argparse.Namespace) -> tuple[Embed, int]:
    if options.model.suffix == ".onnx":
        if options.size is not None:
            raise TrainingError("--size is for runs: a build has the size of its export")
        side_px = open_session(options.model, 1).get_inputs()[0].shape[1]
        return onnx_embedder(options.model, options.threads), side_px
    trained = load_backbone(options.model)
    graph = DeploymentGraph(trained.pixels, trained.backbone, options.size)
    return torch_embedder(graph, torch.device("cpu")), trained.settings.input_size


def _classify(options: argparse.Namespace) -> dict:
    if options.model.suffix == ".onnx":
        raise TrainingError("Top-1 and Top-5 need the head: name the run's folder")
    trained = load_backbone(options.model)
    head, identities = load_head(options.model)
    faces = renumbered(read_faces([options.identities]), identities)
    result = classify(trained.backbone, trained.pixels, head, faces, trained.settings.input_size)
    print(
        f"Top-1 {100 * result.top1:.3f} %, Top-5 {100 * result.top5:.3f} % of {result.images} "
        f"images of {result.identities} identities"
    )
    return asdict(result)
