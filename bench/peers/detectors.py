"""Face detectors to compare with, each at the setting of the seed's demo as far as it has one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Protocol

import cv2
import numpy as np
from published_nets import PublishedNet
from reference_mtcnn import SETTINGS, WINDOW_PX, ReferenceMtcnn

ROOT = Path(__file__).resolve().parents[2]
SEED = SETTINGS["seed"]
YUNET = "face_detection_yunet_2023mar.onnx"
YUNET_SCORE, YUNET_NMS, YUNET_CANDIDATES = 0.6, 0.3, 5000


class Detector(Protocol):
    """Boxes [N,4] as x1, y1, x2, y2 in pixels of the BGR picture."""

    def __call__(self, bgr: np.ndarray) -> np.ndarray: ...


def straight(threads: int, models: Path, _: Path) -> Detector:
    """The same weights as published and the plain way: a P-Net run a level, a resize a crop."""
    nets = {
        kind: PublishedNet(models / "fp32" / f"mtcnn-{kind}.onnx", threads)
        for kind in ("pnet", "rnet", "onet")
    }
    detector = ReferenceMtcnn.of_nets(**nets, setting=SEED)
    return lambda bgr: detector.detect(bgr).boxes


def straight_with_our_nets(threads: int, models: Path, _: Path) -> Detector:
    """The plain way with our form of the nets: what is left is what the way itself costs."""
    detector = ReferenceMtcnn(models / "fp32-x86", SEED, threads)
    return lambda bgr: detector.detect(bgr).boxes


def paddle(threads: int, models: Path, _: Path) -> Detector:
    """The seed's shape: the same, with PaddlePaddle's inference engine."""
    from paddle_net import PaddleNet

    sides = {"pnet": [1, -1, -1, 3], "rnet": [-1, 24, 24, 3], "onet": [-1, 48, 48, 3]}
    nets = {
        kind: PaddleNet(models / "fp32" / f"mtcnn-{kind}.onnx", threads, shape)
        for kind, shape in sides.items()
    }
    detector = ReferenceMtcnn.of_nets(**nets, setting=SEED)
    return lambda bgr: detector.detect(bgr).boxes


def facenet_pytorch(threads: int, _: Path, __: Path) -> Detector:
    """facenet-pytorch with its own weights."""
    import torch

    torch.set_num_threads(threads)
    _require_batched_nms()
    from facenet_pytorch import MTCNN

    net = MTCNN(
        keep_all=True,
        min_face_size=int(SEED.min_face_px),
        thresholds=list(SEED.thresholds),
        factor=SEED.factor,
        select_largest=False,
        device="cpu",
    )

    def detect(bgr: np.ndarray) -> np.ndarray:
        small = cv2.resize(bgr, None, fx=SEED.frame_scale, fy=SEED.frame_scale)
        boxes, _ = net.detect(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        return np.asarray([] if boxes is None else boxes, float).reshape(-1, 4) / SEED.frame_scale

    return detect


def yunet(threads: int, _: Path, peers: Path) -> Detector:
    """OpenCV's FaceDetectorYN on the scaled frame."""
    cv2.setNumThreads(threads)
    path = peers / YUNET
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    net = cv2.FaceDetectorYN.create(
        str(path), "", (WINDOW_PX, WINDOW_PX), YUNET_SCORE, YUNET_NMS, YUNET_CANDIDATES
    )

    def detect(bgr: np.ndarray) -> np.ndarray:
        small = cv2.resize(bgr, None, fx=SEED.frame_scale, fy=SEED.frame_scale)
        net.setInputSize((small.shape[1], small.shape[0]))
        _, faces = net.detect(small)
        if faces is None:
            return np.empty((0, 4))
        boxes = faces[:, :4].copy()
        boxes[:, 2:] += boxes[:, :2]
        return boxes / SEED.frame_scale

    return detect


def scrfd(threads: int, _: Path, peers: Path) -> Detector:
    """insightface's SCRFD, where somebody has put its weights."""
    path = next(peers.glob("*scrfd*.onnx"), None)
    if path is None:
        raise FileNotFoundError(
            "insightface's package has no weights, and fetches them from a store of its own; "
            f"put scrfd*.onnx into {peers.name}/"
        )
    import onnxruntime
    from insightface.model_zoo.scrfd import SCRFD

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    net = SCRFD(str(path), onnxruntime.InferenceSession(str(path), options))
    net.prepare(-1, input_size=(512, 288), det_thresh=0.5)
    return lambda bgr: net.detect(bgr)[0][:, :4]


def _require_batched_nms() -> None:
    """torchvision's wheels are built for CUDA: beside a CPU build of torch their operators do not
    load. Then OpenCV's suppression, native code too, stands in for the one that is needed."""
    try:
        importlib.import_module("torchvision.ops")
    except (ImportError, OSError, RuntimeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("torchvision", "torchvision.transforms", "torchvision.ops"):
            sys.modules[name] = ModuleType(name)
        sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
        # What else the package imports belongs to its training and its recogniser.
        sys.modules["torchvision"].datasets = sys.modules["torchvision.transforms"]
        sys.modules["torchvision.transforms"].functional = ModuleType("functional")
        boxes = ModuleType("torchvision.ops.boxes")
        boxes.batched_nms = _batched_nms
        sys.modules["torchvision.ops.boxes"] = boxes


def _batched_nms(boxes, scores, groups, threshold):  # noqa: ANN001, ANN202
    import torch

    if boxes.numel() == 0:
        return torch.empty(0, dtype=torch.long)
    corners = boxes.numpy()
    sizes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    kept = cv2.dnn.NMSBoxesBatched(
        sizes.tolist(), scores.tolist(), groups.int().tolist(), -1.0, float(threshold)
    )
    return torch.as_tensor(np.asarray(kept, np.int64))


DETECTORS: dict[str, Callable[[int, Path, Path], Detector]] = {
    "straight Python, ONNX Runtime": straight,
    "straight Python, our form of the nets": straight_with_our_nets,
    "straight Python, PaddlePaddle": paddle,
    "facenet-pytorch MTCNN": facenet_pytorch,
    "YuNet, OpenCV": yunet,
    "SCRFD, insightface": scrfd,
}
