"""One training run, from the first step or from where an earlier one stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from faceeval_training.data.identity_folders import FaceList
from faceeval_training.data.loading import Batch, DrawnFaces, TeacherLookup, open_loader
from faceeval_training.data.sampling import Draw, epoch_order, rank_batches
from faceeval_training.deployment.deployment_graph import DeploymentGraph
from faceeval_training.distillation.live_teacher import LiveTeacher
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.verification import Verification
from faceeval_training.quantisation.fake_quantisation import (
    is_quantisation_aware,
    set_quantisation,
)
from faceeval_training.recogniser import Outcome, Recogniser
from faceeval_training.settings import Settings
from faceeval_training.training import checkpoint
from faceeval_training.training.checkpoint import BEFORE_COOLDOWN, CHECKPOINT, Progress
from faceeval_training.training.log import RunLog
from faceeval_training.training.meters import EpochMeters
from faceeval_training.training.parameter_groups import (
    align_moments,
    build_optimiser,
    freeze_batch_norm,
    freeze_modules,
)
from faceeval_training.training.processes import Processes
from faceeval_training.training.schedule import learning_rate
from faceeval_training.training.validation import ValidationSet
from faceeval_training.training.weights_file import save_weights

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingRun:
    """Owns net, optimiser and progress of one run on one process."""

    def __init__(
        self,
        settings: Settings,
        net: Recogniser,
        faces: FaceList,
        processes: Processes,
        *,
        resume: bool,
        teacher: TeacherLookup | None = None,
        live_teacher: LiveTeacher | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings, self._faces, self._processes = settings, faces, processes
        self._should_stop = should_stop
        self._live_teacher = live_teacher
        self._dataset = DrawnFaces(faces, settings, teacher)
        self._net = net.to(processes.device)
        if settings.channels_last:
            self._net.backbone.to(memory_format=torch.channels_last)
        self._quantised = is_quantisation_aware(net.backbone)
        self._freeze()
        self._optimiser = build_optimiser(self._net, settings)
        self._scaler = torch.amp.GradScaler(
            processes.device.type, enabled=settings.precision == "fp16"
        )
        self._progress = Progress()
        self._path = settings.output_dir / CHECKPOINT
        self._redrawn = ""
        if resume:
            self._restore()
        elif self._path.exists():
            raise TrainingError(
                f"{self._path} exists; pass --resume to go on, or name another output_dir"
            )
        self._module = self._shared(self._net)
        self._validation = ValidationSet(settings) if settings.with_validation else None
        self._steps = len(self._batches(0))
        self._log = RunLog(
            settings.output_dir,
            leads=processes.leads,
            tensorboard=settings.tensorboard,
            step=self._global_step(),
        )

    def run(self) -> Progress:
        """Trains to the last epoch, or until it is asked to stop; then all is on disk."""
        labelled = len(self._faces.identities)
        self._log.line(
            f"{self._settings.backbone} on {len(self._faces)} images of {labelled} identities, "
            f"epoch {self._progress.epoch + 1} of {self._settings.epochs}, "
            f"{self._steps} steps an epoch, device {self._processes.device}"
        )
        if self._redrawn:
            self._log.line(self._redrawn)
        try:
            while self._progress.epoch < self._settings.epochs:
                self._keep_before_cooldown()
                if not self._epoch():
                    self._save()
                    self._log.line(f"stopped at step {self._global_step()}; go on with --resume")
                    break
        finally:
            self._log.close()
        return self._progress

    def _keep_before_cooldown(self) -> None:
        """A longer run can go on from where the rate had not fallen yet."""
        settings, progress = self._settings, self._progress
        begins = settings.epochs - settings.cooldown_epochs
        if settings.schedule != "trapezoid" or settings.cooldown_epochs == 0:
            return
        at_the_edge = (progress.epoch, progress.step) == (begins, 0)
        if at_the_edge and self._processes.leads and self._path.exists():
            shutil.copyfile(self._path, self._path.with_name(BEFORE_COOLDOWN))

    def _shared(self, net: Recogniser) -> nn.Module:
        if self._processes.world == 1:
            return net
        device = self._processes.device
        if self._settings.sync_batch_norm and device.type == "cuda":
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return DistributedDataParallel(net, [device.index] if device.type == "cuda" else None)

    def _batches(self, epoch: int) -> list[list[Draw]]:
        settings, processes = self._settings, self._processes
        order = epoch_order(
            self._faces.labels,
            balanced=settings.sampling == "balanced",
            count=settings.samples_per_epoch or len(self._faces),
            seed=settings.seed,
            epoch=epoch,
        )
        return rank_batches(
            order,
            epoch=epoch,
            batch_size=settings.batch_size,
            drop_last=settings.drop_last,
            rank=processes.rank,
            world=processes.world,
        )

    def _global_step(self) -> int:
        return self._progress.epoch * self._steps + self._progress.step

    def _epoch(self) -> bool:
        """Whether the epoch ran to its end."""
        settings, progress = self._settings, self._progress
        self._training_mode()
        batches = self._batches(progress.epoch)[progress.step :]
        loader = open_loader(
            self._dataset,
            batches,
            settings,
            cuda=self._processes.device.type == "cuda",
            ask=self._live_teacher,
        )
        meters = EpochMeters()
        every = (
            max(1, self._steps // settings.snapshots_per_epoch)
            if (settings.snapshots_per_epoch)
            else 0
        )
        bar = tqdm(
            loader,
            desc=f"epoch {progress.epoch + 1}/{settings.epochs}",
            initial=progress.step,
            total=self._steps,
            unit="step",
            disable=None if self._processes.leads else True,
            leave=False,
        )
        for batch in bar:
            if isinstance(batch, TrainingError):
                bar.close()
                self._keep_steps()
                raise batch
            labels = batch.labels
            outcome, rate = self._step(batch.to(self._processes.device))
            progress.step += 1
            meters.add(outcome, labels.to(self._processes.device))
            if every and progress.step % every == 0:
                self._snapshot(meters, rate)
            saves = settings.checkpoint_every_steps
            if saves and progress.step % saves == 0 and progress.step < self._steps:
                self._save()
            if self._should_stop() and progress.step < self._steps:
                bar.close()
                return False
        self._end_epoch(meters)
        return True

    def _keep_steps(self) -> None:
        """Before an end that has nothing to do with the net: a bad file late in a long epoch.

        Saving takes all processes, and of several the others know nothing of it.
        """
        if self._processes.world == 1 and self._progress.step > 0:
            self._save()
            self._log.line(f"saved at step {self._global_step()}; go on with --resume")

    def _training_mode(self) -> None:
        self._module.train()
        self._net.training_size = self._settings.training_size_at(self._progress.epoch)
        self._freeze()
        if self._quantised:
            set_quantisation(self._net.backbone, observing=True, rounding=True)

    def _freeze(self) -> None:
        if self._settings.freeze_batch_norm:
            freeze_batch_norm(self._net.backbone)
        freeze_modules(self._net.backbone, self._settings.frozen)

    def _step(self, batch: Batch) -> tuple[Outcome, float]:
        settings = self._settings
        rate = learning_rate(settings, self._global_step(), self._steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        kind = PRECISIONS[settings.precision]
        with torch.autocast(
            self._processes.device.type, kind, enabled=settings.precision != "fp32"
        ):
            outcome: Outcome = self._module(batch.faces, batch.labels, batch.teacher, batch.maps)
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(outcome.loss).backward()
        if settings.gradient_clip is not None:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._net.parameters(), settings.gradient_clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        if not torch.isfinite(outcome.loss):
            raise TrainingError(
                f"the loss is {outcome.loss.item()} at step {self._global_step()}; lower "
                "learning_rate or set gradient_clip, then go on from the last checkpoint"
            )
        return outcome, rate

    def _snapshot(self, meters: EpochMeters, rate: float) -> None:
        progress = self._progress
        self._log.line(
            f"epoch {progress.epoch + 1}/{self._settings.epochs} "
            f"step {progress.step}/{self._steps} lr {rate:.3g} {meters.line()}"
        )
        values = {f"train/{name}": value for name, value in meters.summary().items()}
        self._log.scalars({**values, "train/lr": rate}, self._global_step())

    def _end_epoch(self, meters: EpochMeters) -> None:
        progress = self._progress
        progress.epoch, progress.step = progress.epoch + 1, 0
        record = {"epoch": progress.epoch, **meters.summary()}
        better = True
        if self._validation is not None:
            result = self._judge(self._validation)
            better = result.accuracy > progress.best_accuracy
            progress.best_accuracy = max(progress.best_accuracy, result.accuracy)
            record |= {
                "validation": result.accuracy,
                "threshold": result.seed_threshold,
                "threshold_cosine": result.threshold_cosine,
            }
            self._log.line(
                f"epoch {progress.epoch} val {100 * result.accuracy:.3f} "
                f"best threshold {result.seed_threshold:.3f} (cosine "
                f"{result.threshold_cosine:.3f})"
            )
            self._log.scalars({"validation/accuracy": result.accuracy}, self._global_step())
        progress.history.append(record)
        self._save(better=better)

    def _judge(self, validation: ValidationSet) -> Verification:
        if self._quantised:
            set_quantisation(self._net.backbone, observing=False, rounding=True)
        graph = DeploymentGraph(self._net.pixels, self._net.backbone)
        return validation.judge(graph, self._processes.device)

    def _save(self, *, better: bool = False) -> None:
        states = self._processes.gather(checkpoint.random_state())
        if not self._processes.leads:
            return
        settings, folder = self._settings, self._settings.output_dir
        if settings.save_checkpoint:
            content = {
                "net": self._net.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "random": states,
                "progress": asdict(self._progress),
                "classes": self._faces.identities,
                "settings": self._settings.model_dump(mode="json"),
            }
            checkpoint.save(self._path, content)
        for suffix in ("last", "best") if better else ("last",):
            self._save_parts(folder, suffix)

    def _save_parts(self, folder: Path, suffix: str) -> None:
        facts = {"steps": self._global_step(), "saved": time.strftime("%Y-%m-%dT%H:%M:%S")}
        quantised = self._quantised
        save_weights(
            folder / f"backbone-{suffix}.pt",
            self._net.backbone,
            self._settings,
            quantised=quantised,
            history=self._progress.history,
            **facts,
        )
        if self._net.head is not None:
            save_weights(
                folder / f"head-{suffix}.pt",
                self._net.head,
                self._settings,
                quantised=False,
                identities=list(self._faces.identities),
                **facts,
            )

    def _restore(self) -> None:
        content = checkpoint.load(self._path)
        if content["classes"] != self._faces.identities:
            raise TrainingError(
                f"{self._path} was made with other identities; train anew with backbone_resume"
            )
        if len(content["random"]) != self._processes.world:
            raise TrainingError(
                f"{self._path} was made by {len(content['random'])} processes, and there are "
                f"{self._processes.world}; start as many"
            )
        now = self._settings.model_dump(mode="json")
        before = {**now, **content.get("settings", {})}
        checkpoint.must_fit(self._path, before, now)
        try:
            self._net.load_state_dict(content["net"])
            self._optimiser.load_state_dict(content["optimiser"])
            align_moments(self._optimiser)
        except (RuntimeError, ValueError, KeyError) as error:
            said = str(error).splitlines()[0]
            raise TrainingError(
                f"{self._path} does not fit what is trained now: {said}; set back what was "
                "changed, or train anew with backbone_resume"
            ) from error
        self._scaler.load_state_dict(content["scaler"])
        self._progress = Progress(**content["progress"])
        redrawn = checkpoint.redrawn_by(before, now)
        if redrawn and self._progress.step > 0:
            self._redrawn = f"{', '.join(redrawn)} changed: epoch {self._progress.epoch + 1} anew"
            self._progress.step = 0
        checkpoint.restore_random_state(content["random"][self._processes.rank])
