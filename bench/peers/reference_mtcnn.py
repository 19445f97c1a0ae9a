"""MTCNN written straight, as the seed's demo runs it: one P-Net run a level, one resize a crop.

The yardstick for src/faces/mtcnn.ts: same nets, same parameters, none of its shortcuts.

    python bench/peers/reference_mtcnn.py IMAGES [--limit 200] [--min-face 40] [--setting seed]

prints how many images have a face and what a detection costs. Needs numpy, onnxruntime and
opencv-python-headless (training/convert/requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime

MODELS = Path(__file__).resolve().parents[2] / "models"
WINDOW_PX = 12
STRIDE_PX = 2
RNET_SIDE_PX = 24
ONET_SIDE_PX = 48


@dataclass(frozen=True)
class Setting:
    """Parameters of the cascade; the defaults are those of the data tools."""

    min_face_px: float = 20
    factor: float = 0.707
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8)
    # Overlap above which the weaker box goes: in a level, over levels, after R-Net, after O-Net.
    nms: tuple[float, float, float, float] = (0.5, 0.7, 0.7, 0.7)
    # The picture is scaled by this first; boxes come back in pixels of the unscaled picture.
    frame_scale: float = 1.0


SETTINGS = {
    "tools": Setting(),
    "seed": Setting(
        factor=0.79, thresholds=(0.9, 0.6, 0.7), nms=(0.5, 0.7, 0.4, 0.6), frame_scale=0.4
    ),
}


@dataclass(frozen=True)
class Faces:
    """boxes [N,4] as x1, y1, x2, y2; scores [N]; landmarks [N,5,2]; best score first; pixels."""

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray


class Net(Protocol):
    """What runs a net: a session of ONNX Runtime, or of something that answers like one."""

    def run(self, names: None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]: ...


class ReferenceMtcnn:
    """The three nets of one folder (`fp32` or `fp32-x86` under models/) and one setting."""

    def __init__(self, folder: Path, setting: Setting, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        pnet, rnet, onet = (
            onnxruntime.InferenceSession(
                str(folder / f"mtcnn-{kind}.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for kind in ("pnet", "rnet", "onet")
        )
        self._take(pnet, rnet, onet, setting)

    @classmethod
    def of_nets(cls, pnet: Net, rnet: Net, onet: Net, setting: Setting) -> ReferenceMtcnn:
        """With the nets of another engine."""
        detector = cls.__new__(cls)
        detector._take(pnet, rnet, onet, setting)
        return detector

    def _take(self, pnet: Net, rnet: Net, onet: Net, setting: Setting) -> None:
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self.setting = setting

    def detect(self, bgr: np.ndarray) -> Faces:
        """Finds the faces of a BGR picture."""
        scale = self.setting.frame_scale
        picture = bgr if scale == 1 else cv2.resize(bgr, None, fx=scale, fy=scale)
        boxes = self._propose(picture)
        boxes = self._refine(picture, boxes)
        return self._output(picture, boxes, scale)

    def stage_crops(self, bgr: np.ndarray) -> dict[str, np.ndarray]:
        """What R-Net and O-Net are fed for a BGR picture at its own scale: to calibrate INT8."""
        proposed = self._propose(bgr)
        refined = self._refine(bgr, proposed)
        return {
            "rnet": crops_of(bgr, proposed, RNET_SIDE_PX),
            "onet": crops_of(bgr, refined, ONET_SIDE_PX),
        }

    def _propose(self, picture: np.ndarray) -> np.ndarray:
        """P-Net on every level of the pyramid: boxes to look at, [N,4], squared."""
        height, width = picture.shape[:2]
        scale = WINDOW_PX / self.setting.min_face_px
        found = []
        while min(height, width) * scale >= WINDOW_PX:
            size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
            level = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
            score, offset = self._pnet.run(None, {"image": level[None]})
            rows, columns = np.nonzero(score[0] >= self.setting.thresholds[0])
            corner = np.stack([columns, rows], 1) * STRIDE_PX
            boxes = np.hstack([corner, corner + WINDOW_PX]) / scale
            scores = score[0, rows, columns]
            kept = suppress(boxes, scores, self.setting.nms[0])
            offsets = offset[0][:, rows, columns].T
            found.append((boxes[kept], scores[kept], offsets[kept]))
            scale *= self.setting.factor
        if not found:
            return np.empty((0, 4))
        boxes, scores, offsets = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = suppress(boxes, scores, self.setting.nms[1])
        return squared(calibrated(boxes[kept], offsets[kept]))

    def _refine(self, picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        if len(boxes) == 0:
            return boxes
        score, offset = self._rnet.run(None, {"crops": crops_of(picture, boxes, RNET_SIDE_PX)})
        passed = score >= self.setting.thresholds[1]
        boxes, score, offset = boxes[passed], score[passed], offset[passed]
        kept = suppress(boxes, score, self.setting.nms[2])
        return squared(calibrated(boxes[kept], offset[kept]))

    def _output(self, picture: np.ndarray, boxes: np.ndarray, frame_scale: float) -> Faces:
        if len(boxes) == 0:
            return Faces(np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2)))
        crops = crops_of(picture, boxes, ONET_SIDE_PX)
        score, offset, points = self._onet.run(None, {"crops": crops})
        passed = score >= self.setting.thresholds[2]
        boxes, score, offset, points = boxes[passed], score[passed], offset[passed], points[passed]
        size = (boxes[:, 2:] - boxes[:, :2])[:, None]
        landmarks = boxes[:, None, :2] + points.reshape(-1, 5, 2) * size
        boxes = calibrated(boxes, offset)
        kept = suppress(boxes, score, self.setting.nms[3], over_smaller=True)
        return Faces(boxes[kept] / frame_scale, score[kept], landmarks[kept] / frame_scale)


def suppress(
    boxes: np.ndarray, scores: np.ndarray, limit: float, *, over_smaller: bool = False
) -> np.ndarray:
    """Non-maximum suppression: indices that stay, best first.

    over_smaller: overlap is measured against the smaller box instead of the union.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        smaller = np.minimum(areas[best], areas[rest])
        whole = smaller if over_smaller else areas[best] + areas[rest] - shared
        order = rest[shared <= limit * whole]
    return np.array(kept, np.int64)


def calibrated(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Moves each corner by its offset, in units of the box."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * np.hstack([size, size])


def squared(boxes: np.ndarray) -> np.ndarray:
    """Grows each box about its centre to a square on its longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([centre - half, centre + half])


def crops_of(picture: np.ndarray, boxes: np.ndarray, side_px: int) -> np.ndarray:
    """uint8 [N,side,side,3]: each box cut out, black beyond the picture, and scaled."""
    height, width = picture.shape[:2]
    crops = np.zeros((len(boxes), side_px, side_px, 3), np.uint8)
    for crop, box in zip(crops, np.rint(boxes).astype(int), strict=True):
        x1, y1, x2, y2 = box
        left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
        if right <= left or bottom <= top:
            continue
        region = np.zeros((y2 - y1, x2 - x1, 3), np.uint8)
        region[top - y1 : bottom - y1, left - x1 : right - x1] = picture[top:bottom, left:right]
        crop[:] = cv2.resize(region, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return crops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "images", type=Path, help="folder of pictures, searched with its subfolders"
    )
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--min-face", type=float, help="smallest face in pixels")
    parser.add_argument("--setting", choices=sorted(SETTINGS), default="tools")
    parser.add_argument("--models", type=Path, default=MODELS / "fp32")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    setting = SETTINGS[arguments.setting]
    if arguments.min_face is not None:
        setting = Setting(**{**vars(setting), "min_face_px": arguments.min_face})
    detector = ReferenceMtcnn(arguments.models, setting, arguments.threads)
    with_face, took_ms = 0, []
    paths = sorted(arguments.images.rglob("*.jpg"))[: arguments.limit]
    if not paths:
        raise SystemExit(f"no .jpg under {arguments.images}")
    for path in paths:
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"{path} cannot be read")
        start = time.perf_counter()
        faces = detector.detect(picture)
        took_ms.append((time.perf_counter() - start) * 1000)
        with_face += len(faces.scores) > 0
    result = {
        "images": len(paths),
        "withFace": with_face,
        "p50Ms": round(statistics.median(took_ms), 2),
        "threads": arguments.threads,
        "setting": vars(setting),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
