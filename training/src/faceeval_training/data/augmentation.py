"""Random changes of a face that leave the person recognisable."""

from __future__ import annotations

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
    scale = 1 + generator.uniform(-settings.scale, settings.scale)
    angle_deg = generator.uniform(-settings.rotation_deg, settings.rotation_deg)
    # shift_px is meant at 112 pixels.
    reach = settings.shift_px * side / 112
    shift = generator.uniform(-reach, reach, size=2)
    if settings.scale or settings.rotation_deg or settings.shift_px:
        face = _warped(face, mirrored, scale, angle_deg, shift)
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


def _warped(
    face: np.ndarray, mirrored: bool, scale: float, angle_deg: float, shift: np.ndarray
) -> np.ndarray:
    side = face.shape[0]
    middle = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle_deg, scale)
    matrix[:, 2] += shift
    if mirrored:
        matrix = matrix @ np.array([[-1.0, 0.0, side - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
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
