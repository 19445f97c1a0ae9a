"""INT8 after training: dynamic (ranges at run time) and static (ranges from sample faces)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from faceeval_training.whole_file import replacing

Calibration = Literal["minmax", "entropy", "percentile"]
METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
# Softmax-free nets need no more; what is not listed stays in float between two conversions.
OPERATORS = ("Conv", "Gemm", "MatMul", "Add", "MaxPool", "Relu", "Flatten", "Reshape", "Concat")


class _Batches(CalibrationDataReader):
    def __init__(self, name: str, batches: Iterable[np.ndarray]) -> None:
        self._feeds: Iterator[dict[str, np.ndarray]] = ({name: batch} for batch in batches)

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        return next(self._feeds, None)


def quantise_dynamic(source: Path, target: Path) -> None:
    """Weights as INT8; activations are measured and rounded at each run.

    Convolutions become ConvInteger, which ONNX Runtime runs for unsigned weights only and without
    scales a channel: small files, less speed and accuracy than static INT8.
    """
    with _prepared(source) as prepared, replacing(target) as partial:
        quantize_dynamic(
            prepared,
            str(partial),
            weight_type=QuantType.QUInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )
        onnx.checker.check_model(str(partial))


def quantise_static(
    source: Path,
    target: Path,
    batches: Iterable[np.ndarray],
    calibration: Calibration = "minmax",
) -> None:
    """QDQ: signed weights with a scale a channel, unsigned activations with ranges from `batches`.

    batches: uint8 faces [n,S,S,3] as the net takes them; never of people of a test set.
    """
    with _prepared(source) as prepared, replacing(target) as partial:
        name = onnx.load(prepared).graph.input[0].name
        quantize_static(
            prepared,
            str(partial),
            _Batches(name, batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            per_channel=True,
            reduce_range=False,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[calibration],
            extra_options={"CalibPercentile": 99.99} if calibration == "percentile" else {},
        )
        onnx.checker.check_model(str(partial))


class _prepared:  # noqa: N801, reads as a verb in a with statement
    """Path of a copy with shapes and without what ONNX Runtime can compute beforehand."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> str:
        path = str(Path(self._folder.name) / "prepared.onnx")
        quant_pre_process(str(self._source), path, skip_symbolic_shape=True)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
