"""Reads operators and constants out of a TFLite flatbuffer, and runs it with its own runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from tflite.Model import Model

_OPERATOR_NAMES = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}
_TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.INT32: np.int32}


@dataclass(frozen=True)
class Operator:
    """One operator: its name and the tensor numbers that it reads and writes."""

    name: str
    inputs: list[int]
    outputs: list[int]
    raw: Any

    def options(self, kind: type) -> Any:
        """The operator's options as the flatbuffer class `kind`."""
        table = self.raw.BuiltinOptions()
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options


class TfliteGraph:
    """The first subgraph of a model: `operators` in order, `constants` by tensor number."""

    def __init__(self, path: Path) -> None:
        model = Model.GetRootAsModel(bytearray(path.read_bytes()), 0)
        graph = model.Subgraphs(0)
        self.inputs = [int(i) for i in graph.InputsAsNumpy()]
        self.constants: dict[int, np.ndarray] = {}
        for number in range(graph.TensorsLength()):
            tensor = graph.Tensors(number)
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength() == 0:
                continue
            shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
            values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _TYPES[tensor.Type()])
            self.constants[number] = values.reshape(shape)
        self.operators: list[Operator] = []
        for number in range(graph.OperatorsLength()):
            raw = graph.Operators(number)
            code = model.OperatorCodes(raw.OpcodeIndex())
            name = _OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            inputs = [int(i) for i in raw.InputsAsNumpy()]
            outputs = [int(i) for i in raw.OutputsAsNumpy()]
            self.operators.append(Operator(name, inputs, outputs, raw))


def run_tflite(path: Path, value: np.ndarray) -> list[np.ndarray]:
    """Runs a model with its own format's runtime: the reference that a conversion must meet."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    if list(entry["shape"]) != list(value.shape):
        interpreter.resize_tensor_input(entry["index"], value.shape)
        interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]
