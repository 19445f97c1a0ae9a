"""Entries of models/manifest.json for the builds that are trained here."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from faceeval_training.errors import TrainingError

SCHEMA = 1
PRECISIONS = ("fp32", "fp16", "int8", "mixed")


def recogniser_entry(
    models: Path,
    path: Path,
    *,
    build_id: str,
    family: str,
    precision: str,
    trained: bool,
    source: str,
    licence: str,
    mean: Sequence[float],
    std: Sequence[float],
    **figures: Mapping[str, Any],
) -> dict[str, Any]:
    """The entry of a recogniser whose file lies below `models`.

    mean and std are per channel in BGR; the manifest holds one number where all are equal.
    """
    graph = onnx.load(path, load_external_data=False).graph
    faces, template = _tensor(graph.input[0]), _tensor(graph.output[0])
    return {
        "id": build_id,
        "role": "recogniser",
        "family": family,
        "precision": precision,
        "files": [
            {
                "name": "net",
                "path": path.resolve().relative_to(models.resolve()).as_posix(),
                "sha256": sha256_of(path),
                "bytes": path.stat().st_size,
                "inputs": [faces],
                "outputs": [template],
            }
        ],
        "source": source,
        "licence": licence,
        "weights": "trained" if trained else "untrained",
        "input": {
            "name": faces["name"],
            "layout": "NHWC",
            "sidePx": faces["shape"][1],
            "colour": "BGR",
            "dtype": "uint8",
            "mean": _one_or_all(mean),
            "std": _one_or_all(std),
            "alignment": f"arcface-{faces['shape'][1]}",
        },
        "output": {"name": template["name"], "dimension": template["shape"][1], "normalised": True},
        "preferredOn": [],
        **figures,
    }


def sha256_of(path: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_build(models: Path, build: Mapping[str, Any]) -> None:
    """Adds a build to the manifest, or puts it where the one of the same id stands.

    The manifest is replaced whole, so a reader never sees half of one.
    """
    path = models / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {"schema": SCHEMA, "builds": []}
    builds = manifest["builds"]
    place = next((i for i, old in enumerate(builds) if old["id"] == build["id"]), len(builds))
    builds[place : place + 1] = [dict(build)]
    write_json(path, manifest)


def note_file(models: Path, path: Path) -> None:
    """Brings checksum and size of a file that was written anew into its build's entry.

    Raises TrainingError when no build of the manifest has this file.
    """
    manifest = json.loads((models / "manifest.json").read_text())
    place = path.resolve().relative_to(models.resolve()).as_posix()
    files = [file for build in manifest["builds"] for file in build["files"]]
    entry = next((file for file in files if file["path"] == place), None)
    if entry is None:
        raise TrainingError(f"no build of {models / 'manifest.json'} has the file {place}")
    now = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    if entry | now != entry:
        entry.update(now)
        write_json(models / "manifest.json", manifest)


def write_json(path: Path, value: Any) -> None:
    """Replaces a JSON file by writing beside it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    Path(partial).chmod(0o644)
    Path(partial).replace(path)


def _one_or_all(values: Sequence[float]) -> float | list[float]:
    return values[0] if len(set(values)) == 1 else list(values)


def _tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = value.type.tensor_type
    return {
        "name": value.name,
        "dtype": onnx.TensorProto.DataType.Name(kind.elem_type).lower(),
        "shape": [d.dim_param or d.dim_value for d in kind.shape.dim],
    }


def add_variant(models: Path, source: Path, target: Path, precision: str, suffix: str) -> None:
    """Writes the entry of a build made from another; does nothing where that one has none.

    Measured figures and thresholds are not taken over: they belong to the file they came from.
    """
    path = models / "manifest.json"
    builds = json.loads(path.read_text())["builds"] if path.exists() else []
    place = _below(models, source)
    base = next((b for b in builds if any(f["path"] == place for f in b["files"])), None)
    if base is None:
        return
    kept = {k: v for k, v in base.items() if k not in ("thresholds", "measured")}
    file = {
        **base["files"][0],
        "path": _below(models, target),
        "sha256": sha256_of(target),
        "bytes": target.stat().st_size,
    }
    build_id = f"{base['family']}-{precision}{suffix}"
    write_build(models, {**kept, "id": build_id, "precision": precision, "files": [file]})


def _below(models: Path, path: Path) -> str:
    resolved, root = path.resolve(), models.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(path)
