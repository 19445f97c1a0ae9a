"""The whole conversion, where the published packages are in the cache; and the shipped files."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from golden import golden_cases, largest_difference
from liveness import convert_liveness
from manifest import read_manifest
from mobilefacenet import convert_mobilefacenet
from mtcnn import convert_mtcnn
from packages import LIVENESS, MOBILEFACENET, ONET, PNET, RNET, fetch
from synthetic import synthetic_picture

MODELS = Path(__file__).resolve().parents[3] / "models"
CACHE = Path(os.environ.get("FACEEVAL_NPM_CACHE", Path.home() / ".cache" / "faceeval" / "npm"))
TOLERANCE = 5e-6

needs_packages = pytest.mark.skipif(
    not all((CACHE / w.archive).exists() for w in (PNET, LIVENESS)),
    reason=f"the published packages are not in {CACHE}: run training/convert/convert.py first",
)


@needs_packages
@pytest.mark.parametrize("blocked", [False, True])
def test_converted_nets_answer_as_their_sources_do(tmp_path: Path, blocked: bool) -> None:
    for kind, weights in (("pnet", PNET), ("rnet", RNET), ("onet", ONET)):
        target = tmp_path / f"mtcnn-{kind}.onnx"
        convert_mtcnn(fetch(weights, CACHE), kind, target, blocked=blocked)
    recogniser = tmp_path / "mobilefacenet-192.onnx"
    convert_mobilefacenet(fetch(MOBILEFACENET, CACHE), recogniser, blocked=blocked)
    convert_liveness(fetch(LIVENESS, CACHE), tmp_path / "liveness-128.onnx", blocked=blocked)
    for pictures, case in golden_cases(CACHE):
        assert largest_difference(tmp_path / case["file"], pictures, case) < TOLERANCE, case["file"]


@needs_packages
def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    target = tmp_path / f"{PNET.package}-{PNET.version}" / PNET.path
    target.parent.mkdir(parents=True)
    target.write_bytes(b"something else")
    (tmp_path / PNET.archive).symlink_to(CACHE / PNET.archive)
    with pytest.raises(ValueError, match="checksum"):
        fetch(PNET, tmp_path)


def test_shipped_nets_still_answer_as_the_golden_file_says() -> None:
    golden = json.loads((MODELS / "golden" / "golden.json").read_text())
    for case in golden["nets"]:
        _, height, width, _ = case["dims"]
        pictures = np.stack([synthetic_picture(height, width, n) for n in case["numbers"]])
        for form in ("fp32", "fp32-x86"):
            assert largest_difference(MODELS / form / case["file"], pictures, case) < TOLERANCE


def test_the_manifest_names_the_files_that_are_there() -> None:
    for build in read_manifest(MODELS)["builds"]:
        for file in build["files"]:
            path = MODELS / file["path"]
            if not path.exists():
                continue
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"], file["path"]
            assert path.stat().st_size == file["bytes"]


def test_pnet_does_not_turn_the_picture() -> None:
    session = onnxruntime.InferenceSession(str(MODELS / "fp32" / "mtcnn-pnet.onnx"))
    score, offset = session.run(None, {"image": synthetic_picture(40, 60, 0)[None]})
    assert score.shape == (1, 15, 25) and offset.shape == (1, 4, 15, 25)


def test_batches_do_not_change_a_template() -> None:
    session = onnxruntime.InferenceSession(str(MODELS / "fp32" / "mobilefacenet-192.onnx"))
    faces = np.stack([synthetic_picture(112, 112, n) for n in range(3)])
    [together] = session.run(None, {"faces": faces})
    for face, template in zip(faces, together, strict=True):
        [alone] = session.run(None, {"faces": face[None]})
        np.testing.assert_allclose(alone[0], template, atol=1e-5)
        assert np.linalg.norm(template) == pytest.approx(1, abs=1e-5)
