"""`quantise`: the seed's three ways to INT8, each ending in an ONNX build."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faceeval_training.commands.export import build_name, roots_of
from faceeval_training.commands.pair_options import REPOSITORY
from faceeval_training.data.identity_folders import read_faces
from faceeval_training.data.pictures import decode_batches
from faceeval_training.deployment.manifest import AWARE, add_variant, must_be_of_training
from faceeval_training.deployment.publish import Origin, publish_quantised
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import open_session
from faceeval_training.quantisation.post_training import quantise_dynamic, quantise_static
from faceeval_training.settings_file import settings_from
from faceeval_training.training.start import QUANTISED_FOLDER, StopRequest, train_quantised
from faceeval_training.training.weights_file import load_backbone

BATCH = 16


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("quantise", help="make an INT8 build")
    parser.add_argument("method", choices=("dynamic", "static", "aware"))
    parser.add_argument("source", type=Path, help="an FP32 .onnx build; for aware: a run's folder")
    parser.add_argument("--models", type=Path, default=REPOSITORY / "models")
    parser.add_argument(
        "--faces", type=Path, help="aligned faces for the ranges (static); never of a test set"
    )
    parser.add_argument("--images", type=int, default=512, help="how many of them (static)")
    parser.add_argument(
        "--calibration", choices=("minmax", "entropy", "percentile"), default="minmax"
    )
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--resume", action="store_true", help="go on with the training (aware)")
    parser.add_argument("--name", help="family and stem of the file (aware)")
    parser.add_argument("--licence", default="research use", help="(aware)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    path = _aware(options) if options.method == "aware" else _after_training(options)
    if path is None:
        return
    print(f"{path}  {path.stat().st_size:,} bytes")


def _after_training(options: argparse.Namespace) -> Path:
    if options.source.suffix != ".onnx":
        raise TrainingError("static and dynamic start from an .onnx build; `export` makes it")
    suffix = "-dynamic" if options.method == "dynamic" else ""
    target = options.models / "int8" / f"{options.source.stem}{suffix}.onnx"
    if options.method == "dynamic":
        quantise_dynamic(options.source, target)
    else:
        if options.faces is None:
            raise TrainingError("static needs --faces, a folder of aligned faces")
        quantise_static(options.source, target, _sample(options), options.calibration)
    if not add_variant(options.models, options.source, target, "int8", suffix):
        print(
            f"{target} is not in the manifest: {options.models} has no build {options.source}. "
            "Name the folder that has with --models"
        )
    return target


def _sample(options: argparse.Namespace) -> Iterator[np.ndarray]:
    side_px = open_session(options.source, 1).get_inputs()[0].shape[1]
    faces = read_faces([options.faces])
    generator = np.random.default_rng(options.seed)
    count = min(options.images, len(faces))
    chosen = np.sort(generator.choice(len(faces), count, replace=False))
    return decode_batches([faces.paths[i] for i in chosen], side_px, BATCH)


def _aware(options: argparse.Namespace) -> Path | None:
    """The build; None when the training was stopped before its end."""
    trained = load_backbone(options.source)
    settings = trained.settings
    roots = roots_of(settings)
    name = options.name or build_name(
        settings.backbone, settings.embedding_size, settings.input_size, untrained=False
    )
    must_be_of_training(options.models, name, roots)
    if not trained.quantised:
        base = settings.model_dump(mode="json") | {"output_dir": str(_folder(options.source))}
        settings = settings_from(base, "the run's settings")
        stop = StopRequest(None)
        done = train_quantised(settings, options.source, resume=options.resume, should_stop=stop)
        if done.epoch < settings.quantisation_epochs:
            return None
        trained = load_backbone(settings.output_dir / QUANTISED_FOLDER)
    origin = Origin(True, f"{AWARE} on {roots}", options.licence)
    return publish_quantised(trained, options.models, name, origin)


def _folder(source: Path) -> Path:
    return source if source.is_dir() else source.parent
