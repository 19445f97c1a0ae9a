"""The last steps of a conversion: PReLUs spelt for speed, the graph checked, the file written."""

from __future__ import annotations

from pathlib import Path

import onnx

from net_graph import NetGraph
from prelu_slopes import lower_slopes
from prelu_spelling import spell_prelus


def write_net(model: onnx.ModelProto, path: Path, *, blocked: bool) -> None:
    """Writes a converted net; `blocked` as in `spell_prelus`. Changes the model."""
    net = NetGraph(model)
    lower_slopes(net)
    spell_prelus(net, blocked=blocked)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
