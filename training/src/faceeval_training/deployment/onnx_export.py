"""Writing a deployment graph as ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch

from faceeval_training.deployment.deployment_graph import DeploymentGraph
from faceeval_training.whole_file import replacing

OPSET = 18
INPUT, OUTPUT = "faces", "template"


def write_onnx(net: DeploymentGraph, path: Path, side_px: int) -> None:
    """faces uint8 [N,side,side,3] to template float [N,E]; N is free. Replaces the file whole.

    The exporter that traces is used: the newer one has no form for fake quantisation yet.
    """
    example = torch.zeros(2, side_px, side_px, 3, dtype=torch.uint8)
    with replacing(path) as partial, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (example,),
            str(partial),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(partial)
        # Tracing forgets the length of the template.
        length = net(example).shape[1]
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = length
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, partial)
