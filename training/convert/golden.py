"""models/golden/golden.json: what the source format's own runtime answers to synthetic pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from liveness import LIVE_CLASS
from liveness import SIDE_PX as LIVENESS_SIDE_PX
from mtcnn import SIDES
from packages import LIVENESS, MOBILEFACENET, ONET, PNET, RNET, fetch
from synthetic import synthetic_picture
from tflite_graph import run_tflite

# P-Net's published file takes this transposed canvas only: x, y, channel.
PNET_CANVAS = (1, 1280, 960, 3)
PNET_PICTURE = (72, 96)
FACE_SIDE_PX = 112
NUMBERS = (0, 1)
# To most synthetic pictures the liveness net answers 0.999, which would hide an error.
LIVENESS_NUMBERS = (27, 30)


def write_golden(models: Path, cache: Path) -> dict[str, float]:
    """Writes the file, and returns the largest absolute difference of every FP32 net from it."""
    cases = golden_cases(cache)
    target = models / "golden" / "golden.json"
    target.parent.mkdir(exist_ok=True)
    document = {"formula": "training/convert/synthetic.py", "nets": [c for _, c in cases]}
    target.write_text(json.dumps(document) + "\n")
    return {
        f"{form}/{case['file']}": largest_difference(models / form / case["file"], pictures, case)
        for form in ("fp32", "fp32-x86")
        for pictures, case in cases
    }


def golden_cases(cache: Path) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """One case a net: its pictures, and the entry of golden.json."""
    cases = []
    for kind, weights in (("rnet", RNET), ("onet", ONET)):
        crops = pictures_of(SIDES[kind], SIDES[kind])
        outputs = stage_outputs(fetch(weights, cache), crops)
        cases.append((crops, entry(f"mtcnn-{kind}.onnx", "crops", crops, outputs)))
    image = synthetic_picture(*PNET_PICTURE, 0)[None]
    cases.append(
        (image, entry("mtcnn-pnet.onnx", "image", image, pnet_outputs(fetch(PNET, cache), image)))
    )
    faces = pictures_of(FACE_SIDE_PX, FACE_SIDE_PX)
    [raw] = run_tflite(fetch(MOBILEFACENET, cache), normalised(faces))
    unit = {"template": raw / np.linalg.norm(raw, axis=1, keepdims=True)}
    cases.append((faces, entry("mobilefacenet-192.onnx", "faces", faces, unit)))
    faces = pictures_of(LIVENESS_SIDE_PX, LIVENESS_SIDE_PX, LIVENESS_NUMBERS)
    live = {"live": liveness_output(fetch(LIVENESS, cache), faces)}
    cases.append((faces, entry("liveness-128.onnx", "faces", faces, live, LIVENESS_NUMBERS)))
    return cases


def entry(
    file: str,
    feed: str,
    pictures: np.ndarray,
    outputs: dict[str, np.ndarray],
    numbers: Sequence[int] = NUMBERS,
) -> dict[str, Any]:
    return {
        "file": file,
        "input": feed,
        "dims": list(pictures.shape),
        "numbers": list(numbers[: len(pictures)]),
        "outputs": {
            name: {
                "dims": list(values.shape),
                "data": [float(f"{v:.7g}") for v in values.astype(np.float64).ravel()],
            }
            for name, values in outputs.items()
        },
    }


def largest_difference(model: Path, pictures: np.ndarray, case: dict[str, Any]) -> float:
    session = onnxruntime.InferenceSession(str(model))
    names: Iterable[str] = case["outputs"]
    found = session.run(list(names), {case["input"]: pictures})
    differences = []
    for values, want in zip(found, case["outputs"].values(), strict=True):
        if list(values.shape) != want["dims"]:
            raise ValueError(f"{model.name} answers {values.shape}, its source {want['dims']}")
        differences.append(np.abs(values.ravel() - np.array(want["data"])).max())
    return float(max(differences))


def pictures_of(height: int, width: int, numbers: Sequence[int] = NUMBERS) -> np.ndarray:
    return np.stack([synthetic_picture(height, width, number) for number in numbers])


def normalised(bgr: np.ndarray) -> np.ndarray:
    """What the published TFLite nets take: RGB, centred and scaled."""
    return ((bgr[..., ::-1].astype(np.float32) - 127.5) / 128).astype(np.float32)


def stage_outputs(path: Path, crops: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of R-Net or O-Net, which take x before y and give five x, then five y."""
    by_size = {o.shape[-1]: o for o in run_tflite(path, normalised(crops).transpose(0, 2, 1, 3))}
    outputs = {"score": by_size[2][:, 1], "offset": by_size[4]}
    if 10 in by_size:
        outputs["landmarks"] = by_size[10].reshape(-1, 2, 5).transpose(0, 2, 1).reshape(-1, 10)
    return outputs


def pnet_outputs(path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of P-Net for a picture in the corner of its canvas, without the windows beyond it."""
    height, width = image.shape[1:3]
    canvas = np.zeros(PNET_CANVAS, np.float32)
    canvas[:, :width, :height] = normalised(image).transpose(0, 2, 1, 3)
    by_size = {o.shape[-1]: o for o in run_tflite(path, canvas)}
    columns, rows = (width - 12) // 2 + 1, (height - 12) // 2 + 1
    return {
        "score": by_size[2][:, :columns, :rows, 1].transpose(0, 2, 1),
        "offset": by_size[4][:, :columns, :rows].transpose(0, 3, 2, 1),
    }


def liveness_output(path: Path, faces: np.ndarray) -> np.ndarray:
    """Probability of a live face by the published net, one face a run: BGR in 0..255."""
    session = onnxruntime.InferenceSession(str(path))
    planes = faces.astype(np.float32).transpose(0, 3, 1, 2)
    logits = np.concatenate([session.run(None, {"input": plane[None]})[0] for plane in planes])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers[:, LIVE_CLASS] / powers.sum(axis=1)
