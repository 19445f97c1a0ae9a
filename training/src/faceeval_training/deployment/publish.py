"""Builds of a trained backbone: file and manifest entry together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from faceeval_training.deployment.deployment_graph import deployed
from faceeval_training.deployment.manifest import recogniser_entry, write_build
from faceeval_training.deployment.onnx_export import write_onnx
from faceeval_training.errors import TrainingError
from faceeval_training.pixel_input import PixelInput
from faceeval_training.quantisation.fake_quantisation import set_quantisation
from faceeval_training.quantisation.quantised_graph import store_as_int8
from faceeval_training.training.weights_file import TrainedBackbone
from faceeval_training.whole_file import replacing


@dataclass(frozen=True)
class Origin:
    """What the manifest says of the weights."""

    trained: bool
    source: str
    licence: str


def publish_float(trained: TrainedBackbone, models: Path, name: str, origin: Origin) -> Path:
    """models/fp32/<name>.onnx. Raises TrainingError for a net with quantisers."""
    if trained.quantised:
        raise TrainingError("these weights were trained with rounding; export them as int8")
    path = models / "fp32" / f"{name}.onnx"
    write_onnx(deployed(trained.pixels, trained.backbone), path, trained.settings.input_size)
    register(models, path, name, "fp32", origin, pixels=trained.pixels)
    return path


def publish_quantised(trained: TrainedBackbone, models: Path, name: str, origin: Origin) -> Path:
    """models/int8/<name>-qat.onnx of weights that were trained with rounding."""
    if not trained.quantised:
        raise TrainingError("these weights were trained without rounding; use `quantise`")
    path = models / "int8" / f"{name}-qat.onnx"
    set_quantisation(trained.backbone, observing=False, rounding=True, exporting=True)
    graph = deployed(trained.pixels, trained.backbone, fold=False)
    write_onnx(graph, path, trained.settings.input_size)
    store_as_int8(path)
    register(models, path, name, "int8", origin, pixels=trained.pixels, suffix="-qat")
    return path


def publish_half(source: Path, models: Path, name: str, origin: Origin, pixels: PixelInput) -> Path:
    """models/fp16/<name>.onnx from the FP32 build; input, normalisation and output stay.

    The length of the template is computed in FP32: squares of 512 values can leave FP16's range.
    """
    path = models / "fp16" / f"{name}.onnx"
    half = convert_float_to_float16(
        onnx.load(source), keep_io_types=True, op_block_list=["ReduceL2", "LpNormalization"]
    )
    with replacing(path) as partial:
        onnx.save(half, partial)
    register(models, path, name, "fp16", origin, pixels=pixels)
    return path


def register(
    models: Path,
    path: Path,
    name: str,
    precision: str,
    origin: Origin,
    *,
    pixels: PixelInput,
    suffix: str = "",
) -> None:
    """Writes the manifest entry of a file; the family is `name`, so all precisions share it."""
    mean, std = (values.flatten().tolist() for values in (pixels.mean, pixels.std))
    if pixels.colour == "RGB":
        mean, std = mean[::-1], std[::-1]
    entry = recogniser_entry(
        models,
        path,
        build_id=f"{name}-{precision}{suffix}",
        family=name,
        precision=precision,
        trained=origin.trained,
        source=origin.source,
        licence=origin.licence,
        mean=mean,
        std=std,
    )
    write_build(models, entry)
