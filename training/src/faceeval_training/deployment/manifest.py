"""Entries of models/manifest.json for the builds that are trained here."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from faceeval_training.errors import TrainingError

SCHEMA = 1
AWARE = "quantisation-aware training"
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
    path, manifest = _manifest(models)
    builds = manifest["builds"]
    place = next((i for i, old in enumerate(builds) if old["id"] == build["id"]), len(builds))
    builds[place : place + 1] = [dict(build)]
    write_json(path, manifest)


def take_family(models: Path, family: str, *, replace: bool) -> tuple[str, ...]:
    """Makes the name of a family free for weights that are new to it; the ids that left for it.

    Templates of one family are compared with each other whichever build made them, so the builds
    of other weights must go. Their files stay.

    Raises TrainingError when the manifest has the family and `replace` is not asked for.
    """
    path, manifest = _manifest(models)
    others = [build for build in manifest["builds"] if build["family"] == family]
    trained = [build for build in others if build["weights"] == "trained"]
    if trained and not replace:
        raise TrainingError(
            f"{path} has the family {family} already ({trained[0]['source']}); choose another "
            "--name, or --replace it: the daemon compares templates within a family"
        )
    if others:
        manifest["builds"] = [build for build in manifest["builds"] if build["family"] != family]
        write_json(path, manifest)
    return tuple(build["id"] for build in others)


def must_be_of_training(models: Path, family: str, roots: str) -> None:
    """Raises TrainingError when the manifest has the family with weights that others trained."""
    path, manifest = _manifest(models)
    ours = re.compile(rf"(trained by faceeval_training|{AWARE}) on {re.escape(roots)}(,.*)?")
    for build in manifest["builds"]:
        if build["family"] == family and ours.fullmatch(build["source"]) is None:
            raise TrainingError(
                f"{path} has the family {family} from other weights ({build['source']}); give the "
                "--name that the run was exported under"
            )


def _manifest(models: Path) -> tuple[Path, dict[str, Any]]:
    """Where the manifest lies, and what it says; an empty one where there is none yet."""
    path = models / "manifest.json"
    empty = {"schema": SCHEMA, "builds": []}
    return path, json.loads(path.read_text()) if path.exists() else empty


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


def add_variant(models: Path, source: Path, target: Path, precision: str, suffix: str) -> bool:
    """Writes the entry of a build made from another; false where that one has none.

    Measured figures and thresholds are not taken over: they belong to the file they came from.
    """
    _, manifest = _manifest(models)
    place = _below(models, source)
    base = next(
        (b for b in manifest["builds"] if any(f["path"] == place for f in b["files"])), None
    )
    if base is None:
        return False
    kept = {k: v for k, v in base.items() if k not in ("thresholds", "measured")}
    file = {
        **base["files"][0],
        "path": _below(models, target),
        "sha256": sha256_of(target),
        "bytes": target.stat().st_size,
    }
    build_id = f"{base['family']}-{precision}{suffix}"
    write_build(models, {**kept, "id": build_id, "precision": precision, "files": [file]})
    return True


def _below(models: Path, path: Path) -> str:
    resolved, root = path.resolve(), models.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(path)
