"""Templates of aligned faces, by a trained net or by an ONNX build."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from tqdm import tqdm

from faceeval_training.errors import TrainingError

# uint8 [n,S,S,3] in BGR to templates float32 [n,D], L2-normalised.
Embed = Callable[[np.ndarray], np.ndarray]


def normalised(templates: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    lengths = np.linalg.norm(templates, axis=1, keepdims=True)
    return (templates / np.maximum(lengths, 1e-12)).astype(np.float32)


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A session on the CPU. Raises TrainingError when the file is not a net."""
    if not path.is_file():
        raise TrainingError(f"{path} does not exist")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise TrainingError(f"{path} cannot be opened as an ONNX net: {error}") from error


def onnx_embedder(path: Path, threads: int = 1) -> Embed:
    """A build that takes bytes [N,S,S,3]; its first output is the template."""
    session = open_session(path, threads)
    name = session.get_inputs()[0].name
    return lambda faces: normalised(session.run(None, {name: faces})[0])


def torch_embedder(net: nn.Module, device: torch.device) -> Embed:
    """A net that takes bytes [N,S,S,3]; it is left in the mode that it had."""

    @torch.inference_mode()
    def embed(faces: np.ndarray) -> np.ndarray:
        was_training = net.training
        net.eval()
        templates = net(torch.from_numpy(faces).to(device)).float().cpu().numpy()
        net.train(was_training)
        return normalised(templates)

    return embed


def embed_all(
    embed: Embed, batches: Iterable[np.ndarray], total: int, *, flip: bool, what: str
) -> np.ndarray:
    """Templates of all faces; with flip, the sum with the mirrored face's, normalised again.

    Summing before the normalisation is the protocol of face.evoLVe for nets whose output is not
    normalised; for unit templates the two are the same up to the lengths.
    """
    parts = []
    with tqdm(total=total, desc=what, unit="face", leave=False, disable=None) as bar:
        for faces in batches:
            templates = embed(faces)
            if flip:
                templates = templates + embed(np.ascontiguousarray(faces[:, :, ::-1]))
            parts.append(templates)
            bar.update(len(faces))
    return normalised(np.concatenate(parts))
