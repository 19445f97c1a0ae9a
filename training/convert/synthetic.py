"""Pictures without a person or a file: an integer formula, the same in every language."""

from __future__ import annotations

import numpy as np


def synthetic_picture(height: int, width: int, number: int) -> np.ndarray:
    """uint8 [height,width,3]: slanted gradients that run up and down, with a finer weave on top.

    value = fold(x * (3 + 2 * number) + y * 5 + c * 40 + (x * y) // 8), where fold(v) lets v mod 510
    rise to 255 and fall again.
    """
    y, x, c = np.ogrid[:height, :width, :3]
    turned = (x * (3 + 2 * number) + y * 5 + c * 40 + (x * y) // 8) % 510
    return np.where(turned > 255, 510 - turned, turned).astype(np.uint8)
