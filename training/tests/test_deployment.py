"""Manifest entries, commands and weights from ONNX."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from conftest import write_identities
from faceeval_training.backbones.catalogue import build_backbone
from faceeval_training.command_line import main
from faceeval_training.deployment.deployment_graph import DeploymentGraph
from faceeval_training.deployment.manifest import sha256_of, write_build
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import onnx_embedder, torch_embedder
from faceeval_training.evaluation.pair_faces import ARCFACE_112, similarity
from faceeval_training.pixel_input import PixelInput
from faceeval_training.training.start import train
from faceeval_training.training.weights import load_weights
from toy_runs import toy_settings

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "models" / "fp32" / "mobilefacenet-192.onnx"
SHARED = Path(os.environ.get("FACEEVAL_SHARED", REPOSITORY.parent / "shared"))


def entry_of(models: Path, build_id: str) -> dict:
    builds = json.loads((models / "manifest.json").read_text())["builds"]
    return next(build for build in builds if build["id"] == build_id)


def test_untrained_export_and_static_int8_are_in_the_manifest(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert main(["export", "--untrained", "--backbone", "MobileFaceNet", "--models", str(models),
                 "--fp16"]) == 0  # fmt: skip
    plain = models / "fp32" / "mobilefacenet-512-untrained.onnx"
    data = write_identities(tmp_path / "faces", 2, 4)
    assert main(["quantise", "static", str(plain), "--models", str(models), "--faces",
                 str(data)]) == 0  # fmt: skip
    entry = entry_of(models, "mobilefacenet-512-untrained-int8")
    assert entry["weights"] == "untrained"
    assert entry["family"] == "mobilefacenet-512-untrained"
    assert entry["input"]["alignment"] == "arcface-112"
    assert entry["output"] == {"name": "template", "dimension": 512, "normalised": True}
    file = models / entry["files"][0]["path"]
    assert entry["files"][0]["sha256"] == sha256_of(file)
    assert entry["files"][0]["bytes"] == file.stat().st_size < 0.5 * plain.stat().st_size
    assert entry["files"][0]["inputs"][0]["shape"] == ["N", 112, 112, 3]
    half = models / entry_of(models, "mobilefacenet-512-untrained-fp16")["files"][0]["path"]
    faces = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    expected = onnx_embedder(plain)(faces)
    assert (expected * onnx_embedder(half)(faces)).sum(axis=1).min() > 0.999
    plain.unlink()
    assert main(["widen", str(half), "--models", str(models)]) == 0
    assert (expected * onnx_embedder(plain)(faces)).sum(axis=1).min() > 0.999
    graph = onnx.load(plain).graph
    kinds = {tensor.data_type for tensor in graph.initializer}
    assert TensorProto.FLOAT16 not in kinds
    assert sum(node.op_type == "Cast" for node in graph.node) <= 2
    widened = entry_of(models, "mobilefacenet-512-untrained-fp32")["files"][0]
    assert widened["sha256"] == sha256_of(plain)


def test_a_build_is_replaced_where_it_stands(tmp_path: Path) -> None:
    for build in ({"id": "a", "v": 1}, {"id": "b", "v": 1}, {"id": "a", "v": 2}):
        write_build(tmp_path, build)
    builds = json.loads((tmp_path / "manifest.json").read_text())["builds"]
    assert builds == [{"id": "a", "v": 2}, {"id": "b", "v": 1}]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_weights_that_are_new_to_a_family_take_its_name_only_when_told(
    toy_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    options = {"epochs": 1, "quantisation_epochs": 1, "quantisation_calibration_images": 4}
    train(toy_settings(toy_set, tmp_path / "run", **options), resume=False)
    others = {"role": "recogniser", "files": [], "weights": "trained", "source": "somebody else"}
    write_build(models, {**others, "id": "toy-int8", "family": "toy"})
    write_build(models, {**others, "id": "another-int8", "family": "another"})
    export = ["export", "--run", str(tmp_path / "run"), "--name", "toy", "--models", str(models)]
    aware = ["quantise", "aware", str(tmp_path / "run"), "--models", str(models), "--name", "toy"]
    for command in (export, aware):
        assert main(command) == 1
        assert "has the family toy" in capsys.readouterr().err
    assert not (models / "fp32").exists()
    assert main([*export, "--replace"]) == 0
    assert main(aware) == 0
    builds = json.loads((models / "manifest.json").read_text())["builds"]
    assert [build["id"] for build in builds] == ["another-int8", "toy-fp32", "toy-int8-qat"]


def test_a_build_of_no_manifest_is_said_to_be_in_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--untrained", "--backbone", "MobileFaceNet", "--models", str(tmp_path / "one")]
    assert main(["export", *options, "--name", "toy"]) == 0
    source, other = tmp_path / "one" / "fp32" / "toy.onnx", str(tmp_path / "two")
    assert main(["quantise", "dynamic", str(source), "--models", other]) == 0
    assert "is not in the manifest" in capsys.readouterr().out


@pytest.mark.skipif(not PUBLISHED.exists(), reason="models/fp32/mobilefacenet-192.onnx is absent")
def test_takes_over_the_published_192_d_weights_exactly() -> None:
    net = build_backbone("MobileFaceNet_TF", 112, 192).eval()
    assert load_weights(net, PUBLISHED).left == ()
    graph = DeploymentGraph(PixelInput((127.5,) * 3, (128.0,) * 3, "RGB"), net)
    faces = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    own = torch_embedder(graph, torch.device("cpu"))(faces)
    assert (own * onnx_embedder(PUBLISHED)(faces)).sum(axis=1).min() > 0.99999


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"state_dict": {"no.such.weight": torch.zeros(3)}}, path)
    with pytest.raises(TrainingError, match="no tensor"):
        load_weights(build_backbone("MobileFaceNet", 32, 64), path)


def test_published_prefixes_are_understood(tmp_path: Path) -> None:
    net = build_backbone("ResNet_50", 32, 64)
    path = tmp_path / "published.pt"
    torch.save({f"module.{n}": v for n, v in net.state_dict().items()}, path)
    other = build_backbone("ResNet_50", 32, 64)
    assert load_weights(other, path).left == ()
    assert torch.equal(other.fc.weight, net.fc.weight)


def test_alignment_undoes_a_similarity() -> None:
    angle, scale = 0.4, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ARCFACE_112 @ turn.T + [12, -30]
    matrix = similarity(moved, ARCFACE_112)
    back = moved @ matrix[:, :2].T + matrix[:, 2]
    assert back == pytest.approx(ARCFACE_112, abs=1e-6)


def test_commands_say_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "cannot read" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path)]) == 1
    assert "--pairs" in capsys.readouterr().err


@pytest.mark.skipif(not PUBLISHED.exists(), reason="models/fp32/mobilefacenet-192.onnx is absent")
def test_evaluates_a_build_on_any_folder_and_pairs(tmp_path: Path) -> None:
    data = write_identities(tmp_path / "faces", 4, 4)
    lines = []
    for number in range(40):
        one, other = number % 4, (number + 1 + number // 4 % 3) % 4
        lines.append(f"person{one:02d}/0.jpg person{one:02d}/{1 + number % 3}.jpg 1")
        lines.append(f"person{one:02d}/0.jpg person{other:02d}/1.jpg 0")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("\n".join(lines))
    figures = tmp_path / "figures.json"
    assert main(["evaluate", str(PUBLISHED), "--pairs", str(pairs), "--images", str(data), "--flip",
                 "--json", str(figures)]) == 0  # fmt: skip
    result = json.loads(figures.read_text())["verification"]
    assert result["pairs"] == 80
    # The patterns are no faces, but a face net tells them apart far better than by chance.
    assert result["accuracy"] > 0.8


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data" / "lfw").is_dir(), reason="shared/data/lfw is not here")
def test_the_published_net_reaches_its_lfw_figure(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    assert main(["evaluate", str(PUBLISHED), "--pairs", str(SHARED / "data" / "lfw-pairs.txt"),
                 "--images", str(SHARED / "data" / "lfw"), "--align", "--json",
                 str(figures)]) == 0  # fmt: skip
    result = json.loads(figures.read_text())["verification"]
    assert result["accuracy"] == pytest.approx(0.992, abs=0.0015)
