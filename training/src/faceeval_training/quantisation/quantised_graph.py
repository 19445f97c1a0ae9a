"""Turning an exported graph with fake quantisation into one that stores and computes in INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

INT32_LIMIT = 2**31 - 1


def store_as_int8(path: Path) -> None:
    """Rewrites the file: weights as INT8 constants, biases as INT32 with the scale of the product.

    ONNX Runtime recognises a convolution as INT8 only if input, weights and bias are all
    dequantised beside it.
    """
    model = onnx.load(path)
    graph = model.graph
    _drop_identities(graph)
    constants = {entry.name: entry for entry in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = helper.get_node_attr_value(node, "value")
            constants[node.output[0]] = value
    producers = {output: node for node in graph.node for output in node.output}
    for node in list(graph.node):
        if node.op_type == "QuantizeLinear" and node.input[0] in constants:
            _store_weight(graph, node, constants)
    for node in list(graph.node):
        if node.op_type in ("Conv", "Gemm") and len(node.input) == 3:
            _store_bias(graph, node, producers, constants)
    _drop_unused(graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _array(constants: dict[str, onnx.TensorProto], name: str) -> np.ndarray:
    return numpy_helper.to_array(constants[name])


def _add(
    graph: onnx.GraphProto, constants: dict[str, onnx.TensorProto], values: np.ndarray, name: str
) -> str:
    entry = numpy_helper.from_array(np.ascontiguousarray(values), name)
    graph.initializer.append(entry)
    constants[name] = entry
    return name


def _axis(node: onnx.NodeProto) -> int:
    return next((a.i for a in node.attribute if a.name == "axis"), 1)


def _store_weight(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> None:
    weight, scale = _array(constants, node.input[0]), _array(constants, node.input[1])
    zero = _array(constants, node.input[2])
    shape = [1] * weight.ndim
    if scale.ndim:
        shape[_axis(node)] = -1
    limits = np.iinfo(zero.dtype)
    steps = np.rint(weight / scale.reshape(shape)) + zero.reshape(shape)
    stored = np.clip(steps, limits.min, limits.max).astype(zero.dtype)
    name = _add(graph, constants, stored, f"{node.output[0]}_stored")
    for other in graph.node:
        for place, source in enumerate(other.input):
            if source == node.output[0]:
                other.input[place] = name
    graph.node.remove(node)


def _store_bias(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    producers: dict[str, onnx.NodeProto],
    constants: dict[str, onnx.TensorProto],
) -> None:
    data, weight = (producers.get(name) for name in node.input[:2])
    dequantised = data is not None and weight is not None and node.input[2] in constants
    if not dequantised or {data.op_type, weight.op_type} != {"DequantizeLinear"}:
        return
    scale = _array(constants, data.input[1]) * _array(constants, weight.input[1])
    bias = _array(constants, node.input[2]).astype(np.float64)
    steps = np.clip(np.rint(bias / scale), -INT32_LIMIT, INT32_LIMIT).astype(np.int32)
    stem = f"{node.output[0]}_bias"
    inputs = [
        _add(graph, constants, steps, f"{stem}_stored"),
        _add(graph, constants, scale.astype(np.float32), f"{stem}_scale"),
        _add(graph, constants, np.zeros_like(steps), f"{stem}_zero"),
    ]
    dequantise = helper.make_node("DequantizeLinear", inputs, [stem], name=stem, axis=0)
    graph.node.insert(list(graph.node).index(node), dequantise)
    node.input[2] = stem


def _drop_identities(graph: onnx.GraphProto) -> None:
    """The exporter writes equal constants once and reaches the others by identities."""
    sources: dict[str, str] = {}
    for node in [n for n in graph.node if n.op_type == "Identity"]:
        sources[node.output[0]] = sources.get(node.input[0], node.input[0])
        graph.node.remove(node)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = sources.get(name, name)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    used |= {output.name for output in graph.output}
    for entry in [e for e in graph.initializer if e.name not in used]:
        graph.initializer.remove(entry)
    for node in [n for n in graph.node if n.op_type == "Constant" and n.output[0] not in used]:
        graph.node.remove(node)
