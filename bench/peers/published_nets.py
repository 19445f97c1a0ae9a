"""MTCNN's nets as an export gives them: planes of numbers in, and PReLU as one operator.

Ours take bytes, and spell PReLU in operators that ONNX Runtime has fast code for; that is part of
what is compared, so the straight way must not have it.
"""

from __future__ import annotations

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
    """Undoes our spelling in models/fp32: even·|x| + odd·x is PReLU(x) of the slope odd - even."""
    model = onnx.load(source)
    graph = model.graph
    numbers = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    dropped: set[str] = set()
    for place, node in enumerate(graph.node):
        if node.op_type != "Add":
            continue
        products = [producers[name] for name in node.input]
        absolute = [p for p in products if producers.get(p.input[0], p).op_type == "Abs"]
        if len(absolute) != 1 or any(p.op_type != "Mul" for p in products):
            continue
        (even,) = absolute
        (odd,) = (p for p in products if p is not even)
        slope = f"slope_{place}"
        graph.initializer.append(
            numpy_helper.from_array(numbers[odd.input[1]] - numbers[even.input[1]], slope)
        )
        dropped |= {even.output[0], odd.output[0], even.input[0]}
        prelu = helper.make_node("PRelu", [odd.input[0], slope], node.output)
        graph.node[place].CopyFrom(prelu)
    _take_planes(model, dropped)
    onnx.checker.check_model(model)
    return model


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
