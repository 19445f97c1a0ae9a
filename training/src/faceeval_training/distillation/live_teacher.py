"""A teacher that sees the very pictures that the student sees, and shows its inner maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn import functional as F

from faceeval_training.errors import TrainingError
from faceeval_training.evaluation.embedding import normalised

# The maps of so few stay in the processor's cache: a third faster than 64 at once.
FACES_AT_ONCE = 8


class LiveTeacher:
    """Runs on the CPU, in whichever process calls it.

    size: length of its templates; channels: those of each map that was asked for, in that order.

    Raises TrainingError when the build does not take bytes or has no such map.
    """

    def __init__(self, path: Path, maps: Sequence[str], threads: int) -> None:
        if not path.is_file():
            raise TrainingError(f"the teacher {path} does not exist")
        model = onnx.load(path)
        known = {name for node in model.graph.node for name in node.output}
        for name in maps:
            if name not in known:
                raise TrainingError(f"{path} has no tensor {name}; see the names in Netron")
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        self._model, self._threads = model.SerializeToString(), threads
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        picture = self._opened().get_inputs()[0]
        if picture.type != "tensor(uint8)" or not isinstance(picture.shape[1], int):
            raise TrainingError(
                f"{path} must take faces as bytes [N,S,S,3], as all builds of models/ do"
            )
        self._input, self._side_px = picture.name, picture.shape[1]
        example = torch.zeros(1, self._side_px, self._side_px, 3, dtype=torch.uint8)
        template, shown = self(example)
        self.size = template.shape[1]
        self.channels = tuple(each.shape[1] for each in shown)

    def __call__(self, faces: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Faces uint8 [N,S,S,3] to templates [N,D] of length one and maps [N,C,H,W]."""
        if faces.shape[1] != self._side_px:
            planes = faces.permute(0, 3, 1, 2).float()
            planes = F.interpolate(planes, self._side_px, mode="bilinear", antialias=True)
            faces = planes.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        pictures = np.ascontiguousarray(faces.cpu().numpy())
        session = self._opened()
        parts = [
            session.run(None, {self._input: pictures[first : first + FACES_AT_ONCE]})
            for first in range(0, len(pictures), FACES_AT_ONCE)
        ]
        template, *shown = (np.concatenate(each) for each in zip(*parts, strict=True))
        maps = tuple(torch.from_numpy(each) for each in shown)
        return torch.from_numpy(normalised(template)), maps

    def _opened(self) -> onnxruntime.InferenceSession:
        """The session of this process. One that a fork has brought along is kept and left alone:
        its threads did not come along, and its end would wait for them for ever."""
        process = os.getpid()
        if process not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.log_severity_level = 3
            # Between batches its threads would spin on the cores that the student needs.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            self._sessions[process] = onnxruntime.InferenceSession(
                self._model, options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[process]
