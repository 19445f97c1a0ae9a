"""Templates of a teacher for every face and its mirror image, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from faceeval_training.data.identity_folders import FaceList
from faceeval_training.data.pictures import decode_batches
from faceeval_training.deployment.manifest import sha256_of, write_json
from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import normalised, open_session
from faceeval_training.settings import Settings

FOLDER = "teacher"


class CachedTeacher:
    """Float16 [faces,2,D] in a file that is mapped; plain and mirrored.

    The file's name holds the checksums of the teacher and of the list of faces, so a changed
    data set or teacher never meets old templates. An interrupted computation goes on.
    """

    def __init__(self, settings: Settings, faces: FaceList) -> None:
        if settings.distillation is None:
            raise ValueError("the settings name no teacher")
        self._path = settings.distillation.teacher
        if not self._path.is_file():
            raise TrainingError(f"the teacher {self._path} does not exist")
        self._faces = faces
        self._batch = settings.distillation.teacher_batch
        self._session = open_session(self._path, settings.threads or 0)
        picture, template = self._session.get_inputs()[0], self._session.get_outputs()[0]
        if picture.type != "tensor(uint8)" or not isinstance(picture.shape[1], int):
            raise TrainingError(
                f"{self._path} must take faces as bytes [N,S,S,3], as all builds of models/ do"
            )
        self._input, self._side_px, self.size = picture.name, picture.shape[1], template.shape[1]
        names = "\n".join(f"{p} {p.stat().st_size}" for p in faces.paths)
        key = hashlib.sha256(f"{sha256_of(self._path)}\n{names}".encode()).hexdigest()[:16]
        self._cache = settings.output_dir / FOLDER / f"{key}.f16"
        self._marker = self._cache.with_suffix(".json")
        self._templates: np.ndarray | None = None

    def fill(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Computes what is missing. Raises TrainingError when stopped; what is done is kept."""
        done = self._done()
        count = len(self._faces)
        if done == count:
            return
        shape = (count, 2, self.size)
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        mode = "r+" if done else "w+"
        stored = np.memmap(self._cache, np.float16, mode, shape=shape)
        batches = decode_batches(self._faces.paths[done:], self._side_px, self._batch)
        with tqdm(total=count, initial=done, desc="teacher", unit="face", disable=None) as bar:
            for number, pictures in enumerate(batches):
                stored[done : done + len(pictures), 0] = self._embed(pictures)
                stored[done : done + len(pictures), 1] = self._embed(pictures[:, :, ::-1])
                done += len(pictures)
                bar.update(len(pictures))
                stopped = done < count and should_stop()
                if number % 50 == 0 or done == count or stopped:
                    stored.flush()
                    write_json(self._marker, {"done": done, "teacher": str(self._path)})
                if stopped:
                    raise TrainingError(
                        f"stopped with the teacher's templates of {done} of {count} faces; the "
                        "same command goes on"
                    )

    def open(self) -> None:
        """Maps the finished file."""
        shape = (len(self._faces), 2, self.size)
        self._templates = np.memmap(self._cache, np.float16, "r", shape=shape)

    def lookup(self, place: int, mirrored: bool) -> np.ndarray:
        """Template of a face of the list, float32 [D], of length one."""
        if self._templates is None:
            raise RuntimeError("open() comes first")
        return np.asarray(self._templates[place, int(mirrored)], dtype=np.float32)

    def _embed(self, pictures: np.ndarray) -> np.ndarray:
        feed = {self._input: np.ascontiguousarray(pictures)}
        return normalised(self._session.run(None, feed)[0])

    def _done(self) -> int:
        if not (self._marker.exists() and self._cache.exists()):
            return 0
        return int(json.loads(Path(self._marker).read_text())["done"])
