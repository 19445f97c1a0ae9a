"""The weights of a backbone or a head with the settings that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from faceeval_training.backbones.catalogue import build_backbone
from faceeval_training.errors import TrainingError
from faceeval_training.heads import build_head
from faceeval_training.pixel_input import PixelInput
from faceeval_training.quantisation.fake_quantisation import (
    prepare_quantisation,
    set_quantisation,
)
from faceeval_training.settings import Settings
from faceeval_training.settings_file import settings_from
from faceeval_training.training import checkpoint
from faceeval_training.training.weights import find_weights, read_tensors


def save_weights(
    path: Path, part: nn.Module, settings: Settings, *, quantised: bool, **facts: Any
) -> None:
    """Writes tensors and plain values only: the file can be read without running its code."""
    content = {
        "state_dict": {name: value.cpu() for name, value in part.state_dict().items()},
        "settings": settings.model_dump(mode="json"),
        "quantised": quantised,
        **facts,
    }
    checkpoint.save(path, content)


@dataclass(frozen=True)
class TrainedBackbone:
    """A backbone in evaluation mode, what it takes in, and how it was made."""

    backbone: nn.Module
    pixels: PixelInput
    settings: Settings
    quantised: bool
    facts: dict[str, Any]


def load_backbone(path: Path) -> TrainedBackbone:
    """Reads backbone-best.pt or backbone-last.pt, or the better of an output folder.

    Raises TrainingError when the file is not one that this program wrote.
    """
    content = _read(find_weights(path, "backbone"))
    settings = settings_from(content["settings"], str(path))
    net = build_backbone(settings.backbone, settings.input_size, settings.embedding_size)
    if content["quantised"]:
        net = prepare_quantisation(net)
    net.load_state_dict(content["state_dict"])
    set_quantisation(net, observing=False, rounding=True)
    known = {"state_dict", "settings", "quantised", "format"}
    return TrainedBackbone(
        net.eval(),
        PixelInput(settings.mean, settings.std, settings.colour),
        settings,
        content["quantised"],
        {key: value for key, value in content.items() if key not in known},
    )


def load_head(path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """The head of an output folder, and the names of its identities."""
    content = _read(find_weights(path, "head"))
    settings = settings_from(content["settings"], str(path))
    identities = tuple(content["identities"])
    head = build_head(
        settings.head,
        settings.embedding_size,
        len(identities),
        settings.head_scale,
        settings.head_margin,
    )
    head.load_state_dict(content["state_dict"])
    return head.eval(), identities


def _read(path: Path) -> dict[str, Any]:
    content = read_tensors(path)
    if not isinstance(content, dict) or "settings" not in content:
        raise TrainingError(f"{path} holds no settings; was it written by `train` or `distil`?")
    return content
