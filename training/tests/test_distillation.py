"""Learning from a teacher: kept templates, live ones, hints."""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from faceeval_training.backbones.catalogue import build_backbone
from faceeval_training.data.identity_folders import read_faces
from faceeval_training.data.pictures import decode
from faceeval_training.deployment.deployment_graph import deployed
from faceeval_training.deployment.onnx_export import write_onnx
from faceeval_training.distillation.hints import HintMatch, observed
from faceeval_training.distillation.live_teacher import LiveTeacher
from faceeval_training.distillation.teacher import CachedTeacher
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import onnx_embedder
from faceeval_training.pixel_input import PixelInput
from faceeval_training.recogniser import TeacherMatch
from faceeval_training.settings import HintSettings, Settings
from faceeval_training.training.start import train
from faceeval_training.training.weights_file import load_backbone
from toy_runs import StopAfter, assert_equal, states, toy_settings


def toy_teacher(path: Path) -> Path:
    torch.manual_seed(2)
    net = build_backbone("MobileFaceNet", 112, 24).eval()
    write_onnx(deployed(PixelInput((127.5,) * 3, (128.0,) * 3, "RGB"), net), path, 112)
    return path


def test_the_teachers_templates_are_cached_plain_and_mirrored(
    toy_set: Path, tmp_path: Path
) -> None:
    path = toy_teacher(tmp_path / "teacher.onnx")
    settings = toy_settings(toy_set, tmp_path, distillation={"teacher": str(path)})
    faces = read_faces([toy_set])
    teacher = CachedTeacher(settings, faces)
    teacher.fill()
    teacher.open()
    assert teacher.size == 24
    face = decode(faces.paths[5], 112)[None]
    embed = onnx_embedder(path)
    assert teacher.lookup(5, False) @ embed(face)[0] == pytest.approx(1, abs=1e-3)
    mirrored = embed(np.ascontiguousarray(face[:, :, ::-1]))[0]
    assert teacher.lookup(5, True) @ mirrored == pytest.approx(1, abs=1e-3)
    marker = next((tmp_path / "teacher").glob("*.json"))
    marker.write_text(json.dumps({"done": 4}))
    CachedTeacher(settings, faces).fill()
    assert json.loads(marker.read_text())["done"] == len(faces)


@pytest.mark.parametrize("projection", ["isometric", "learned"])
@pytest.mark.parametrize("loss", ["cosine", "l2"])
def test_a_student_comes_closer_to_its_teacher(
    toy_set: Path, tmp_path: Path, projection: str, loss: str
) -> None:
    path = toy_teacher(tmp_path / "teacher.onnx")
    settings = toy_settings(
        toy_set,
        tmp_path,
        samples_per_epoch=40,
        epochs=3,
        batch_size=8,
        optimiser="adamw",
        learning_rate=0.003,
        stages=[],
        distillation={
            "teacher": str(path),
            "loss": loss,
            "projection": projection,
            "relation_weight": 0.5,
            "label_weight": 0.1,
        },
    )
    history = train(settings, resume=False).history
    assert history[-1]["teacher_cosine"] > history[0]["teacher_cosine"] + 0.05
    assert "top1" in history[-1]


def test_distils_faces_that_have_no_label(toy_set: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "data" / "_"
    nameless.parent.mkdir()
    nameless.symlink_to(toy_set / "person00")
    path = toy_teacher(tmp_path / "teacher.onnx")
    settings = toy_settings(
        nameless.parent,
        tmp_path / "out",
        samples_per_epoch=8,
        epochs=1,
        distillation={"teacher": str(path)},
    )
    history = train(settings, resume=False).history
    assert "top1" not in history[0]
    assert "teacher_cosine" in history[0]


def map_of(path: Path, side: int) -> str:
    """Name of the last tensor of the teacher's graph that is a map of this side."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    return [name for name, shape in shapes.items() if shape[2:] == [side, side]][-1]


def test_a_live_teacher_sees_what_it_is_shown(toy_set: Path, tmp_path: Path) -> None:
    path = toy_teacher(tmp_path / "teacher.onnx")
    name = map_of(path, 14)
    teacher = LiveTeacher(path, [name], 1)
    faces = np.stack([decode(each, 112) for each in read_faces([toy_set]).paths[:3]])
    templates, (shown,) = teacher(torch.from_numpy(faces))
    assert templates.numpy() == pytest.approx(onnx_embedder(path)(faces), abs=1e-5)
    assert teacher.size == 24
    assert tuple(shown.shape) == (3, *teacher.channels, 14, 14)
    larger = torch.from_numpy(faces.repeat(2, axis=1).repeat(2, axis=2))
    assert teacher(larger)[0].numpy() == pytest.approx(templates.numpy(), abs=0.05)
    with pytest.raises(TrainingError, match="no tensor nowhere"):
        LiveTeacher(path, ["nowhere"], 1)


def test_a_live_teacher_with_threads_serves_the_loaders_processes(tmp_path: Path) -> None:
    """A fork brings sessions along without their threads; ending such a session never returned."""
    teacher = LiveTeacher(toy_teacher(tmp_path / "teacher.onnx"), [], 2)
    faces = torch.zeros(2, 112, 112, 3, dtype=torch.uint8)
    loader = multiprocessing.get_context("fork").Process(target=teacher, args=(faces,))
    loader.start()
    loader.join(timeout=60)
    ended = loader.exitcode
    loader.kill()
    assert ended == 0


def test_hints_compare_standardised_maps() -> None:
    hints = [HintSettings(student="a", teacher="b", weight=3)]
    match = HintMatch(hints, [2], [2])
    with torch.no_grad():
        match.maps[0].weight.copy_(torch.eye(2).view(2, 2, 1, 1))
        match.maps[0].bias.zero_()
    target = 50 + 7 * torch.randn(8, 2, 6, 6, generator=torch.Generator().manual_seed(4))
    deviation, mean = torch.std_mean(target, dim=(0, 2, 3), keepdim=True)
    assert match([(target - mean) / deviation], [target]).item() == pytest.approx(0, abs=1e-5)
    assert match([torch.zeros_like(target)], [target]).item() == pytest.approx(3, rel=0.02)
    with (
        pytest.raises(TrainingError, match="no module layer9"),
        observed(torch.nn.ReLU(), ["layer9"]),
    ):
        pass


def assert_judged_at_size(settings: Settings, faces: Path, run: Path) -> None:
    """Scaled as in training, the templates of a batch are near those that the run was taught."""
    pictures = np.stack([decode(path, 112) for path in read_faces([faces]).paths[:16]])
    teacher = LiveTeacher(settings.distillation.teacher, [], 1)
    taught, _ = teacher(torch.from_numpy(pictures))
    trained = load_backbone(run)
    match = TeacherMatch(settings.distillation, settings.embedding_size, teacher.size)
    agreement = []
    for size_px in (48, None):
        own = trained.backbone(trained.pixels(torch.from_numpy(pictures), size_px))
        agreement.append(match(own, taught)[1].item())
    assert agreement[0] > agreement[1]


def test_hints_small_pictures_and_a_cooldown_go_together(toy_set: Path, tmp_path: Path) -> None:
    path = toy_teacher(tmp_path / "teacher.onnx")
    hints = [
        {"student": "layer2", "teacher": map_of(path, 14), "weight": 2},
        {"student": "layer3", "teacher": map_of(path, 7), "weight": 2},
    ]
    settings = toy_settings(
        toy_set,
        tmp_path / "whole",
        backbone="ResNet_50",
        training_size={0: 56, 1: 48},
        channels_last=True,
        dropout=0.0,
        samples_per_epoch=24,
        batch_size=8,
        epochs=4,
        optimiser="adamw",
        learning_rate=0.002,
        schedule="trapezoid",
        cooldown_epochs=1,
        distillation={"teacher": str(path), "templates": "live", "hints": hints, "weight": 4},
    )
    history = train(settings, resume=False).history
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[-1]["teacher_cosine"] > history[0]["teacher_cosine"] + 0.05
    assert_judged_at_size(settings, toy_set, tmp_path / "whole")
    kept = torch.load(tmp_path / "whole" / "checkpoint-before-cooldown.pt", weights_only=False)
    assert (kept["progress"]["epoch"], kept["progress"]["step"]) == (3, 0)
    broken = settings.model_copy(update={"output_dir": tmp_path / "broken"})
    train(broken, resume=False, should_stop=StopAfter(5))
    train(broken, resume=True)
    assert_equal(states(tmp_path / "whole"), states(tmp_path / "broken"))


def test_the_teachers_work_can_be_stopped_and_goes_on(toy_set: Path, tmp_path: Path) -> None:
    path = toy_teacher(tmp_path / "teacher.onnx")
    distillation = {"teacher": str(path), "teacher_batch": 4}
    settings = toy_settings(toy_set, tmp_path, distillation=distillation)
    faces = read_faces([toy_set])
    with pytest.raises(TrainingError, match=f"8 of {len(faces)} faces"):
        CachedTeacher(settings, faces).fill(StopAfter(2))
    marker = next((tmp_path / "teacher").glob("*.json"))
    assert json.loads(marker.read_text())["done"] == 8
    CachedTeacher(settings, faces).fill()
    assert json.loads(marker.read_text())["done"] == len(faces)
