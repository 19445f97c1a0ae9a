import numpy as np
from liveness import _one_dense_layer, live_crop
from onnx import helper

RANDOM = np.random.default_rng(7)


def test_dense_layers_and_their_normalisation_become_one() -> None:
    dense = [RANDOM.normal(size=(6, 4)), RANDOM.normal(size=(4, 3))]
    gain, shift, mean = (RANDOM.normal(size=4) for _ in range(3))
    variance = RANDOM.uniform(0.1, 2, 4)
    names = ["x", "gain", "shift", "mean", "variance"]
    norm = helper.make_node("BatchNormalization", names, ["y"], epsilon=1e-5)
    weights = dict(zip(names[1:], (gain, shift, mean, variance), strict=True))
    matrix, bias = _one_dense_layer(dense, norm, weights)
    x = RANDOM.normal(size=(5, 6))
    middle = (x @ dense[0] - mean) / np.sqrt(variance + 1e-5) * gain + shift
    np.testing.assert_allclose(x @ matrix + bias, middle @ dense[1], rtol=1e-5)


def test_crop_is_the_box_grown_about_its_centre() -> None:
    picture = np.zeros((600, 800, 3), np.uint8)
    picture[:, :400, 0] = 255
    crop = live_crop(picture, np.array([350.0, 250, 450, 350]))
    assert crop.shape == (128, 128, 3)
    assert abs(int((crop[64, :, 0] > 128).sum()) - 64) <= 1


def test_crop_is_moved_inside_a_picture_that_ends_near_the_face() -> None:
    # A picture whose columns say where they are: the crop must begin at its left edge.
    picture = np.repeat(np.arange(250, dtype=np.uint8)[None, :, None], 250, axis=0).repeat(3, 2)
    crop = live_crop(picture, np.array([0.0, 100, 50, 150]))
    assert crop[64, 0, 0] <= 1
    assert abs(int(crop[64, -1, 0]) - 135) <= 2


def test_crop_of_a_face_that_fills_the_picture_is_the_picture() -> None:
    picture = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, 2)
    crop = live_crop(picture, np.array([5.0, 5, 95, 95]))
    assert crop[64, 0, 0] <= 1 and crop[64, -1, 0] >= 97
