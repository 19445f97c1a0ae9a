"""Reading a run's YAML file, in our names or in the seed's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from faceeval_training.errors import TrainingError
from faceeval_training.settings import AugmentationSettings, DistillationSettings, Settings

# The seed's key to ours. WITH_VAIDL is how the seed spells it.
SEED_NAMES = {
    "SEED": "seed",
    "DATA_ROOT": "data_root",
    "BATCH_SAMPLE_NUM": "samples_per_epoch",
    "SNAPSHOT": "snapshots_per_epoch",
    "WITH_VAIDL": "with_validation",
    "WITH_VALID": "with_validation",
    "VAL_DATA_ROOT": "validation_root",
    "MODEL_ROOT": "output_dir",
    "BACKBONE_RESUME_ROOT": "backbone_resume",
    "HEAD_RESUME_ROOT": "head_resume",
    "PRETRAINED_MODEL": "pretrained",
    "BACKBONE_NAME": "backbone",
    "HEAD_NAME": "head",
    "LOSS_NAME": "loss",
    "INPUT_SIZE": "input_size",
    "RGB_MEAN": "mean",
    "RGB_STD": "std",
    "EMBEDDING_SIZE": "embedding_size",
    "BATCH_SIZE": "batch_size",
    "DROP_LAST": "drop_last",
    "LR": "learning_rate",
    "NUM_EPOCH": "epochs",
    "WEIGHT_DECAY": "weight_decay",
    "MOMENTUM": "momentum",
    "STAGES": "stages",
    "GPU_ID": "gpu_ids",
    "PIN_MEMORY": "pin_memory",
    "NUM_WORKERS": "workers",
    "SAVE_CHECKPOINT": "save_checkpoint",
    "SAVE_QUANT_MODEL": "quantisation_aware",
}
NESTED: dict[str, type[BaseModel]] = {
    "augmentation": AugmentationSettings,
    "distillation": DistillationSettings,
}


def load_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Settings of a YAML file; each override is `key=value`, the value in YAML.

    Raises TrainingError that names the key, what was expected and the nearest key there is.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is not text in UTF-8: {error}") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise TrainingError(f"{path} must hold `key: value` lines")
    merged = _our_names(values, str(path))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise TrainingError(f"--set takes key=value, not {override!r}")
        merged = _with_value(merged, key.split("."), _value(override, text))
    return settings_from(merged, str(path))


def settings_from(values: Mapping[str, Any], origin: str = "settings") -> Settings:
    """Settings of a mapping in our names or the seed's."""
    named = _our_names(values, origin)
    try:
        return Settings.model_validate(named)
    except ValidationError as error:
        lines = [_problem(problem) for problem in error.errors()]
        raise TrainingError(f"{origin}: " + "; ".join(lines)) from error


def _our_names(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for key, value in values.items():
        name = SEED_NAMES.get(str(key), str(key))
        _must_exist(name, Settings, origin)
        if name in named:
            raise TrainingError(f"{origin}: {key} and another key both set {name}")
        if name in NESTED and isinstance(value, dict):
            for inner in value:
                _must_exist(str(inner), NESTED[name], f"{origin}: {name}")
        named[name] = value
    return named


def _must_exist(key: str, model: type[BaseModel], origin: str) -> None:
    if key in model.model_fields:
        return
    # Ours first, the seed's for those who write in capitals.
    known = list(SEED_NAMES if key.isupper() and model is Settings else model.model_fields)
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise TrainingError(f"{origin}: there is no key {key}{hint}")


def _value(override: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f"--set {override}: the value is not YAML: {error}") from error


def _with_value(values: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    head = SEED_NAMES.get(path[0], path[0])
    if len(path) == 1:
        return {**values, head: value}
    inner = values.get(head) or {}
    if not isinstance(inner, dict):
        raise TrainingError(f"--set: {head} has no keys inside, so there is no {'.'.join(path)}")
    return {**values, head: _with_value(inner, path[1:], value)}


def _problem(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "settings"
    return f"{where}: {problem['msg']} (given: {problem['input']!r:.60})"
