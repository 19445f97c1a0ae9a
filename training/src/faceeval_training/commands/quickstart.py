"""`quickstart`: from a folder of identities to builds for the daemon, in minutes on a CPU."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import torch

from faceeval_training.commands.pair_options import REPOSITORY
from faceeval_training.data.chosen_identities import richest_identities
from faceeval_training.data.identity_folders import FaceList, hold_out, read_faces
from faceeval_training.data.pictures import decode_batches
from faceeval_training.deployment.publish import Origin, publish_float, register
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.classification import Classification, classify
from faceeval_training.quantisation.post_training import quantise_static
from faceeval_training.settings import Settings
from faceeval_training.settings_file import settings_from
from faceeval_training.training.start import StopRequest, train
from faceeval_training.training.weights_file import load_backbone, load_head

START = REPOSITORY / "models" / "fp32" / "mobilefacenet-192.onnx"
NAME = "quickstart-192"


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "quickstart", help="learn the identities of a folder and export the builds"
    )
    parser.add_argument("--data", type=Path, required=True, help="data/<set>/<identity>/<n>.jpg")
    parser.add_argument("--identities", type=int, default=10, help="those with the most images")
    parser.add_argument("--held-out", type=float, default=0.2, help="share of images to judge on")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--output", type=Path, default=Path("out/quickstart"))
    parser.add_argument(
        "--scratch", action="store_true", help="from random weights instead of published ones"
    )
    parser.add_argument("--resume", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    started = time.monotonic()
    torch.set_num_threads(options.threads)
    faces = richest_identities(read_faces([options.data]), options.identities)
    kept, held = hold_out(faces, options.held_out, options.seed)
    print(f"{len(kept)} images to learn from, {len(held)} held out, of:")
    print("  " + ", ".join(faces.identities))
    settings = _settings(options)
    stop = StopRequest(None)
    progress = train(settings, resume=options.resume, faces=kept, should_stop=stop)
    if progress.epoch < settings.epochs:
        return
    result = _judge(settings, held)
    builds = _export(settings, kept)
    took_s = time.monotonic() - started
    print(
        f"held-out Top-1 {100 * result.top1:.2f} %, Top-5 {100 * result.top5:.2f} % "
        f"({result.images} images); {took_s:.0f} s from folder to builds"
    )
    for build in builds:
        print(f"  {build}  {build.stat().st_size:,} bytes")
    record = {**asdict(result), "seconds": round(took_s, 1), "epochs": options.epochs}
    (options.output / "result.json").write_text(json.dumps(record, indent=2) + "\n")


def _settings(options: argparse.Namespace) -> Settings:
    if not options.scratch and not START.is_file():
        raise TrainingError(f"{START} is missing; use --scratch, or make it with training/convert")
    # Frozen batch norms: the published weights come with theirs folded away.
    start = {"pretrained": str(START), "freeze_batch_norm": True, "learning_rate": 2e-3}
    fresh = {"learning_rate": 0.05, "head_scale": 16.0, "head_margin": 0.2}
    return settings_from(
        {
            "data_root": str(options.data),
            "output_dir": str(options.output),
            "seed": options.seed,
            "threads": options.threads,
            "backbone": "MobileFaceNet" if options.scratch else "MobileFaceNet_TF",
            "embedding_size": 192,
            "std": [128, 128, 128],
            "head": "ArcFace",
            "head_scale": 32.0,
            "head_learning_rate_factor": 1.0 if options.scratch else 10.0,
            "batch_size": 32,
            "epochs": options.epochs,
            "schedule": "cosine",
            "warmup_epochs": 0.5,
            "workers": 0,
            "gradient_clip": 5.0,
            "snapshots_per_epoch": 2,
            "tensorboard": False,
            **(fresh if options.scratch else start),
        }
    )


def _judge(settings: Settings, held: FaceList) -> Classification:
    trained = load_backbone(settings.output_dir)
    head, _ = load_head(settings.output_dir)
    return classify(trained.backbone, trained.pixels, head, held, settings.input_size)


def _export(settings: Settings, kept: FaceList) -> list[Path]:
    trained = load_backbone(settings.output_dir)
    models = settings.output_dir / "models"
    source = f"quickstart on {len(kept.identities)} identities"
    origin = Origin(True, source, "that of the images")
    plain = publish_float(trained, models, NAME, origin)
    rounded = models / "int8" / f"{NAME}.onnx"
    quantise_static(plain, rounded, decode_batches(kept.paths[::4], settings.input_size, 16))
    register(models, rounded, NAME, "int8", origin, pixels=trained.pixels)
    return [plain, rounded]
