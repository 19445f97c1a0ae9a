"""Setting a run up: faces, net, first weights, teacher and quantisation."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from faceeval_training.backbones.resnet import ResNet
from faceeval_training.data.identity_folders import FaceList, read_faces
from faceeval_training.data.pictures import decode_batches
from faceeval_training.distillation.live_teacher import LiveTeacher
from faceeval_training.distillation.teacher import CachedTeacher
from faceeval_training.errors import TrainingError
from faceeval_training.quantisation.fake_quantisation import (
    prepare_quantisation,
    set_quantisation,
)
from faceeval_training.recogniser import Recogniser
from faceeval_training.settings import DistillationSettings, Settings
from faceeval_training.training.checkpoint import CHECKPOINT, Progress, seed_everything
from faceeval_training.training.processes import Processes, joined
from faceeval_training.training.run import TrainingRun
from faceeval_training.training.unfolding import restore_batch_norms, take_over_build
from faceeval_training.training.weights import Loaded, find_weights, load_weights

QUANTISED_FOLDER = "quantised"
CALIBRATION_BATCH = 32


def train(
    settings: Settings,
    *,
    resume: bool,
    faces: FaceList | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Progress:
    """Trains as the settings say; with quantisation_aware, in FP32 first and then with rounding.

    Raises TrainingError for data, weights or settings that do not fit.
    """
    with joined(settings) as processes:
        faces = faces or read_faces(settings.data_root, settings.min_images_per_identity)
        progress = _phase(settings, faces, processes, resume, should_stop, quantise=False)
        if settings.quantisation_aware and progress.epoch == settings.epochs:
            processes.wait()
            second = quantisation_settings(settings, settings.output_dir)
            begun = (second.output_dir / CHECKPOINT).exists()
            progress = _phase(
                second, faces, processes, resume and begun, should_stop, quantise=True
            )
        return progress


def train_quantised(
    settings: Settings,
    weights: Path,
    *,
    resume: bool,
    faces: FaceList | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Progress:
    """The second phase alone, from the weights of a run that is done."""
    with joined(settings) as processes:
        faces = faces or read_faces(settings.data_root, settings.min_images_per_identity)
        second = quantisation_settings(settings, weights)
        return _phase(second, faces, processes, resume, should_stop, quantise=True)


def quantisation_settings(settings: Settings, weights: Path) -> Settings:
    """A short run at a small, falling rate from finished weights."""
    return settings.model_copy(
        update={
            "output_dir": settings.output_dir / QUANTISED_FOLDER,
            "backbone_resume": weights,
            "head_resume": weights if _has_head(weights) else None,
            "pretrained": False,
            "epochs": settings.quantisation_epochs,
            "learning_rate": settings.quantisation_learning_rate,
            "schedule": "cosine",
            "warmup_epochs": 0.0,
            "cooldown_epochs": 0,
            "freeze_batch_norm": False,
            "frozen": (),
            "precision": "fp32",
            "training_size": {},
            "distillation": without_hints(settings.distillation),
        }
    )


def without_hints(distillation: DistillationSettings | None) -> DistillationSettings | None:
    """The stages are folded away where rounding is learned."""
    return None if distillation is None else distillation.model_copy(update={"hints": ()})


def _has_head(weights: Path) -> bool:
    return weights.is_dir() and any(weights.glob("head-*.pt"))


def _phase(
    settings: Settings,
    faces: FaceList,
    processes: Processes,
    resume: bool,
    should_stop: Callable[[], bool],
    *,
    quantise: bool,
) -> Progress:
    seed_everything(settings.seed + processes.rank)
    teacher = _teacher(settings, faces, processes, should_stop)
    # Every process starts from the same weights; what they draw later (dropout) differs.
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = Recogniser(
            settings,
            len(faces.identities),
            teacher.size if teacher else 0,
            teacher.channels if isinstance(teacher, LiveTeacher) else (),
        )
    if net.head is not None and len(faces.identities) < 2:
        raise TrainingError(
            f"{settings.head} tells identities apart, and there is one only: {faces.identities[0]}"
        )
    quiet = resume or not processes.leads
    _take_over_weights(net, faces, settings, resume=resume, quiet=quiet)
    if quantise:
        net.backbone = prepare_quantisation(net.backbone)
        if not resume:
            calibrate(net, faces, settings)
    run = TrainingRun(
        settings,
        net,
        faces,
        processes,
        resume=resume,
        teacher=teacher.lookup if isinstance(teacher, CachedTeacher) else None,
        live_teacher=teacher if isinstance(teacher, LiveTeacher) else None,
        should_stop=should_stop,
    )
    return run.run()


def _teacher(
    settings: Settings,
    faces: FaceList,
    processes: Processes,
    should_stop: Callable[[], bool],
) -> CachedTeacher | LiveTeacher | None:
    distillation = settings.distillation
    if distillation is None:
        return None
    if distillation.label_weight > 0 and not faces.identities:
        raise TrainingError("label_weight needs identities; all folders are called _")
    if distillation.templates == "live":
        maps = [hint.teacher for hint in distillation.hints]
        # Asked in the loader's processes, each of them gives it one core.
        threads = 1 if settings.workers else settings.threads or 0
        return LiveTeacher(distillation.teacher, maps, threads)
    teacher = CachedTeacher(settings, faces)
    if processes.leads:
        teacher.fill(should_stop)
    processes.wait()
    teacher.open()
    return teacher


def _take_over_weights(
    net: Recogniser, faces: FaceList, settings: Settings, *, resume: bool, quiet: bool
) -> None:
    sources = []
    if isinstance(settings.pretrained, Path):
        sources.append((net.backbone, settings.pretrained))
    elif settings.backbone_resume is not None:
        sources.append((net.backbone, find_weights(settings.backbone_resume, "backbone")))
    if settings.head_resume is not None and net.head is not None and settings.pretrained is False:
        sources.append((net.head, find_weights(settings.head_resume, "head")))
    for part, path in sources:
        if path.suffix == ".onnx" and isinstance(part, ResNet):
            loaded = Loaded(take_over_build(part, path), ())
            if not resume:
                restore_batch_norms(
                    part,
                    lambda pictures: net.backbone(net.pixels(pictures)),
                    sample_faces(faces, settings),
                    settings.frozen,
                )
        else:
            loaded = load_weights(part, path)
        if not quiet:
            left = f"; not: {', '.join(loaded.left)}" if loaded.left else ""
            print(f"took over {loaded.taken} tensors of {path}{left}")


def sample_faces(faces: FaceList, settings: Settings) -> Iterator[torch.Tensor]:
    """Batches of plain faces, uint8 [N,S,S,3], to measure values inside a net with."""
    generator = np.random.default_rng(settings.seed)
    count = min(len(faces), settings.quantisation_calibration_images)
    chosen = generator.choice(len(faces), count, replace=False)
    paths = [faces.paths[i] for i in chosen]
    for pictures in decode_batches(paths, settings.input_size, CALIBRATION_BATCH):
        yield torch.from_numpy(pictures)


@torch.no_grad()
def calibrate(net: Recogniser, faces: FaceList, settings: Settings) -> None:
    """Shows plain faces to the quantisers, so that training starts with sensible ranges."""
    net.backbone.eval()
    set_quantisation(net.backbone, observing=True, rounding=False)
    for pictures in sample_faces(faces, settings):
        net.backbone(net.pixels(pictures))


class StopRequest:
    """True after SIGTERM or SIGINT, or when the time is up; the run then saves and ends."""

    def __init__(self, max_minutes: float | None) -> None:
        self._asked = False
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked or (self._until is not None and time.monotonic() > self._until)
