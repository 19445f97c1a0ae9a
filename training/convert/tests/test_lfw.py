import numpy as np
import pytest
from lfw import ARCFACE_112, fold_accuracy, impostor_cosines, similarity, threshold_at


def test_similarity_recovers_rotation_scale_and_shift() -> None:
    a, b, shift = 1.3 * np.cos(0.4), 1.3 * np.sin(0.4), np.array([20.0, -7])
    turn = np.array([[a, -b], [b, a]])
    matrix = similarity(ARCFACE_112, ARCFACE_112 @ turn.T + shift)
    np.testing.assert_allclose(matrix, np.hstack([turn, shift[:, None]]), atol=1e-9)


def test_similarity_does_not_mirror() -> None:
    mirrored = ARCFACE_112 * [-1, 1]
    matrix = similarity(ARCFACE_112, mirrored)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_each_fold_is_judged_with_the_threshold_of_the_others() -> None:
    same = np.tile([True] * 6 + [False] * 6, 10)
    cosines = np.where(same, 0.6, 0.2)
    # One fold lies above all others: the threshold of the nine calls all its pairs the same person.
    cosines[:12] += 0.5
    accuracy, deviation, threshold = fold_accuracy(cosines, same)
    assert accuracy == pytest.approx(0.95)
    assert deviation == pytest.approx(0.15)
    assert 0.2 < threshold < 0.7


def test_impostors_are_the_pairs_of_different_people() -> None:
    people = np.array(["a", "a", "b", "c"])
    templates = np.eye(4)
    templates[3] = templates[2]
    found = np.sort(impostor_cosines(templates, people))
    np.testing.assert_array_equal(found, [0, 0, 0, 0, 1])


def test_threshold_leaves_the_asked_share_above_it() -> None:
    cosines = np.linspace(0, 1, 100_001)
    threshold = threshold_at(cosines, 1e-3)
    assert (cosines >= threshold).mean() == pytest.approx(1e-3, rel=0.02)
