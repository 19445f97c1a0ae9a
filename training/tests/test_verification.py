"""Verification against sets small enough to be judged by hand, and against brute force."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceeval_training.data.verification_pairs import PairList
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.pair_benchmark import open_benchmark
from faceeval_training.evaluation.pair_faces import pair_faces
from faceeval_training.evaluation.verification import (
    best_threshold,
    equal_error_rate,
    roc,
    tar_at,
    verify,
)


def drawn(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    same = np.arange(count) % 2 == 0
    cosines = np.where(
        same, generator.normal(0.5, 0.15, count), generator.normal(0.1, 0.15, count)
    ).clip(-1, 1)
    return cosines, same


def test_separable_pairs_are_all_right() -> None:
    same = np.arange(40) % 2 == 0
    cosines = np.where(same, 0.75, 0.25)
    result = verify(cosines, same)
    assert result.accuracy == 1
    assert result.seed_accuracy == 1
    assert result.threshold_cosine == pytest.approx(0.5)
    assert result.eer == 0
    # 2 - 2 * 0.75 = 0.5: the first threshold above it, since only a smaller distance is "same".
    assert result.seed_threshold == pytest.approx(0.51)
    assert result.tar_at_far["0.001"].tar == 1


def test_threshold_is_the_best_of_all() -> None:
    cosines, same = drawn(80)
    threshold = best_threshold(cosines, same)
    reached = ((cosines >= threshold) == same).sum()
    tries = [((cosines >= t) == same).sum() for t in np.linspace(-1, 1.01, 5000)]
    assert reached == max(tries)


def test_ties_stand_or_fall_together() -> None:
    cosines = np.array([0.3, 0.3, 0.3, 0.6])
    same = np.array([True, False, False, True])
    assert 0.3 < best_threshold(cosines, same) < 0.6
    curve = roc(cosines, same)
    assert curve.thresholds.tolist() == [0.6, 0.3]
    assert curve.far.tolist() == [0, 1]


def test_a_fold_is_judged_by_the_others() -> None:
    cosines, same = drawn()
    result = verify(cosines, same)
    accuracies = []
    for fold in range(10):
        tried = np.arange(600) // 60 == fold
        threshold = best_threshold(cosines[~tried], same[~tried])
        accuracies.append(((cosines[tried] >= threshold) == same[tried]).mean())
    assert result.accuracy == pytest.approx(np.mean(accuracies))
    assert result.accuracy_std == pytest.approx(np.std(accuracies))


def test_both_terms_agree_up_to_the_grid() -> None:
    result = verify(*drawn())
    assert result.seed_accuracy == pytest.approx(result.accuracy, abs=0.02)
    assert 2 - 2 * result.threshold_cosine == pytest.approx(result.seed_threshold, abs=0.1)


def test_rates_are_counted() -> None:
    cosines = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    same = np.array([True, True, False, True, False, False])
    curve = roc(cosines, same)
    assert tar_at(curve, 0.01).tar == pytest.approx(2 / 3)
    assert tar_at(curve, 0.4).tar == pytest.approx(1)
    assert tar_at(curve, 0.4).threshold_cosine == 0.6
    assert equal_error_rate(curve) == pytest.approx(1 / 3)


def test_too_few_pairs_are_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        verify(np.zeros(5), np.zeros(5, bool))


def test_reads_the_crops_that_the_daemon_kept_without_loss(tmp_path: Path) -> None:
    crop = np.random.default_rng(5).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (tmp_path / "Ann").mkdir()
    cv2.imwrite(str(tmp_path / "Ann" / "Ann_0001.png"), crop)
    pairs = PairList(("Ann/Ann_0001.jpg",), np.zeros((1, 2), np.int64), np.array([True]))
    (faces,) = pair_faces(pairs, tmp_path, 112, None, 8)
    assert (faces[0] == crop).all()


def pairs_of(folder: Path, count: int = 20) -> Path:
    path = folder / "pairs.txt"
    lines = [
        f"person00/{n % 6}.jpg person0{n % 4}/{n % 5}.jpg {int(n % 4 == 0)}" for n in range(count)
    ]
    path.write_text("\n".join(lines))
    return path


def test_kept_faces_are_those_of_the_images_that_are_asked_for(
    toy_set: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for path in toy_set.glob("*/*.jpg"):
        target = other / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), 255 - cv2.imread(str(path)))
    pairs, cache = pairs_of(tmp_path), tmp_path / "kept" / "faces.npz"
    first = open_benchmark(pairs, toy_set, 112, cache=cache)
    second = open_benchmark(pairs, other, 112, cache=cache)
    assert np.array_equal(second.faces, open_benchmark(pairs, other, 112).faces)
    again = open_benchmark(pairs, other, 112, cache=cache)
    assert np.array_equal(again.faces, second.faces)
    assert not np.array_equal(first.faces, second.faces)
    cache.write_bytes(cache.read_bytes()[:1000])
    assert np.array_equal(open_benchmark(pairs, other, 112, cache=cache).faces, second.faces)


def test_too_few_pairs_for_the_folds_are_refused_by_name(toy_set: Path, tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, 9)
    with pytest.raises(TrainingError, match=r"pairs\.txt: 9 pairs"):
        open_benchmark(pairs, toy_set, 112)
