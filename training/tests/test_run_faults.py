"""Runs that meet bad files, are stopped at odd times, or go on with other settings."""

import errno
import json
from pathlib import Path

import pytest
import torch

from conftest import write_identities
from faceeval_training.command_line import build_parser
from faceeval_training.commands import quantise
from faceeval_training.errors import TrainingError
from faceeval_training.training import checkpoint
from faceeval_training.training.start import train
from faceeval_training.training.weights_file import load_backbone
from faceeval_training.whole_file import replacing
from toy_runs import StopAfter, assert_equal, states, toy_settings


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_file_that_is_no_image_costs_no_step(
    tmp_path: Path, workers: int, content: bytes
) -> None:
    data = write_identities(tmp_path / "set", 2, 4)
    bad = data / "person01" / "3.jpg"
    good = bad.read_bytes()
    bad.write_bytes(content)
    settings = toy_settings(
        data, tmp_path / "run", samples_per_epoch=64, workers=workers, seed=5, epochs=1
    )
    with pytest.raises(TrainingError) as caught:
        train(settings, resume=False)
    assert str(caught.value) == (
        f"{bad} is not an image; `faceeval data clean` sets such files aside"
    )
    assert load_backbone(tmp_path / "run").facts["steps"] > 0
    bad.write_bytes(good)
    train(settings, resume=True)
    unbroken = settings.model_copy(update={"output_dir": tmp_path / "unbroken"})
    train(unbroken, resume=False)
    assert_equal(states(tmp_path / "run"), states(tmp_path / "unbroken"))


def test_one_identity_cannot_be_told_from_others(tmp_path: Path) -> None:
    data = write_identities(tmp_path / "set", 1, 8)
    with pytest.raises(TrainingError, match="one only: person00"):
        train(toy_settings(data, tmp_path / "run"), resume=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"backbone": "GhostNet"}, "backbone MobileFaceNet, not GhostNet"),
        ({"embedding_size": 32}, "embedding_size 64, not 32"),
        ({"optimiser": "adamw"}, "optimiser sgd, not adamw"),
        ({"std": [128, 128, 128]}, "std"),
        ({"frozen": ["trunk"]}, "does not fit what is trained now"),
    ],
)
def test_a_run_does_not_go_on_as_another_one(
    toy_set: Path, tmp_path: Path, changed: dict, said: str
) -> None:
    train(toy_settings(toy_set, tmp_path, epochs=1), resume=False)
    with pytest.raises(TrainingError, match=said):
        train(toy_settings(toy_set, tmp_path, **changed), resume=True)


def test_an_epoch_that_is_drawn_in_another_way_begins_anew(toy_set: Path, tmp_path: Path) -> None:
    stopped = train(toy_settings(toy_set, tmp_path), resume=False, should_stop=StopAfter(2))
    assert (stopped.epoch, stopped.step) == (0, 2)
    train(toy_settings(toy_set, tmp_path, batch_size=6, epochs=1), resume=True)
    log = (tmp_path / "train.log").read_text()
    assert "batch_size changed: epoch 1 anew" in log
    assert "step 1/2" in log


def test_validation_that_cannot_work_is_refused_before_the_epoch(
    toy_set: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.txt"
    lines = [f"person00/0.jpg person0{n % 4}/1.jpg {int(n % 4 == 0)}" for n in range(20)]
    for text, said in [
        ("\n".join(lines[:4]), "cannot be split"),
        ("\n".join([*lines, "person00/0.jpg person09/1.jpg 0"]), "person09"),
    ]:
        pairs.write_text(text)
        settings = toy_settings(
            toy_set,
            tmp_path / "run",
            with_validation=True,
            validation_root=str(toy_set),
            validation_pairs=str(pairs),
        )
        with pytest.raises(TrainingError, match=said):
            train(settings, resume=False)
        assert not (tmp_path / "run" / "backbone-last.pt").exists()


def test_a_stopped_quantisation_goes_on_and_only_then_writes_a_build(
    toy_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(
        toy_settings(
            toy_set, run, epochs=1, quantisation_epochs=1, quantisation_calibration_images=4
        ),
        resume=False,
    )
    models = tmp_path / "models"
    asked = ["quantise", "aware", str(run), "--name", "toy", "--models", str(models)]
    with monkeypatch.context() as patched:
        patched.setattr(quantise, "StopRequest", lambda _: StopAfter(1))
        quantise.run(build_parser().parse_args(asked))
    assert not models.exists()
    quantise.run(build_parser().parse_args([*asked, "--resume"]))
    manifest = json.loads((models / "manifest.json").read_text())
    assert [build["id"] for build in manifest["builds"]] == ["toy-int8-qat"]


def test_a_disk_that_is_full_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"epoch": 1})

    def full(*_: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 128 vs 64")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="MiB free"):
        checkpoint.save(path, {"epoch": 2})
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert checkpoint.load(path)["epoch"] == 1


def test_a_build_that_cannot_be_written_leaves_the_old_one_alone(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    target.write_text("old")
    with (
        pytest.raises(TrainingError, match=r"net\.onnx cannot be written: No space"),
        replacing(target) as partial,
    ):
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]
    assert target.read_text() == "old"
