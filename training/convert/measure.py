"""Measures every build that the manifest lists, and writes the figures into it.

    python training/convert/measure.py --lfw DIR --pairs FILE [--only ID] [--cache FILE.npz]

Recognisers: ten-fold accuracy, cosines at false-accept rates, agreement with FP32. Detectors: share
of images with a face. Liveness: share of the photographed faces that are called live. All: latency,
when nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from lfw import (
    Lfw,
    ReferenceMtcnn,
    Setting,
    fold_accuracy,
    impostor_cosines,
    load_lfw,
    threshold_at,
)
from liveness import live_crop
from manifest import read_manifest, write_build

MODELS = Path(__file__).resolve().parents[2] / "models"
RATES = ("0.01", "0.001", "0.0001")
MEASURED_ON = "LFW: all pairs of different people among the 7,701 images that the view-2 pairs name"
RUNS, WARM_UP = 60, 10
# Detectors and liveness are judged on every so many images of the set.
EVERY = 19


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def embed(path: Path, faces: np.ndarray, batch: int = 16) -> np.ndarray:
    """L2-normalised templates of aligned faces, uint8 [n,112,112,3]."""
    session = open_session(path, 1)
    name = session.get_inputs()[0].name
    parts = [faces[i : i + batch] for i in range(0, len(faces), batch)]
    templates = np.concatenate([session.run(None, {name: part})[0] for part in parts])
    return templates / np.linalg.norm(templates, axis=1, keepdims=True)


def latency_ms(path: Path, feeds: dict[str, np.ndarray], threads: int) -> float:
    """Median time of a run after a warm-up."""
    session = open_session(path, threads)
    took = []
    for number in range(RUNS + WARM_UP):
        start = time.perf_counter()
        session.run(None, feeds)
        if number >= WARM_UP:
            took.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(took), 3)


def latencies(path: Path, picture: np.ndarray, batches: tuple[int, ...] = (1, 8)) -> list[Any]:
    """Rows {batch, threads, p50Ms} of a net that takes square pictures."""
    [entry] = open_session(path, 1).get_inputs()
    rows = []
    for batch in batches:
        for threads in (1, 2):
            feed = {entry.name: np.repeat(picture[None], batch, axis=0)}
            p50 = latency_ms(path, feed, threads)
            rows.append({"batch": batch, "threads": threads, "p50Ms": p50})
    return rows


def measure_recogniser(
    path: Path, lfw: Lfw, fp32: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the manifest's `thresholds` and `measured` of a recogniser build."""
    templates = embed(path, lfw.faces)
    pairs = (templates[lfw.pairs[:, 0]] * templates[lfw.pairs[:, 1]]).sum(1)
    accuracy, deviation, threshold = fold_accuracy(pairs, lfw.same)
    impostors = impostor_cosines(templates, lfw.people)
    cosines = {rate: round(threshold_at(impostors, float(rate)), 4) for rate in RATES}
    agreement = (templates * fp32).sum(1)
    measured = {
        "lfw": {
            "accuracy": round(accuracy, 5),
            "deviation": round(deviation, 5),
            "bestThreshold": round(threshold, 4),
            "tarAtFar": {
                rate: round(float((pairs[lfw.same] >= cosines[rate]).mean()), 5) for rate in RATES
            },
            "images": len(lfw.faces),
            "withoutFace": lfw.undetected,
        },
        "agreementWithFp32": {
            "meanCosine": round(float(agreement.mean()), 5),
            "leastCosine": round(float(agreement.min()), 5),
        },
    }
    return {**cosines, "measuredOn": MEASURED_ON}, measured


def measure_detector(folder: Path, images: list[np.ndarray]) -> dict[str, Any]:
    detector = ReferenceMtcnn(folder, Setting(min_face_px=40))
    found = sum(len(detector.detect(image).scores) > 0 for image in images)
    return {"lfw": {"images": len(images), "withFace": found}}


def detector_latency(folder: Path, image: np.ndarray) -> dict[str, Any]:
    """Rows of each net at a customary size of its input."""
    frame = cv2.resize(image, (640, 480))
    nets = {}
    for kind, name, feed in (
        ("pnet", "image", frame[None]),
        ("rnet", "crops", np.repeat(cv2.resize(frame, (24, 24))[None], 32, axis=0)),
        ("onet", "crops", np.repeat(cv2.resize(frame, (48, 48))[None], 8, axis=0)),
    ):
        path = folder / f"mtcnn-{kind}.onnx"
        rows = [(threads, latency_ms(path, {name: feed}, threads)) for threads in (1, 2)]
        shape = list(feed.shape)
        nets[kind] = [{"input": shape, "threads": t, "p50Ms": p50} for t, p50 in rows]
    return nets


def measure_liveness(path: Path, folder: Path, images: list[np.ndarray]) -> dict[str, Any]:
    detector = ReferenceMtcnn(folder, Setting(min_face_px=40))
    found = [(image, detector.detect(image).boxes[:1]) for image in images]
    crops = np.stack([live_crop(image, boxes[0]) for image, boxes in found if len(boxes)])
    session = open_session(path, 2)
    scores = np.concatenate([session.run(["live"], {"faces": crop[None]})[0] for crop in crops])
    rgb = np.ascontiguousarray(crops[..., ::-1])
    wrong = np.concatenate([session.run(["live"], {"faces": crop[None]})[0] for crop in rgb])
    return {
        "lfw": {
            "faces": len(crops),
            "calledLive": round(float((scores > 0.5).mean()), 4),
            "calledLiveWhenFedRgb": round(float((wrong > 0.5).mean()), 4),
        },
    }


def cached_lfw(arguments: argparse.Namespace) -> Lfw:
    """Aligning takes minutes; an .npz file keeps its result between runs."""
    if arguments.cache is not None and arguments.cache.exists():
        kept = dict(np.load(arguments.cache))
        return Lfw(**{**kept, "undetected": int(kept["undetected"])})
    lfw = load_lfw(arguments.lfw, arguments.pairs, arguments.models)
    if arguments.cache is not None:
        arguments.cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(arguments.cache, **vars(lfw))
    return lfw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lfw", type=Path, required=True, help="folder of the original images")
    parser.add_argument("--pairs", type=Path, required=True, help="the view-2 pairs file")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--only", action="append", help="id of a build; may be repeated")
    parser.add_argument("--cache", type=Path, help=".npz that keeps the aligned faces")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(arguments.lfw.rglob("*.jpg"))[::EVERY]
    images = [cv2.imread(str(path)) for path in paths]
    lfw = cached_lfw(arguments)
    references: dict[str, np.ndarray] = {}
    quiet = os.getloadavg()[0] < 0.5
    if not quiet:
        print("other work is running: latencies are left out, since they would tell of that work")
    builds = read_manifest(arguments.models)["builds"]
    for build in builds:
        path = arguments.models / build["files"][0]["path"]
        if not wanted(build, path, arguments.only):
            continue
        if build["role"] == "recogniser":
            # The first build of a family is its FP32 one.
            family = build["family"]
            if family not in references:
                first = next(b for b in builds if b["family"] == family)
                file = arguments.models / first["files"][0]["path"]
                references[family] = embed(file, lfw.faces)
            reference = references[family]
            build["thresholds"], measured = measure_recogniser(path, lfw, reference)
        elif build["role"] == "detector":
            measured = measure_detector(path.parent, images)
        else:
            measured = measure_liveness(path, arguments.models / "fp32", images)
        if quiet and build["role"] == "detector":
            measured["latency"] = detector_latency(path.parent, images[0])
        elif quiet:
            side = build["input"]["sidePx"]
            measured["latency"] = latencies(path, cv2.resize(lfw.faces[0], (side, side)))
        build["measured"] = {**measured, **circumstances()}
        write_build(arguments.models, build)
        print(build["id"], json.dumps({"thresholds": build.get("thresholds"), **measured}))


def wanted(build: dict[str, Any], path: Path, only: list[str] | None) -> bool:
    if build["weights"] == "untrained" or (only and build["id"] not in only):
        return False
    if not path.exists():
        print(f"{build['id']}: its file is not here, so its figures stay")
        return False
    return True


def circumstances() -> dict[str, Any]:
    """Where the figures were taken."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "Model"))
    ]
    return {
        "device": f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores",
        "runtime": f"onnxruntime {onnxruntime.__version__} (Python)",
    }


if __name__ == "__main__":
    main()
