"""Random changes of a face that leave the person recognisable."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from faceeval_training.settings import AugmentationSettings


def augment(
    face: np.ndarray, settings: AugmentationSettings, generator: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """The changed face, uint8 of the same shape, and whether it was mirrored.

    Mirror, scale, rotation and shift are one warp, so that the pixels are interpolated once.
    """
    side = face.shape[0]
    mirrored = bool(generator.random() < settings.flip)
    shape = _shape(mirrored, settings, generator)
    # shift_px is meant at 112 pixels.
    reach = settings.shift_px * side / 112
    shift = generator.uniform(-reach, reach, size=2)
    if settings.scale or settings.rotation_deg or settings.shift_px or settings.stretch:
        face = _warped(face, shape, shift)
    elif mirrored:
        face = np.ascontiguousarray(face[:, ::-1])
    if generator.random() < settings.low_resolution:
        small = max(8, round(side * generator.uniform(0.25, 0.75)))
        face = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
        face = cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR)
    if generator.random() < settings.blur:
        face = cv2.GaussianBlur(face, (0, 0), generator.uniform(0.4, 1.6) * side / 112)
    if generator.random() < settings.colour:
        face = _recoloured(face, generator)
    if generator.random() < settings.grey:
        grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
        face = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return face, mirrored


def joined(
    face: np.ndarray,
    draw_other: Callable[[], np.ndarray],
    settings: AugmentationSettings,
    generator: np.random.Generator,
) -> np.ndarray:
    """The face, by the chances of `blend` and `splice` one that is made of it and another."""
    chance = generator.random()
    if chance < settings.blend:
        share = np.float32(generator.random())
    elif chance < settings.blend + settings.splice:
        share = _side_of_a_line(face.shape[0], generator)
    else:
        return face
    mixed = share * face + (1 - share) * draw_other()
    return mixed.round().astype(np.uint8)


def _side_of_a_line(side: int, generator: np.random.Generator) -> np.ndarray:
    """[S,S,1]: 1 on one side of a line near the middle, 0 on the other, a soft edge between."""
    angle = generator.uniform(0, 2 * np.pi)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    distance = ramp[None, :] * np.cos(angle) + ramp[:, None] * np.sin(angle)
    edge = generator.uniform(0.05, 0.25)
    share = (distance - generator.uniform(-0.3, 0.3)) / edge + 0.5
    return np.clip(share, 0, 1).astype(np.float32)[:, :, None]


def _shape(
    mirrored: bool, settings: AugmentationSettings, generator: np.random.Generator
) -> np.ndarray:
    """Linear part [2,2] of the warp: rotation and scale, stretch along some axis, mirror."""
    scale = 1 + generator.uniform(-settings.scale, settings.scale)
    angle = np.deg2rad(generator.uniform(-settings.rotation_deg, settings.rotation_deg))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    shape = np.array([[cosine, sine], [-sine, cosine]])
    if settings.stretch:
        along, across = generator.uniform(-settings.stretch, settings.stretch, size=2)
        shape = shape @ np.array([[1 + along, across], [across, 1 - along]])
    return shape @ np.diag([-1.0, 1.0]) if mirrored else shape


def _warped(face: np.ndarray, shape: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Warped around the middle, which moves by the shift in pixels."""
    side = face.shape[0]
    middle = np.full(2, (side - 1) / 2)
    matrix = np.column_stack([shape, middle + shift - shape @ middle])
    return cv2.warpAffine(
        face, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _recoloured(face: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Contrast, brightness and gain of each channel by a table of 256 values a channel."""
    contrast = generator.uniform(0.7, 1.3)
    brightness = generator.uniform(-25, 25)
    gains = generator.uniform(0.92, 1.08, size=3)
    ramp = np.arange(256, dtype=np.float32)[:, None]
    table = ((ramp - 127.5) * contrast + 127.5 + brightness) * gains
    return cv2.LUT(face, np.clip(table, 0, 255).astype(np.uint8).reshape(1, 256, 3))
