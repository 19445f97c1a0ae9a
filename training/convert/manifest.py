"""models/manifest.json: one entry a build, replaced by id."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from packages import WeightFile

SCHEMA = 1


def describe_file(models: Path, name: str, path: Path) -> dict[str, Any]:
    """Entry of one file; `name` is pnet, rnet, onet or net. A text in a shape is a free size."""
    graph = onnx.load(path).graph
    return {
        "name": name,
        "path": path.relative_to(models).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "inputs": [_tensor(value) for value in graph.input],
        "outputs": [_tensor(value) for value in graph.output],
    }


def _tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = value.type.tensor_type
    return {
        "name": value.name,
        "dtype": onnx.TensorProto.DataType.Name(kind.elem_type).lower(),
        "shape": [d.dim_param or d.dim_value for d in kind.shape.dim],
    }


def describe_origin(weights: Sequence[WeightFile]) -> dict[str, Any]:
    """Where the weights of a build come from and under which licence."""
    first = weights[0]
    return {
        "source": f"npm {first.package}@{first.version}",
        "sources": [
            {"package": w.package, "version": w.version, "path": w.path, "sha256": w.sha256}
            for w in weights
        ],
        "licence": first.licence,
        "attribution": first.attribution,
        "weights": "trained",
    }


def read_manifest(models: Path) -> dict[str, Any]:
    """The manifest of a folder; an empty one when there is none."""
    path = models / "manifest.json"
    return json.loads(path.read_text()) if path.exists() else {"schema": SCHEMA, "builds": []}


def write_build(models: Path, build: dict[str, Any]) -> None:
    """Adds a build, or replaces the one of the same id where it stands.

    Thresholds and measured figures stay when the new entry does not bring its own and the files
    are still the ones that were measured.
    """
    manifest = read_manifest(models)
    builds: list[dict[str, Any]] = manifest["builds"]
    place = next((i for i, old in enumerate(builds) if old["id"] == build["id"]), len(builds))
    if place == len(builds):
        builds.append(build)
    else:
        old = builds[place]
        kept = _figures(old) if _checksums(old) == _checksums(build) else {}
        builds[place] = {**build, **{k: build.get(k, v) for k, v in kept.items()}}
    path = models / "manifest.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    os.replace(partial, path)


def _figures(build: dict[str, Any]) -> dict[str, Any]:
    return {key: build[key] for key in ("thresholds", "measured") if key in build}


def _checksums(build: dict[str, Any]) -> list[str]:
    return [file["sha256"] for file in build["files"]]
