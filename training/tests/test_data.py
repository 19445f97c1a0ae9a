"""Reading folders, balanced sampling, augmentation and pair lists."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import write_identities
from faceeval_training.data.augmentation import augment, joined
from faceeval_training.data.chosen_identities import richest_identities
from faceeval_training.data.identity_folders import hold_out, read_faces
from faceeval_training.data.sampling import epoch_order, rank_batches
from faceeval_training.data.verification_pairs import draw_pairs, read_pairs
from faceeval_training.errors import TrainingError
from faceeval_training.settings import NO_AUGMENTATION, AugmentationSettings


def test_reads_a_set_and_a_folder_of_sets(tmp_path: Path) -> None:
    write_identities(tmp_path / "one", 2, 3)
    write_identities(tmp_path / "two", 1, 4)
    (tmp_path / "two" / "_").mkdir()
    (tmp_path / "two" / "person00" / "0.jpg").rename(tmp_path / "two" / "_" / "0.jpg")
    single = read_faces([tmp_path / "one"])
    assert single.identities == ("person00", "person01")
    both = read_faces([tmp_path])
    assert both.identities == ("one/person00", "one/person01", "two/person00")
    assert np.bincount(both.labels + 1).tolist() == [1, 3, 3, 3]


def test_leaves_out_identities_with_few_images(tmp_path: Path) -> None:
    write_identities(tmp_path / "set", 1, 3)
    write_identities(tmp_path / "more", 2, 5)
    faces = read_faces([tmp_path / "set", tmp_path / "more"], min_images=4)
    assert faces.identities == ("more/person00", "more/person01")


def test_an_empty_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no images under"):
        read_faces([tmp_path])


def test_balanced_sampling_draws_every_identity_alike() -> None:
    labels = np.repeat([0, 1, 2], [1000, 10, 100])
    order = epoch_order(labels, balanced=True, count=30_000, seed=1, epoch=0)
    shares = np.bincount(labels[order]) / 30_000
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)
    drawn = np.bincount(order, minlength=len(labels))
    assert drawn[1000:1010].std() < 0.1 * drawn[1000:1010].mean()


def test_uniform_sampling_shows_every_face_once_before_any_twice() -> None:
    order = epoch_order(np.zeros(10, int), balanced=False, count=25, seed=1, epoch=0)
    assert sorted(order[:10]) == list(range(10))
    assert sorted(order[10:20]) == list(range(10))


def test_epochs_differ_and_repeat_by_seed() -> None:
    labels = np.arange(50)
    first, again, second = (
        epoch_order(labels, balanced=True, count=50, seed=5, epoch=epoch) for epoch in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != second).any()


def test_processes_share_each_batch_without_overlap() -> None:
    order = np.arange(20)
    parts = [
        rank_batches(order, epoch=0, batch_size=8, drop_last=True, rank=rank, world=2)
        for rank in (0, 1)
    ]
    assert [len(batch) for batch in parts[0]] == [4, 4]
    seen = [draw.place for part in parts for batch in part for draw in batch]
    assert sorted(seen) == list(range(16))


def test_the_last_batch_stays_where_it_may() -> None:
    batches = rank_batches(np.arange(10), epoch=0, batch_size=4, drop_last=False)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    with pytest.raises(TrainingError, match="does not fill one batch"):
        rank_batches(np.arange(3), epoch=0, batch_size=4, drop_last=True)


def test_augmentation_repeats_by_seed_and_keeps_the_shape() -> None:
    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    one, _ = augment(face, AugmentationSettings(), np.random.default_rng([1, 2, 3]))
    two, _ = augment(face, AugmentationSettings(), np.random.default_rng([1, 2, 3]))
    other, _ = augment(face, AugmentationSettings(), np.random.default_rng([1, 2, 4]))
    assert one.shape == face.shape
    assert one.dtype == np.uint8
    assert (one == two).all()
    assert (one != other).any()


def test_mirroring_is_exact_and_told() -> None:
    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    always = NO_AUGMENTATION.model_copy(update={"flip": 1.0})
    mirrored, told = augment(face, always, np.random.default_rng(0))
    assert told
    assert (mirrored == face[:, ::-1]).all()
    # The same through the warp, which shifts here by less than a thousandth of a pixel.
    warped = always.model_copy(update={"shift_px": 1e-4})
    again, _ = augment(face, warped, np.random.default_rng(0))
    assert np.abs(again.astype(int) - mirrored).mean() < 1


def test_a_stretched_face_keeps_its_middle_and_its_area() -> None:
    face = np.zeros((112, 112, 3), dtype=np.uint8)
    face[36:76, 36:76] = 200
    stretching = NO_AUGMENTATION.model_copy(update={"stretch": 0.2})
    stretched, _ = augment(face, stretching, np.random.default_rng(3))
    assert (stretched != face).any()
    inside = np.argwhere(stretched[:, :, 0] > 100)
    assert inside.mean(axis=0) == pytest.approx([55.5, 55.5], abs=0.5)
    assert len(inside) == pytest.approx(1600, rel=0.1)


@pytest.mark.parametrize("way", ["blend", "splice"])
def test_two_faces_are_joined(way: str) -> None:
    dark, light = (np.full((112, 112, 3), value, dtype=np.uint8) for value in (10, 240))
    settings = NO_AUGMENTATION.model_copy(update={way: 1.0})
    mixed = joined(dark, lambda: light, settings, np.random.default_rng(1))
    assert 10 < mixed.mean() < 240
    # A blend is even; a splice has both faces as they were.
    assert (mixed.min() == mixed.max()) == (way == "blend")
    assert ({10, 240} <= set(np.unique(mixed))) == (way == "splice")


def test_without_a_chance_no_other_face_is_drawn() -> None:
    face = np.full((112, 112, 3), 7, dtype=np.uint8)
    alone = joined(face, lambda: pytest.fail("drawn"), NO_AUGMENTATION, np.random.default_rng(1))
    assert (alone == face).all()


def test_without_augmentation_the_face_stays() -> None:
    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    same, mirrored = augment(face, NO_AUGMENTATION, np.random.default_rng(0))
    assert not mirrored
    assert (same == face).all()


def test_holding_out_takes_the_share_of_each_identity(toy_set: Path) -> None:
    kept, held = hold_out(read_faces([toy_set]), 0.3, seed=1)
    assert np.bincount(held.labels).tolist() == [2, 2, 2, 2]
    assert not set(kept.paths) & set(held.paths)


def test_a_person_of_two_sets_is_chosen_once(tmp_path: Path) -> None:
    for name, count in {"a/Jo_Do": 3, "b/jodo": 5, "b/other": 4}.items():
        (tmp_path / name).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(tmp_path / name / f"{number}.jpg"), np.zeros((8, 8, 3), np.uint8))
    chosen = richest_identities(read_faces([tmp_path]), 2)
    assert chosen.identities == ("b/jodo", "b/other")
    assert np.bincount(chosen.labels).tolist() == [5, 4]


def test_reads_the_layouts_of_pair_lists(tmp_path: Path) -> None:
    texts = {
        "lfw": "10\t300\nAnn_B\t1\t4\nAnn_B\t1\tCy_D\t2\n",
        "cplfw": "Ann_B_1.jpg 1\nAnn_B_4.jpg 1\nAnn_B_1.jpg 0\nCy_D_2.jpg 0\n",
        "vggface2_fp": "n1/a.jpg,n1/b.jpg,1\nn1/a.jpg,n2/c.jpg,0\n",
    }
    firsts = {
        "lfw": "Ann_B/Ann_B_0001.jpg",
        "cplfw": "Ann_B_1.jpg",
        "vggface2_fp": "n1/a.jpg",
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}.txt"
        path.write_text(text)
        pairs = read_pairs(path)
        assert pairs.pairs.tolist() == [[0, 1], [0, 2]], name
        assert pairs.same.tolist() == [True, False], name
        assert pairs.images[0] == firsts[name]


def test_reads_a_bin_and_refuses_one_that_runs_code(tmp_path: Path) -> None:
    encoded = cv2.imencode(".png", np.full((4, 4, 3), 9, np.uint8))[1].tobytes()
    good = tmp_path / "good.bin"
    good.write_bytes(pickle.dumps(([encoded] * 4, [True, False])))
    pairs = read_pairs(good)
    assert pairs.pairs.tolist() == [[0, 1], [2, 3]]
    assert pairs.same.tolist() == [True, False]

    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    bad = tmp_path / "bad.bin"
    bad.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(TrainingError, match="not pair data"):
        read_pairs(bad)


def test_drawn_pairs_are_half_of_one_person_in_every_fold(toy_set: Path) -> None:
    faces = read_faces([toy_set])
    pairs = draw_pairs(faces, 200, seed=1)
    labels = faces.labels[pairs.pairs]
    assert ((labels[:, 0] == labels[:, 1]) == pairs.same).all()
    assert (pairs.pairs[:, 0] != pairs.pairs[:, 1]).all()
    assert pairs.same.reshape(10, -1).sum(axis=1).tolist() == [10] * 10
