"""Whole runs on the toy set: resume, quantisation, several processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from conftest import write_identities
from faceeval_training.deployment.deployment_graph import deployed
from faceeval_training.deployment.onnx_export import write_onnx
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import onnx_embedder
from faceeval_training.training.start import train
from faceeval_training.training.weights_file import load_backbone
from toy_runs import StopAfter, assert_equal, states, toy_settings


# GhostNet has dropout, whose random state must go on too.
@pytest.mark.parametrize("backbone", ["MobileFaceNet", "GhostNet"])
@pytest.mark.parametrize("stop_after", [2, 4])
def test_a_resumed_run_gives_the_weights_of_an_unbroken_one(
    toy_set: Path, tmp_path: Path, backbone: str, stop_after: int
) -> None:
    whole = toy_settings(
        toy_set,
        tmp_path / "whole",
        backbone=backbone,
        head="SphereFace",
        head_scale=None,
        head_margin=None,
    )
    train(whole, resume=False)
    broken = whole.model_copy(update={"output_dir": tmp_path / "broken"})
    stopped = train(broken, resume=False, should_stop=StopAfter(stop_after))
    assert (stopped.epoch, stopped.step) == divmod(stop_after, 3)
    torch.rand(7)
    np.random.rand(7)
    train(broken, resume=True)
    assert_equal(states(tmp_path / "whole"), states(tmp_path / "broken"))


def test_refuses_to_overwrite_a_run(toy_set: Path, tmp_path: Path) -> None:
    settings = toy_settings(toy_set, tmp_path, epochs=1)
    train(settings, resume=False)
    with pytest.raises(TrainingError, match="pass --resume"):
        train(settings, resume=False)


def test_refuses_to_resume_with_other_identities(toy_set: Path, tmp_path: Path) -> None:
    train(toy_settings(toy_set, tmp_path / "run", epochs=1), resume=False)
    other = write_identities(tmp_path / "other", 3, 4)
    with pytest.raises(TrainingError, match="other identities"):
        train(toy_settings(other, tmp_path / "run"), resume=True)


def test_starts_from_earlier_weights(toy_set: Path, tmp_path: Path) -> None:
    train(toy_settings(toy_set, tmp_path / "first", epochs=1), resume=False)
    before = load_backbone(tmp_path / "first").backbone.state_dict()
    tiny = {"learning_rate": 1e-9, "weight_decay": 0.0, "freeze_batch_norm": True, "epochs": 1}
    start = {"backbone_resume": str(tmp_path / "first"), "head_resume": str(tmp_path / "first")}
    train(toy_settings(toy_set, tmp_path / "second", **tiny, **start), resume=False)
    after = load_backbone(tmp_path / "second").backbone.state_dict()
    for name, value in before.items():
        assert torch.allclose(value, after[name], atol=1e-5), name


def test_validates_and_writes_the_log_and_tensorboard(toy_set: Path, tmp_path: Path) -> None:
    settings = toy_settings(
        toy_set,
        tmp_path,
        with_validation=True,
        validation_root=str(toy_set),
        validation_pair_count=40,
        snapshots_per_epoch=3,
        tensorboard=True,
        epochs=1,
    )
    progress = train(settings, resume=False)
    assert 0.2 < progress.history[0]["validation"] <= 1
    log = (tmp_path / "train.log").read_text()
    assert log.count("step ") == 3
    assert "best threshold" in log
    assert list((tmp_path / "tensorboard").iterdir())


def test_mixed_precision_trains_on_a_cpu(toy_set: Path, tmp_path: Path) -> None:
    settings = toy_settings(toy_set, tmp_path, precision="bf16", samples_per_epoch=80, epochs=1)
    progress = train(settings, resume=False)
    assert np.isfinite(progress.history[0]["loss"])
    if not torch.cuda.is_available():
        half = settings.model_copy(update={"precision": "fp16", "output_dir": tmp_path / "half"})
        with pytest.raises(TrainingError, match="fp16 needs a GPU"):
            train(half, resume=False)


def test_quantisation_aware_training_ends_in_a_net_that_rounds(
    toy_set: Path, tmp_path: Path
) -> None:
    settings = toy_settings(
        toy_set,
        tmp_path,
        quantisation_aware=True,
        quantisation_epochs=1,
        quantisation_calibration_images=8,
        samples_per_epoch=40,
        epochs=1,
    )
    train(settings, resume=False)
    assert not load_backbone(tmp_path).quantised
    assert load_backbone(tmp_path / "quantised").quantised


def test_two_processes_train_one_net(toy_set: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    dumped = toy_settings(toy_set, tmp_path / "out", epochs=2).model_dump(mode="json")
    config.write_text(json.dumps(dumped))
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
        "--master_port", "29533", str(Path(__file__).parent / "two_process_run.py"),
        str(config), str(tmp_path),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    # Parameters are kept equal by summed gradients, running figures by the first process.
    for name, value in ranks[0]["parameters"].items():
        assert torch.equal(value, ranks[1]["parameters"][name]), name
    seen = [set(rank["seen"]) for rank in ranks]
    assert len(ranks[0]["seen"]) == len(ranks[1]["seen"]) == 12
    assert not seen[0] & seen[1]
    assert (tmp_path / "out" / "backbone-last.pt").exists()


def test_an_exported_run_gives_the_templates_of_the_net(toy_set: Path, tmp_path: Path) -> None:
    train(toy_settings(toy_set, tmp_path / "run", epochs=1), resume=False)
    trained = load_backbone(tmp_path / "run")
    path = tmp_path / "net.onnx"
    write_onnx(deployed(trained.pixels, trained.backbone), path, 112)
    graph = onnx.load(path).graph
    assert [i.name for i in graph.input] == ["faces"]
    assert [o.name for o in graph.output] == ["template"]
    assert not [n for n in graph.node if n.op_type in ("Dropout", "BatchNormalization")]
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = trained.backbone(trained.pixels(torch.from_numpy(faces)))
        expected = torch.nn.functional.normalize(expected).numpy()
    assert onnx_embedder(path)(faces) == pytest.approx(expected, abs=1e-4)
