"""models/manifest.json: one entry a build, replaced by id."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

SCHEMA = 1


def describe_file(models: Path, name: str, path: Path) -> dict[str, Any]:
    """Entry of one file; `name` is pnet, rnet, onet or net."""
    return {
        "name": name,
        "path": path.relative_to(models).as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
    }


def write_build(models: Path, build: dict[str, Any]) -> None:
    """Adds a build, or replaces the one of the same id where it stands. Keeps its thresholds and
    measured figures when the new entry does not bring its own."""
    path = models / "manifest.json"
    manifest = {"schema": SCHEMA, "builds": []}
    if path.exists():
        manifest = json.loads(path.read_text())
    builds: list[dict[str, Any]] = manifest["builds"]
    place = next((i for i, old in enumerate(builds) if old["id"] == build["id"]), len(builds))
    if place < len(builds):
        kept = {k: builds[place][k] for k in ("thresholds", "measured") if k in builds[place]}
        builds[place] = {**kept, **build}
    else:
        builds.append(build)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    os.replace(partial, path)
