"""What a training run can be told: names, types, defaults and bounds in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from faceeval_training.backbones.catalogue import BACKBONES
from faceeval_training.heads import HEADS
from faceeval_training.losses import LOSSES

Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationSettings(_Strict):
    """Chances are those of one image; ranges are symmetric around "unchanged".

    stretch, blend and splice make faces of people who do not exist: wider ones, two laid over each
    other, two joined along a line. Only a live teacher can say what to see in the last two.
    """

    flip: Share = 0.5
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.08
    stretch: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    blend: Share = 0.0
    splice: Share = 0.0
    rotation_deg: Annotated[float, Field(ge=0, le=45)] = 6.0
    shift_px: Annotated[float, Field(ge=0, le=16)] = 3.0
    low_resolution: Share = 0.1
    blur: Share = 0.1
    colour: Share = 0.3
    grey: Share = 0.02


NO_AUGMENTATION = AugmentationSettings(
    flip=0, scale=0, rotation_deg=0, shift_px=0, low_resolution=0, blur=0, colour=0, grey=0
)


class HintSettings(_Strict):
    """A map of the student that shall tell as much as one of the teacher.

    student: a module of the backbone, as `layer2`; teacher: a tensor [N,C,H,W] of its graph.
    """

    student: str
    teacher: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class DistillationSettings(_Strict):
    """How the templates of a teacher are learned from.

    templates: `stored` computes those of the plain and the mirrored faces once; `live` asks the
    teacher about every augmented picture that the student sees, which costs its time but teaches
    more; hints need it.
    projection: `isometric` lifts the teacher's templates into the student's space by a fixed
    orthonormal matrix, which keeps every cosine; `learned` maps the student's embeddings to the
    teacher's length by a trained matrix. Of no effect where the lengths are equal.
    relation_weight: weight of the difference between the two cosine matrices of a batch.
    label_weight: weight of the head's loss on labelled images; 0 does without a head.
    """

    teacher: Path
    templates: Literal["stored", "live"] = "stored"
    hints: tuple[HintSettings, ...] = ()
    loss: Literal["cosine", "l2"] = "cosine"
    weight: Annotated[float, Field(gt=0)] = 1.0
    relation_weight: Annotated[float, Field(ge=0)] = 0.0
    label_weight: Annotated[float, Field(ge=0)] = 0.0
    projection: Literal["isometric", "learned"] = "isometric"
    teacher_batch: Annotated[int, Field(gt=0)] = 32

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hints and self.templates != "live":
            raise ValueError("hints need templates: live, for the maps are not kept")
        return self


class Settings(_Strict):
    """One training run. docs/training.md explains each key; SEED_NAMES has the seed's names."""

    seed: int = 1337
    data_root: tuple[Path, ...]
    samples_per_epoch: Annotated[int, Field(gt=0)] | None = None
    sampling: Literal["balanced", "uniform"] = "balanced"
    min_images_per_identity: Annotated[int, Field(ge=1)] = 1
    snapshots_per_epoch: Annotated[int, Field(ge=0)] = 10
    with_validation: bool = False
    validation_root: Path | None = None
    validation_pairs: Path | None = None
    validation_pair_count: Annotated[int, Field(ge=20)] = 6000

    output_dir: Path = Path("output")
    backbone_resume: Path | None = None
    head_resume: Path | None = None
    pretrained: bool | Path = False
    save_checkpoint: bool = True
    checkpoint_every_steps: Annotated[int, Field(gt=0)] | None = None
    tensorboard: bool = True

    backbone: str = "ResNet_50"
    head: str = "ArcFace"
    loss: str = "Focal"
    head_scale: Annotated[float, Field(gt=0)] | None = None
    head_margin: Annotated[float, Field(ge=0)] | None = None
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    input_size: Literal[112, 224] = 112
    training_size: dict[int, Annotated[int, Field(ge=32)]] = {}
    embedding_size: Annotated[int, Field(gt=1)] = 512
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    colour: Literal["RGB", "BGR"] = "RGB"
    augmentation: AugmentationSettings = AugmentationSettings()

    batch_size: Annotated[int, Field(ge=2)] = 512
    drop_last: bool = True
    learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    head_learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    epochs: Annotated[int, Field(gt=0)] = 50
    warmup_epochs: Annotated[float, Field(ge=0)] | None = None
    schedule: Literal["stages", "cosine", "trapezoid"] = "stages"
    stages: tuple[float, ...] = (20, 30, 45)
    cooldown_epochs: Annotated[int, Field(ge=0)] = 0
    optimiser: Literal["sgd", "adamw"] = "sgd"
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    freeze_batch_norm: bool = False
    frozen: tuple[str, ...] = ()

    gpu_ids: tuple[int, ...] = ()
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = False
    sync_batch_norm: bool = False
    threads: Annotated[int, Field(gt=0)] | None = None
    pin_memory: bool = True
    workers: Annotated[int, Field(ge=0)] = 4

    quantisation_aware: bool = False
    quantisation_epochs: Annotated[int, Field(gt=0)] = 2
    quantisation_learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    quantisation_calibration_images: Annotated[int, Field(gt=0)] = 512
    distillation: DistillationSettings | None = None

    @field_validator("data_root", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value

    @field_validator("training_size", mode="before")
    @classmethod
    def _from_the_first_epoch(cls, value: object) -> object:
        if value is None:
            return {}
        return {0: value} if isinstance(value, int | str) else value

    @field_validator("input_size", mode="before")
    @classmethod
    def _square(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            if len(value) != 2 or value[0] != value[1]:
                raise ValueError("the input is square: [112, 112] or [224, 224]")
            return value[0]
        return value

    def training_size_at(self, epoch: int) -> int | None:
        """Side of the pictures in this epoch, counted from 0; None for the input's own."""
        begun = [first for first in self.training_size if first <= epoch]
        return self.training_size[max(begun)] if begun else None

    @field_validator("backbone", "head", "loss")
    @classmethod
    def _known(cls, value: str, info) -> str:
        known = {"backbone": tuple(BACKBONES), "head": HEADS, "loss": LOSSES}[info.field_name]
        if value not in known:
            raise ValueError(f"{value!r} is not one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.with_validation and self.validation_root is None:
            raise ValueError("with_validation needs validation_root")
        if self.pretrained is True and self.backbone_resume is None:
            raise ValueError("pretrained: true needs backbone_resume; or name the weights' file")
        if list(self.stages) != sorted(self.stages):
            raise ValueError("stages are epochs in ascending order")
        if self.training_size and "ResNet" not in self.backbone:
            raise ValueError("training_size is for the ResNets: others fix the size of their maps")
        if self.cooldown_epochs > self.epochs:
            raise ValueError("cooldown_epochs are the last of the epochs, and there are fewer")
        teaching = self.distillation
        told_live = teaching is not None and teaching.templates == "live"
        if self.augmentation.blend + self.augmentation.splice > 0 and (
            not told_live or teaching.label_weight > 0
        ):
            raise ValueError("blend and splice need a live teacher, and no labels beside it")
        return self
