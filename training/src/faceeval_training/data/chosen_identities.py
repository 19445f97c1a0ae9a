"""Choosing identities from several sets."""

from __future__ import annotations

import numpy as np

from faceeval_training.data.identity_folders import FaceList
from faceeval_training.errors import TrainingError


def richest_identities(faces: FaceList, count: int) -> FaceList:
    """The identities with the most images, numbered from 0; a person named alike in two sets
    (`HrithikRoshan`, `hrithik_roshan`) comes once, from the set with more images.

    Raises TrainingError when there are fewer than `count`.
    """
    sizes = np.bincount(faces.labels[faces.labels >= 0], minlength=len(faces.identities))
    chosen: dict[str, int] = {}
    for label in np.argsort(-sizes, kind="stable"):
        if len(chosen) < count:
            chosen.setdefault(plain_name(faces.identities[label]), int(label))
    if len(chosen) < count:
        raise TrainingError(f"there are {len(chosen)} identities, and {count} were asked for")
    labels = list(chosen.values())
    table = np.full(len(faces.identities) + 1, -1)
    table[labels] = np.arange(count)
    numbers = table[faces.labels]
    places = np.flatnonzero(numbers >= 0)
    subset = faces.subset(places)
    return FaceList(subset.paths, numbers[places], tuple(faces.identities[k] for k in labels))


def plain_name(identity: str) -> str:
    """Letters and digits of the name alone, in lower case."""
    return "".join(c for c in identity.rsplit("/", 1)[-1].lower() if c.isalnum())
