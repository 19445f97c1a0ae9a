"""Folding batch norms into their neighbours, exactly, for nets that no longer learn them."""

from __future__ import annotations

import copy

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def folded(net: nn.Module) -> fx.GraphModule:
    """A copy in evaluation mode without dropout and with as few batch norms as can be.

    Folds a batch norm that follows a convolution or a linear layer, and one that stands before a
    flattened linear layer. One in front of a padded convolution stays: zeros are padded after it.
    """
    graph_module = fx.symbolic_trace(copy.deepcopy(net).eval())
    for node in list(graph_module.graph.nodes):
        module = module_of(graph_module, node)
        if isinstance(module, nn.Dropout | nn.Identity):
            _remove(graph_module, node, node.args[0])
    for node in list(graph_module.graph.nodes):
        module = module_of(graph_module, node)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            _fold_one(graph_module, node, module)
    graph_module.graph.lint()
    graph_module.delete_all_unused_submodules()
    graph_module.recompile()
    # PyTorch gives the biases that it makes here no gradient.
    return graph_module.requires_grad_(True)


def module_of(graph_module: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a node calls."""
    return graph_module.get_submodule(str(node.target)) if node.op == "call_module" else None


def is_flatten(graph_module: fx.GraphModule, node: fx.Node) -> bool:
    """Whether the node only changes the shape to [N, values]."""
    return node.target is torch.flatten or isinstance(module_of(graph_module, node), nn.Flatten)


def _fold_one(
    graph_module: fx.GraphModule, node: fx.Node, norm: nn.BatchNorm1d | nn.BatchNorm2d
) -> None:
    before = node.args[0]
    source = module_of(graph_module, before)
    if len(before.users) == 1 and isinstance(source, nn.Conv2d):
        graph_module.set_submodule(str(before.target), fuse_conv_bn_eval(source, norm))
        _remove(graph_module, node, before)
    elif len(before.users) == 1 and isinstance(source, nn.Linear):
        graph_module.set_submodule(str(before.target), fuse_linear_bn_eval(source, norm))
        _remove(graph_module, node, before)
    elif (following := _flattened_linear(graph_module, node)) is not None:
        linear = graph_module.get_submodule(str(following.target))
        _scale_inputs(linear, norm)
        _remove(graph_module, node, before)


def _flattened_linear(graph_module: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """The linear layer that takes the flattened output of the node, and nothing else does."""
    if len(node.users) != 1:
        return None
    flatten = next(iter(node.users))
    if not is_flatten(graph_module, flatten) or len(flatten.users) != 1:
        return None
    following = next(iter(flatten.users))
    return following if isinstance(module_of(graph_module, following), nn.Linear) else None


@torch.no_grad()
def _scale_inputs(linear: nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    places = linear.in_features // norm.num_features
    moved = linear.weight @ shift.repeat_interleave(places)
    if linear.bias is None:
        linear.bias = nn.Parameter(moved)
    else:
        linear.bias += moved
    linear.weight *= scale.repeat_interleave(places)


def _remove(graph_module: fx.GraphModule, node: fx.Node, replacement: fx.Node) -> None:
    node.replace_all_uses_with(replacement)
    graph_module.graph.erase_node(node)
