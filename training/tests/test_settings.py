"""The configuration: the seed's names, refusals that help, and overrides."""

import json
from pathlib import Path

import pytest

from faceeval_training.errors import TrainingError
from faceeval_training.settings_file import SEED_NAMES, load_settings, settings_from
from faceeval_training.training.start import quantisation_settings

# Every key of the seed's configuration with the value that its page shows.
SEED_CONFIGURATION = {
    "SEED": 1337,
    "DATA_ROOT": "data/lfw_align",
    "BATCH_SAMPLE_NUM": 64000,
    "SNAPSHOT": 10,
    "WITH_VAIDL": True,
    "VAL_DATA_ROOT": "data/casia500",
    "MODEL_ROOT": "output",
    "BACKBONE_RESUME_ROOT": "output/",
    "HEAD_RESUME_ROOT": "output/",
    "PRETRAINED_MODEL": True,
    "BACKBONE_NAME": "ppResNet_50",
    "HEAD_NAME": "ArcFace",
    "LOSS_NAME": "Focal",
    "INPUT_SIZE": [112, 112],
    "RGB_MEAN": [127.5, 127.5, 127.5],
    "RGB_STD": [127.5, 127.5, 127.5],
    "EMBEDDING_SIZE": 128,
    "BATCH_SIZE": 512,
    "DROP_LAST": True,
    "LR": 1e-2,
    "NUM_EPOCH": 50,
    "WEIGHT_DECAY": 5e-4,
    "MOMENTUM": 0.9,
    "STAGES": [20, 30, 45],
    "GPU_ID": [0],
    "PIN_MEMORY": True,
    "NUM_WORKERS": 4,
    "SAVE_CHECKPOINT": False,
    "SAVE_QUANT_MODEL": False,
}


def test_takes_the_whole_configuration_of_the_seed() -> None:
    settings = settings_from(SEED_CONFIGURATION)
    assert settings.backbone == "ppResNet_50"
    assert settings.samples_per_epoch == 64000
    assert settings.input_size == 112
    assert settings.stages == (20, 30, 45)
    assert settings.data_root == (Path("data/lfw_align"),)
    assert set(SEED_CONFIGURATION) <= set(SEED_NAMES)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("learning_rat", "learning_rate"), ("NUM_EPOCHS", "NUM_EPOCH"), ("batchsize", "batch_size")],
)
def test_refuses_an_unknown_key_and_names_the_nearest(key: str, hint: str) -> None:
    with pytest.raises(TrainingError, match=f"no key {key}; did you mean {hint}"):
        settings_from({"data_root": "x", key: 1})


def test_refuses_an_unknown_inner_key() -> None:
    with pytest.raises(TrainingError, match="augmentation: there is no key flop"):
        settings_from({"data_root": "x", "augmentation": {"flop": 1}})


def test_refuses_a_value_and_names_key_and_reason() -> None:
    with pytest.raises(TrainingError, match=r"batch_size: .*greater than or equal to 2"):
        settings_from({"data_root": "x", "batch_size": 1})
    with pytest.raises(TrainingError, match=r"backbone: .*'ResNet_51' is not one of"):
        settings_from({"data_root": "x", "backbone": "ResNet_51"})


def test_refuses_what_does_not_fit_together() -> None:
    with pytest.raises(TrainingError, match="training_size is for the ResNets"):
        settings_from({"data_root": "x", "backbone": "IR_50", "training_size": 64})
    with pytest.raises(TrainingError, match="cooldown_epochs are the last"):
        settings_from({"data_root": "x", "epochs": 2, "cooldown_epochs": 3})
    hints = [{"student": "layer1", "teacher": "add_1"}]
    with pytest.raises(TrainingError, match="hints need templates: live"):
        settings_from({"data_root": "x", "distillation": {"teacher": "t.onnx", "hints": hints}})


def test_pictures_grow_with_the_epochs() -> None:
    plain = settings_from({"data_root": "x", "training_size": 48})
    assert [plain.training_size_at(epoch) for epoch in (0, 50)] == [48, 48]
    assert settings_from({"data_root": "x"}).training_size_at(3) is None
    grown = settings_from({"data_root": "x", "training_size": {3: 112, 0: 48, 2: 80}})
    assert [grown.training_size_at(epoch) for epoch in range(5)] == [48, 48, 80, 112, 112]
    kept = settings_from(json.loads(grown.model_dump_json()))
    assert kept == grown
    with pytest.raises(TrainingError, match=r"training_size\.0: .*greater than or equal to 32"):
        settings_from({"data_root": "x", "training_size": 12})


def test_refuses_one_setting_under_two_names() -> None:
    with pytest.raises(TrainingError, match="both set learning_rate"):
        settings_from({"data_root": "x", "LR": 0.1, "learning_rate": 0.1})


def test_reads_a_file_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("DATA_ROOT: data/x\nLR: 0.1\n")
    settings = load_settings(path, ["LR=0.5", "augmentation.flip=0", "stages=[1, 2]"])
    assert settings.learning_rate == 0.5
    assert settings.augmentation.flip == 0
    assert settings.stages == (1, 2)


def test_the_configurations_that_are_shipped_are_valid() -> None:
    shipped = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
    assert len(shipped) >= 3
    for path in shipped:
        load_settings(path)


def test_the_phase_with_rounding_has_settings_that_load(tmp_path: Path) -> None:
    """A cooldown of more epochs than the phase has was refused once the weights were read."""
    run = settings_from({"data_root": "x", "schedule": "trapezoid", "cooldown_epochs": 15})
    phase = quantisation_settings(run, tmp_path)
    assert settings_from(phase.model_dump(mode="json")) == phase
