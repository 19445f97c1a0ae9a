"""MTCNN's nets as an export gives them: planes of numbers in, and PReLU as one operator.

Ours take bytes, and spell PReLU in operators that ONNX Runtime has fast code for; that is part of
what is compared, so the straight way must not have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

MEAN, STD = 127.5, 128


class PublishedNet:
    """Feeds (x - 127.5) / 128 as planes, computed in NumPy; `run` is that of a session."""

    def __init__(self, source: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            with_prelu(source).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, _: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        (pictures,) = feeds.values()
        planes = ((pictures.astype(np.float32) - MEAN) / STD).transpose(0, 3, 1, 2)
        return self._session.run(None, {"planes": np.ascontiguousarray(planes)})


def with_prelu(source: Path) -> onnx.ModelProto:
    """Undoes our spelling in models/fp32: max(x, a·x) is PReLU(x) of the slope a."""
    model = onnx.load(source)
    graph = model.graph
    numbers = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    dropped: set[str] = set()
    for place, node in enumerate(graph.node):
        if node.op_type != "Max":
            continue
        value, scaled = node.input
        slopes, output = numbers[producers[scaled].input[1]], node.output[0]
        dropped.add(scaled)
        steep = _bent_after_the_pool(graph, numbers, output)
        if steep is not None:
            slopes = np.where(steep.slopes > 1, steep.slopes, slopes)
            dropped |= {steep.scaled, steep.bent}
            steep.restore(graph)
        slope = f"slope_{place}"
        graph.initializer.append(numpy_helper.from_array(slopes, slope))
        graph.node[place].CopyFrom(helper.make_node("PRelu", [value, slope], [output]))
    if not any(node.op_type == "PRelu" for node in graph.node):
        raise ValueError(f"{source} spells PReLU in a way that is not known here")
    _take_planes(model, dropped)
    onnx.checker.check_model(model)
    return model


@dataclass(frozen=True)
class _Bent:
    """min(x, a·x) behind a pool: slopes above 1, which max(x, a·x) before it cannot give."""

    slopes: np.ndarray
    pooled: str
    scaled: str
    bent: str

    def restore(self, graph: onnx.GraphProto) -> None:
        """What read the bent values reads the pooled ones."""
        for node in graph.node:
            node.input[:] = [self.pooled if name == self.bent else name for name in node.input]


def _bent_after_the_pool(
    graph: onnx.GraphProto, numbers: dict[str, np.ndarray], value: str
) -> _Bent | None:
    def users(name: str) -> list[onnx.NodeProto]:
        return [node for node in graph.node if name in node.input]

    for pool in users(value):
        kinds = {node.op_type: node for node in users(pool.output[0])}
        if pool.op_type == "MaxPool" and {"Mul", "Min"} == kinds.keys():
            product, least = kinds["Mul"], kinds["Min"]
            slopes = numbers[product.input[1]]
            return _Bent(slopes, pool.output[0], product.output[0], least.output[0])
    return None


def _take_planes(model: onnx.ModelProto, dropped: set[str]) -> None:
    """Bytes and their turn into planes leave the graph, and the normalisation that the weights of
    its first convolution hold leaves them."""
    graph = model.graph
    kept = [node for node in graph.node if not dropped & set(node.output)]
    first = next(node for node in kept if node.op_type == "Conv")
    numbers = {t.name: t for t in graph.initializer}
    weights, bias = numbers[first.input[1]], numbers[first.input[2]]
    folded = numpy_helper.to_array(weights)
    offset = MEAN * folded.sum(axis=(1, 2, 3))
    shifted = (numpy_helper.to_array(bias) + offset).astype(np.float32)
    weights.CopyFrom(numpy_helper.from_array(folded * STD, weights.name))
    bias.CopyFrom(numpy_helper.from_array(shifted, bias.name))
    first.input[0] = "planes"
    rest = kept[kept.index(first) :]
    del graph.node[:], graph.input[:]
    graph.node.extend(rest)
    shape = ["N", 3, "H", "W"]
    graph.input.append(helper.make_tensor_value_info("planes", onnx.TensorProto.FLOAT, shape))
    used = {name for node in rest for name in node.input}
    spare = [t for t in graph.initializer if t.name not in used]
    for tensor in spare:
        graph.initializer.remove(tensor)
