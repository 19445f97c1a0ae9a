"""`summary`: parameters, work and output of each backbone."""

from __future__ import annotations

import argparse

import torch
from tabulate import tabulate
from torch import nn

from faceeval_training.backbones.catalogue import BACKBONES, build_backbone, parameter_count

MIB = 1 << 20


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("summary", help="list backbones with parameters and work")
    parser.add_argument("--backbone", choices=tuple(BACKBONES), action="append")
    parser.add_argument("--input-size", type=int, default=112, choices=(112, 224))
    parser.add_argument("--embedding-size", type=int, default=512)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    rows = []
    for name in options.backbone or BACKBONES:
        net = build_backbone(name, options.input_size, options.embedding_size)
        count = parameter_count(net)
        work = multiply_adds(net, options.input_size) / 1e9
        rows.append([name, f"{count:,}", f"{4 * count / MIB:.1f}", f"{work:.3f}"])
    header = ["backbone", "parameters", "FP32 MiB", "GMAC a face"]
    print(tabulate(rows, header, tablefmt="github", disable_numparse=True))


@torch.no_grad()
def multiply_adds(net: nn.Module, side_px: int) -> int:
    """Multiply-adds of convolutions and linear layers for one face."""
    total = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        per_value = module.weight[0].numel()
        total += output[0].numel() * per_value

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    net.eval()(torch.zeros(1, 3, side_px, side_px))
    for hook in hooks:
        hook.remove()
    return total
