"""Static INT8: QDQ graphs with signed per-channel weights and unsigned per-tensor activations."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Batches(CalibrationDataReader):
    """Hands out batches one range at a time, so that the calibration keeps one range in memory."""

    def __init__(self, name: str, batches: Sequence[np.ndarray]) -> None:
        self._name = name
        self._batches = batches
        self._range: Iterator[np.ndarray] = iter(batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._range = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        batch = next(self._range, None)
        return None if batch is None else {self._name: batch}


def quantise(
    source: Path,
    target: Path,
    input_name: str,
    batches: Sequence[np.ndarray],
    *,
    operators: Sequence[str] = ("Conv", "Gemm", "MatMul"),
    excluded: Sequence[str] = (),
    percentile: float | None = None,
) -> None:
    """Writes the INT8 build of `source`, calibrated on `batches` of its byte input.

    Operators that are not listed stay in float between a dequantise and a quantise. `percentile`
    clips activations there instead of at their extremes.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        method = CalibrationMethod.MinMax if percentile is None else CalibrationMethod.Percentile
        options: dict[str, float] = {"CalibStridedMinMax": 1}
        if percentile is not None:
            options["CalibPercentile"] = percentile
        target.parent.mkdir(parents=True, exist_ok=True)
        quantize_static(
            str(prepared),
            str(target),
            _Batches(input_name, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(operators),
            nodes_to_exclude=list(excluded),
            per_channel=True,
            reduce_range=False,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=method,
            extra_options=options,
        )
    onnx.checker.check_model(str(target))


def convolution_names(source: Path, *, depthwise: bool) -> list[str]:
    """Names of the depthwise, or of the ordinary, convolutions of a model."""
    model = onnx.load(source)
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and (_groups(node) > 1) == depthwise
    ]


def _groups(node: onnx.NodeProto) -> int:
    return next((a.i for a in node.attribute if a.name == "group"), 1)
