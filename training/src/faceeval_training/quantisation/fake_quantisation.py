"""Quantisation-aware training: the rounding of the INT8 build, with gradients that pass through.

Batch norms are folded first, so that what learns is what is stored. Weights are signed, one scale
an output channel; activations unsigned, one scale a tensor: what ONNX Runtime runs fast everywhere.
"""

from __future__ import annotations

import operator

import torch
from torch import fx, nn
from torch.nn import functional as F

from faceeval_training.deployment.batch_norm_folding import folded, is_flatten, module_of

MOMENTUM = 0.05
LOW, HIGH = 0, 255
WEIGHT_LIMIT = 127


class ActivationQuantiser(nn.Module):
    """Rounds a tensor to 256 steps between the moving averages of its extremes."""

    low: torch.Tensor
    high: torch.Tensor
    scale: torch.Tensor
    zero_point: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.observing = False
        self.rounding = False
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero_point", torch.zeros((), dtype=torch.int32))

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        if self.observing:
            self._observe(value.detach())
        if not self.rounding:
            return value
        return torch.fake_quantize_per_tensor_affine(value, self.scale, self.zero_point, LOW, HIGH)

    @torch.no_grad()
    def _observe(self, value: torch.Tensor) -> None:
        # Zero must be exact: padding is made of it.
        low, high = value.amin().clamp_max(0.0), value.amax().clamp_min(0.0)
        if bool(self.high == self.low):
            self.low.copy_(low)
            self.high.copy_(high)
        else:
            self.low.lerp_(low, MOMENTUM)
            self.high.lerp_(high, MOMENTUM)
        self.scale.copy_(((self.high - self.low) / (HIGH - LOW)).clamp_min(1e-8))
        self.zero_point.copy_((-self.low / self.scale).round().clamp(LOW, HIGH).to(torch.int32))


class _RoundedWeight(nn.Module):
    """Shared by the two layers: signed weights, one scale an output channel."""

    weight: nn.Parameter
    weight_scale: torch.Tensor

    def prepare(self) -> None:
        self.rounding = False
        self.exporting = False
        channels = self.weight.shape[0]
        self.register_buffer("weight_scale", torch.ones(channels))
        self.register_buffer(
            "weight_zero", torch.zeros(channels, dtype=torch.int32), persistent=False
        )

    @torch.no_grad()
    def refresh_scale(self) -> None:
        """Fits the scales to the present weights."""
        extremes = self.weight.detach().abs().flatten(1).amax(dim=1)
        self.weight_scale.copy_((extremes / WEIGHT_LIMIT).clamp_min(1e-12))

    def rounded_weight(self) -> torch.Tensor:
        if not self.rounding:
            return self.weight
        if not self.exporting:
            self.refresh_scale()
        return torch.fake_quantize_per_channel_affine(
            self.weight, self.weight_scale, self.weight_zero, 0, -128, 127
        )


class RoundedConv2d(nn.Conv2d, _RoundedWeight):
    """A convolution with rounded weights."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(value, self.rounded_weight(), self.bias)


class RoundedLinear(nn.Linear, _RoundedWeight):
    """A linear layer with rounded weights."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return F.linear(value, self.rounded_weight(), self.bias)


def prepare_quantisation(net: nn.Module) -> fx.GraphModule:
    """A folded copy of a trained net that can learn with rounded weights and activations.

    Quantisers are placed before each convolution, linear layer and addition, and behind each
    convolution that no ReLU follows: only so does ONNX Runtime compute it in INT8. Pools, zero
    padding and reshapes keep their input's scale, so they share its quantiser.
    """
    graph_module = folded(net)
    for name, module in list(graph_module.named_modules()):
        kind = {nn.Conv2d: RoundedConv2d, nn.Linear: RoundedLinear}.get(type(module))
        if kind is not None:
            module.__class__ = kind
            module.prepare()
            graph_module.set_submodule(name, module)
    quantisers: dict[fx.Node, str] = {}
    for node in list(graph_module.graph.nodes):
        if _runs_in_int8(graph_module, node):
            for source in [a for a in node.args if isinstance(a, fx.Node)]:
                _quantise_output(graph_module, _before_quantiser(source), quantisers)
        if _needs_output_step(graph_module, node):
            _quantise_output(graph_module, node, quantisers)
    graph_module.graph.lint()
    graph_module.recompile()
    return graph_module


def _runs_in_int8(graph_module: fx.GraphModule, node: fx.Node) -> bool:
    module = module_of(graph_module, node)
    return isinstance(module, _RoundedWeight) or node.target in (operator.add, torch.add)


def _needs_output_step(graph_module: fx.GraphModule, node: fx.Node) -> bool:
    if not isinstance(module_of(graph_module, node), RoundedConv2d):
        return False
    followers = [module_of(graph_module, user) for user in node.users]
    ends = any(user.op == "output" or is_flatten(graph_module, user) for user in node.users)
    return not ends and not any(isinstance(follower, nn.ReLU) for follower in followers)


def _keeps_scale(graph_module: fx.GraphModule, node: fx.Node) -> bool:
    module = module_of(graph_module, node)
    return isinstance(module, nn.MaxPool2d | nn.ZeroPad2d) or is_flatten(graph_module, node)


def _quantise_output(
    graph_module: fx.GraphModule, node: fx.Node, quantisers: dict[fx.Node, str]
) -> str:
    """Puts a quantiser behind the node, once, and returns its name."""
    if node in quantisers:
        return quantisers[node]
    if _keeps_scale(graph_module, node):
        name = _quantise_output(graph_module, _before_quantiser(node.args[0]), quantisers)
    else:
        name = f"quantiser_{len(set(quantisers.values()))}"
        graph_module.add_submodule(name, ActivationQuantiser())
    users = list(node.users)
    with graph_module.graph.inserting_after(node):
        inserted = graph_module.graph.call_module(name, (node,))
    for user in users:
        user.replace_input_with(node, inserted)
    quantisers[node] = name
    return name


def _before_quantiser(node: fx.Node) -> fx.Node:
    """The node itself, or the one that its quantiser takes."""
    return node.args[0] if str(node.target).startswith("quantiser_") else node


def set_quantisation(
    net: nn.Module, *, observing: bool, rounding: bool, exporting: bool = False
) -> None:
    """Switches all quantisers: observe only to calibrate, both to train, round only to judge."""
    for module in net.modules():
        if isinstance(module, ActivationQuantiser):
            module.observing, module.rounding = observing, rounding
        elif isinstance(module, _RoundedWeight):
            module.rounding, module.exporting = rounding, exporting
            if exporting:
                module.refresh_scale()


def is_quantisation_aware(net: nn.Module) -> bool:
    """Whether the net was made by prepare_quantisation."""
    return any(isinstance(module, ActivationQuantiser) for module in net.modules())
