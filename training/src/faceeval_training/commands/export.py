"""`export`: a run's weights, or untrained ones, as builds in models/ with manifest entries."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from faceeval_training.backbones.catalogue import BACKBONES, build_backbone
from faceeval_training.commands.pair_options import REPOSITORY
from faceeval_training.deployment.manifest import must_be_of_training, take_family
from faceeval_training.deployment.publish import (
    Origin,
    publish_float,
    publish_half,
    publish_quantised,
)
from faceeval_training.errors import TrainingError
from faceeval_training.pixel_input import PixelInput
from faceeval_training.settings import Settings
from faceeval_training.settings_file import settings_from
from faceeval_training.training.weights_file import TrainedBackbone, load_backbone


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("export", help="write ONNX builds and their manifest entries")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", dest="trained", type=Path, help="folder or weights file of a run")
    source.add_argument("--untrained", action="store_true", help="initial weights: speed only")
    parser.add_argument("--backbone", choices=tuple(BACKBONES), help="with --untrained")
    parser.add_argument("--input-size", type=int, default=112, choices=(112, 224))
    parser.add_argument("--embedding-size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1337, help="of the untrained weights")
    parser.add_argument("--models", type=Path, default=REPOSITORY / "models")
    parser.add_argument("--name", help="family and stem of the files; made from the net if absent")
    parser.add_argument(
        "--replace", action="store_true", help="take the place of builds of the same name"
    )
    parser.add_argument("--fp16", action="store_true", help="an FP16 build too")
    parser.add_argument(
        "--licence", default="research use", help="what the training images allow; see SOURCES.md"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    trained, origin = _untrained(options) if options.untrained else _trained(options)
    settings = trained.settings
    name = options.name or build_name(
        settings.backbone, settings.embedding_size, settings.input_size, options.untrained
    )
    if trained.quantised:
        if options.fp16:
            raise TrainingError("--fp16 needs weights that were trained without rounding")
        must_be_of_training(options.models, name, roots_of(settings))
        paths = [publish_quantised(trained, options.models, name, origin)]
    else:
        left = take_family(options.models, name, replace=options.replace)
        if left:
            print(f"no longer in the manifest, for they are of other weights: {', '.join(left)}")
        paths = [publish_float(trained, options.models, name, origin)]
    if options.fp16:
        paths.append(publish_half(paths[0], options.models, name, origin, trained.pixels))
    for path in paths:
        print(f"{path}  {path.stat().st_size:,} bytes")


def build_name(backbone: str, embedding_size: int, input_size: int, untrained: bool) -> str:
    """`resnet-50-512`, with `-224` for the larger input and `-untrained` where it is so."""
    parts = [backbone.lower().replace("_", "-"), str(embedding_size)]
    parts += ["224"] if input_size == 224 else []
    parts += ["untrained"] if untrained else []
    return "-".join(parts)


def roots_of(settings: Settings) -> str:
    """The sets that were learned from, as the manifest names them."""
    return ", ".join(root.name for root in settings.data_root)


def _trained(options: argparse.Namespace) -> tuple[TrainedBackbone, Origin]:
    trained = load_backbone(options.trained)
    teacher = trained.settings.distillation
    source = f"trained by faceeval_training on {roots_of(trained.settings)}"
    if teacher is not None:
        source += f", teacher {teacher.teacher.name}"
    return trained, Origin(True, f"{source}, {trained.facts['steps']} steps", options.licence)


def _untrained(options: argparse.Namespace) -> tuple[TrainedBackbone, Origin]:
    if options.backbone is None:
        raise TrainingError("--untrained needs --backbone")
    torch.manual_seed(options.seed)
    settings = settings_from(
        {
            "data_root": "none",
            "backbone": options.backbone,
            "input_size": options.input_size,
            "embedding_size": options.embedding_size,
            "seed": options.seed,
        }
    )
    net = build_backbone(options.backbone, options.input_size, options.embedding_size)
    spread_running_figures(net, options.input_size)
    pixels = PixelInput(settings.mean, settings.std, settings.colour)
    source = f"faceeval_training, initial weights of seed {options.seed}"
    return TrainedBackbone(net.eval(), pixels, settings, False, {}), Origin(False, source, "MIT")


@torch.no_grad()
def spread_running_figures(net: torch.nn.Module, side_px: int) -> None:
    """Gives batch norms the figures of noise pictures, and scales other than zero.

    With the initial figures the activations of a deep net overflow or vanish, and quantisation
    would have nothing to measure.
    """
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any():
            torch.nn.init.constant_(module.weight, 0.5)
    net.train()
    for _ in range(3):
        net(torch.rand(8, 3, side_px, side_px) * 2 - 1)
