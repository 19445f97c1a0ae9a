"""An FP32 build from the FP16 one: half the bytes are kept, and nobody has to train again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from faceeval_training.errors import TrainingError


def write_widened(source: Path, target: Path) -> None:
    """Writes the net of an FP16 build with FP32 numbers; its values are exactly those of FP16.

    Raises TrainingError when nothing in it is FP16.
    """
    model = onnx.load(source)
    graph = model.graph
    attributes = [a for node in graph.node for a in node.attribute]
    tensors = [*graph.initializer, *(a.t for a in attributes if a.name == "value")]
    half = [tensor for tensor in tensors if tensor.data_type == TensorProto.FLOAT16]
    if not half:
        raise TrainingError(f"{source} has no FP16 numbers")
    for tensor in half:
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    del graph.value_info[:]
    _sort(graph)
    _drop_idle_casts(model)
    onnx.checker.check_model(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, target)


def _sort(graph: onnx.GraphProto) -> None:
    """Puts every node behind those that it takes from; the conversion to FP16 does not."""
    known = {"", *(value.name for value in (*graph.input, *graph.initializer))}
    left, ordered = list(graph.node), []
    while left:
        ready = [node for node in left if known.issuperset(node.input)]
        ordered += ready
        known.update(name for node in ready for name in node.output)
        left = [node for node in left if not known.issuperset(node.output)]
    del graph.node[:]
    graph.node.extend(ordered)


def _drop_idle_casts(model: onnx.ModelProto) -> None:
    """Takes out casts of FP32 numbers to FP32; one whose result is the graph's output stays."""
    typed = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in typed.value_info}
    outputs = {value.name for value in model.graph.output}
    for node in list(model.graph.node):
        idle = (
            node.op_type == "Cast"
            and kinds.get(node.input[0]) == TensorProto.FLOAT == node.attribute[0].i
        )
        if not idle or node.output[0] in outputs:
            continue
        for user in model.graph.node:
            user.input[:] = [
                node.input[0] if name == node.output[0] else name for name in user.input
            ]
        model.graph.node.remove(node)
