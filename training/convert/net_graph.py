"""A graph as the passes over it see it: constants as arrays, who makes and who reads a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class NetGraph:
    """Views and changes `model.graph` in place. Every constant belongs to one node, as
    `OnnxBuilder` writes them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self._constants = {entry.name: entry for entry in self.graph.initializer}

    def nodes(self, kind: str) -> list[onnx.NodeProto]:
        return [node for node in self.graph.node if node.op_type == kind]

    def producer(self, value: str) -> onnx.NodeProto | None:
        return next((node for node in self.graph.node if value in node.output), None)

    def users(self, value: str) -> list[onnx.NodeProto]:
        """The nodes that read a value; none where it leaves the graph."""
        return [node for node in self.graph.node if value in node.input]

    def array(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self._constants[name])

    def is_constant(self, name: str) -> bool:
        return name in self._constants

    def set_array(self, name: str, values: np.ndarray) -> None:
        dtype = self.array(name).dtype
        array = np.ascontiguousarray(values, dtype)
        self._constants[name].CopyFrom(numpy_helper.from_array(array, name))

    def add_array(self, name: str, values: np.ndarray) -> str:
        entry = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self.graph.initializer.append(entry)
        self._constants[name] = self.graph.initializer[-1]
        return name

    def replace(self, old: onnx.NodeProto, new: Sequence[onnx.NodeProto]) -> None:
        """Puts nodes in the place of one; constants that nobody reads any more go with it."""
        place = list(self.graph.node).index(old)
        inputs = list(old.input)
        self.graph.node.remove(old)
        for offset, node in enumerate(new):
            self.graph.node.insert(place + offset, node)
        for name in inputs:
            if self.is_constant(name) and not self.users(name):
                self.graph.initializer.remove(self._constants.pop(name))


def named(kind: str, inputs: Sequence[str], output: str, **options: Any) -> onnx.NodeProto:
    """A node that is called as its output is."""
    return helper.make_node(kind, inputs, [output], name=output, **options)


def is_depthwise(node: onnx.NodeProto) -> bool:
    return any(a.name == "group" and a.i > 1 for a in node.attribute)
