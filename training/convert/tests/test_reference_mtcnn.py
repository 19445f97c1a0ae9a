import numpy as np
from reference_mtcnn import calibrated, crops_of, squared, suppress


def test_suppression_keeps_the_best_of_what_overlaps() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], float)
    scores = np.array([0.7, 0.9, 0.8])
    np.testing.assert_array_equal(suppress(boxes, scores, 0.5), [1, 2])
    np.testing.assert_array_equal(suppress(boxes, scores, 0.9), [1, 2, 0])


def test_a_small_box_inside_a_large_one_goes_only_over_the_smaller() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60]], float)
    scores = np.array([0.9, 0.8])
    assert len(suppress(boxes, scores, 0.6)) == 2
    np.testing.assert_array_equal(suppress(boxes, scores, 0.6, over_smaller=True), [0])


def test_boxes_move_by_their_offsets_and_become_square() -> None:
    boxes = np.array([[10, 20, 30, 60]], float)
    moved = calibrated(boxes, np.array([[0.1, 0, -0.1, 0.25]]))
    np.testing.assert_allclose(moved, [[12, 20, 28, 70]])
    np.testing.assert_allclose(squared(moved), [[-5, 20, 45, 70]])


def test_crops_are_black_beyond_the_picture() -> None:
    picture = np.full((40, 40, 3), 200, np.uint8)
    crops = crops_of(picture, np.array([[-20, 0, 20, 40], [60, 60, 80, 80]], float), 24)
    assert crops[0, :, :11].max() == 0 and crops[0, :, 13:].min() == 200
    assert crops[1].max() == 0
