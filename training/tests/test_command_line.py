"""What the user reads when something is wrong: a sentence that names it, never a traceback."""

from pathlib import Path

import pytest

from faceeval_training.command_line import main
from faceeval_training.training.start import train
from toy_runs import toy_settings


def config_of(folder: Path, text: str = "data_root: nowhere\n") -> str:
    path = folder / "run.yaml"
    path.write_text(text)
    return str(path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said


def test_a_configuration_that_is_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xff\xfed\x00a\x00")
    assert "UTF-8" in refused(capsys, "train", "--config", str(path))


@pytest.mark.parametrize(
    ("override", "said"),
    [("batch_size=[1", "not YAML"), ("batch_size.x=1", "batch_size has no keys inside")],
)
def test_an_override_that_is_no_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, said: str
) -> None:
    config = config_of(tmp_path, "data_root: nowhere\nbatch_size: 4\n")
    assert said in refused(capsys, "train", "--config", config, "--set", override)


def test_builds_and_weights_that_are_not_there_or_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent, damaged = tmp_path / "absent.onnx", tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no net")
    pairs = ["--pairs", "pairs.txt"]
    assert f"{absent} does not exist" in refused(capsys, "evaluate", str(absent), *pairs)
    assert "cannot be opened" in refused(capsys, "evaluate", str(damaged), *pairs)
    weights = tmp_path / "damaged.pt"
    weights.write_text("hi")
    assert "cannot be read as weights" in refused(
        capsys, "evaluate", str(weights), "--identities", str(tmp_path)
    )


def test_a_file_that_the_system_refuses(
    toy_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(toy_settings(toy_set, tmp_path / "run", epochs=1), resume=False)
    absent = tmp_path / "pairs.txt"
    said = refused(capsys, "evaluate", str(tmp_path / "run"), "--pairs", str(absent))
    assert said == f"error: {absent}: No such file or directory\n"


def test_ctrl_c_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faceeval_training.commands.summary.run", interrupted)
    assert main(["summary"]) == 130
    assert capsys.readouterr().err == "stopped\n"
