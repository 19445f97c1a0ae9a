"""Would INT8 serve MTCNN? Quantises the three nets, and prints time, size and faces beside FP32.

    python training/convert/compare_mtcnn_int8.py PHOTOS [--limit 60]

PHOTOS is a folder of photos with faces, for calibration and judgement; its first half calibrates.
The answer stands as `precisionChoice` in models/manifest.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from lfw import ReferenceMtcnn, Setting
from measure import open_session
from quantise import quantise

ROOT = Path(__file__).resolve().parents[2]
SETTING = Setting(min_face_px=40)
CROPS = {"rnet": (24, 32), "onet": (48, 8)}
CANVAS = (320, 240)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--form", default="fp32-x86", help="folder under models/")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    onnxruntime.set_default_logger_severity(3)
    paths = sorted(arguments.photos.rglob("*.jpg"))
    photos = [cv2.imread(str(p)) for p in paths[:: max(1, len(paths) // arguments.limit)]]
    half = len(photos) // 2
    source = ROOT / "models" / arguments.form
    feeds = stage_inputs(source, photos[:half])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        for kind, (name, batches) in feeds.items():
            file = f"mtcnn-{kind}.onnx"
            quantise(source / file, target / file, name, batches, operators=("Conv", "Gemm"))
            sizes = [(p / file).stat().st_size for p in (source, target)]
            fp32, int8 = interleaved_ms([source / file, target / file], {name: batches[0]})
            shape = list(batches[0].shape)
            print(
                f"{kind} {shape}: fp32 {fp32:.2f} ms {sizes[0]} B, int8 {int8:.2f} ms {sizes[1]} B"
            )
        report_faces(
            ReferenceMtcnn(source, SETTING), ReferenceMtcnn(target, SETTING), photos[half:]
        )


def stage_inputs(folder: Path, photos: list[np.ndarray]) -> dict[str, tuple[str, list[np.ndarray]]]:
    """What each net is fed when the cascade looks at the photos: its input's name and batches."""
    detector = ReferenceMtcnn(folder, SETTING)
    seen: dict[str, list[np.ndarray]] = {"rnet": [], "onet": []}
    for photo in photos:
        for kind, crops in detector.stage_crops(photo).items():
            seen[kind].append(crops)
    feeds = {"pnet": ("image", [cv2.resize(photo, CANVAS)[None] for photo in photos])}
    for kind, (_, batch) in CROPS.items():
        crops = np.concatenate(seen[kind])
        whole = len(crops) // batch * batch
        feeds[kind] = ("crops", list(crops[:whole].reshape(-1, batch, *crops.shape[1:])))
    return feeds


def interleaved_ms(paths: list[Path], feeds: dict[str, np.ndarray], runs: int = 60) -> list[float]:
    """Median times on one thread, run in turn so that other work disturbs all alike."""
    sessions = [open_session(path, 1) for path in paths]
    took: list[list[float]] = [[] for _ in paths]
    for _ in range(runs):
        for times, session in zip(took, sessions, strict=True):
            start = time.perf_counter()
            session.run(None, feeds)
            times.append((time.perf_counter() - start) * 1000)
    return [statistics.median(times) for times in took]


def report_faces(fp32: ReferenceMtcnn, int8: ReferenceMtcnn, photos: list[np.ndarray]) -> None:
    found, kept, shifts = 0, 0, []
    for photo in photos:
        wanted, got = fp32.detect(photo), int8.detect(photo)
        found += len(wanted.scores)
        for box, landmarks in zip(wanted.boxes, wanted.landmarks, strict=True):
            if len(got.scores) == 0:
                continue
            away = np.abs(got.boxes - box).max(axis=1) / (box[2] - box[0])
            nearest = away.argmin()
            if away[nearest] < 0.25:
                kept += 1
                shift = np.linalg.norm(got.landmarks[nearest] - landmarks, axis=1).mean()
                shifts.append(shift / (box[2] - box[0]))
    middle = statistics.median(shifts) if shifts else float("nan")
    print(f"of {found} faces INT8 finds {kept}; its landmarks are off by {middle:.3f} of the box")


if __name__ == "__main__":
    main()
