"""Starting from weights that exist: an earlier run's, published ones, or an ONNX build's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from faceeval_training.backbones.mobilefacenet import MobileFaceNetSeparable
from faceeval_training.errors import TrainingError

# Newest first; a folder stands for the first of these that it holds.
RESUME_FILES = {
    "backbone": ("backbone-best.pt", "backbone-last.pt"),
    "head": ("head-best.pt", "head-last.pt"),
}


@dataclass(frozen=True)
class Loaded:
    """How many tensors were taken over, and the names of those that were not."""

    taken: int
    left: tuple[str, ...]


def find_weights(path: Path, part: str) -> Path:
    """The file itself, or the weights of `part` (backbone or head) in an output folder."""
    if path.is_file():
        return path
    for name in RESUME_FILES[part]:
        if (path / name).is_file():
            return path / name
    raise TrainingError(f"{path} holds no {part} weights ({', '.join(RESUME_FILES[part])})")


def read_tensors(path: Path) -> Any:
    """What a file of weights holds, read without running its code.

    Raises TrainingError when it is damaged or holds more than tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        kind = type(error).__name__
        raise TrainingError(f"{path} cannot be read as weights: {kind}: {said}") from error


def load_weights(net: nn.Module, path: Path) -> Loaded:
    """Takes over every tensor whose name and shape fit; the rest keeps its initial values.

    `.onnx` fits MobileFaceNet_TF only. Published state dicts may carry a `module.` or `backbone.`
    prefix.

    Raises TrainingError when nothing fits.
    """
    if path.suffix == ".onnx":
        if not isinstance(net, MobileFaceNetSeparable):
            raise TrainingError("weights in ONNX fit the backbone MobileFaceNet_TF only")
        return _load_onnx(net, path)
    content = read_tensors(path)
    given = content.get("state_dict", content) if isinstance(content, dict) else content
    given = {_bare(name): value for name, value in given.items()}
    own = net.state_dict()
    fitting = {n: v for n, v in given.items() if n in own and own[n].shape == v.shape}
    if not fitting:
        raise TrainingError(f"no tensor of {path} fits the net; is it another backbone's?")
    net.load_state_dict({**own, **fitting})
    return Loaded(len(fitting), tuple(name for name in own if name not in fitting))


def _bare(name: str) -> str:
    for prefix in ("module.", "backbone."):
        name = name.removeprefix(prefix)
    return name


@torch.no_grad()
def _load_onnx(net: MobileFaceNetSeparable, path: Path) -> Loaded:
    """Convolutions in their order, and PReLU's slopes from how it is spelt.

    The build's batch norms are folded, so ours become the identity plus the bias; with
    freeze_batch_norm they stay so.
    """
    graph = onnx.load(path).graph
    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    modules = list(net.modules())
    own = [m for m in modules if isinstance(m, nn.Conv2d)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    slopes = [m for m in modules if isinstance(m, nn.PReLU)]
    given = _slopes(graph, constants)
    if len(convolutions) != len(own) or len(given) != len(slopes):
        raise TrainingError(f"{path} is not laid out as MobileFaceNet_TF")
    left: list[str] = []
    for number, (node, layer, norm) in enumerate(zip(convolutions, own, norms, strict=True)):
        weight = torch.from_numpy(constants[node.input[1]].copy())
        if number == 0:
            weight = weight.flip(1)  # The build takes BGR; the net was trained on RGB.
        if weight.shape != layer.weight.shape:
            left.append(f"convolution {number}")
            continue
        layer.weight.copy_(weight)
        norm.bias.copy_(torch.from_numpy(constants[node.input[2]].copy()))
        norm.weight.fill_((1 + norm.eps) ** 0.5)
    for layer, values in zip(slopes, given, strict=True):
        layer.weight.copy_(torch.from_numpy(values.copy()).flatten())
    return Loaded(2 * len(own) - 2 * len(left) + len(slopes), tuple(left))


def _slopes(graph: onnx.GraphProto, constants: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Slopes a of the PReLUs max(x, a x) and (1 + a)/2 x + (1 - a)/2 |x|, in their order."""
    absolutes = {n.output[0] for n in graph.node if n.op_type == "Abs"}
    compared = {name for n in graph.node if n.op_type == "Max" for name in n.input}
    found = []
    for node in graph.node:
        if node.op_type != "Mul":
            continue
        factors = next((constants[name] for name in node.input if name in constants), None)
        if factors is not None and node.output[0] in compared:
            found.append(factors)
        elif factors is not None and absolutes & set(node.input):
            found.append(1 - 2 * factors)
    return found
