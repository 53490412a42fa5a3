"""Writes test/fixtures/tensor.json: torch's values for functions of tensors that are written over the vocabulary,
and the gradients of a gradient penalty in double precision.

Run: python tools/reference/tensor.py
"""

import torch
from torch import nn
from torch.nn import functional as F

from fixture import array, versions, write_json

SEED = 3


def activations():
    x = torch.tensor([-100.0, -20, -5, -1.2, -0.5, -1e-4, 0, 1e-4, 0.5, 1, 5, 20, 100], requires_grad=True)
    kinds = {"gelu": F.gelu, "softplus": F.softplus, "mish": F.mish, "leakyRelu": F.leaky_relu}
    values = {}
    for name, kind in kinds.items():
        y = kind(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        values[name] = {"y": array(y), "slope": array(slope)}
    return {"x": array(x), "kinds": values}


def bilinear(shape, size):
    x = torch.randn(shape)
    return {"x": array(x), "size": size, "y": array(F.interpolate(x, size=size, mode="bilinear"))}


def grouped(channels, to, groups, bias, **geometry):
    x = torch.randn(2, channels, 5, 6)
    layer = nn.Conv2d(channels, to, 3, groups=groups, bias=bias, **geometry)
    parts = {"x": x, "weight": layer.weight, "y": layer(x)} | ({"bias": layer.bias} if bias else {})
    return {"groups": groups, **geometry} | {key: array(value) for key, value in parts.items()}


def transposed(stride, padding, output_padding):
    x, weight = torch.randn(2, 3, 4, 5), torch.randn(3, 2, 4, 4)
    y = F.conv_transpose2d(x, weight, stride=stride, padding=padding, output_padding=output_padding)
    return {"stride": stride, "padding": padding} | {"x": array(x), "weight": array(weight), "y": array(y)}


def gradient_penalty():
    """sum(g^2) with g = d loss / dx (Mescheder et al. 2018), through a convolution, a group normalisation with
    SiLU, and attention in two heads; and its gradients in x and in every parameter."""
    shapes = {
        "x": (2, 3, 4, 4),
        "kernel": (8, 3, 3, 3),
        "bias": (8,),
        "scale": (8,),
        "shift": (8,),
        "query": (8, 8),
        "key": (8, 8),
        "value": (8, 8),
        "out": (8, 1),
    }
    leaves = {name: (0.6 * torch.randn(shape, dtype=torch.float64)).requires_grad_() for name, shape in shapes.items()}
    # Exactly float32, so that both sides start from the same numbers.
    for leaf in leaves.values():
        leaf.data = leaf.data.float().double()

    def heads(rows):
        return rows.reshape(2, 16, 2, 4).transpose(1, 2)

    h = F.conv2d(leaves["x"], leaves["kernel"], leaves["bias"], padding=1)
    h = F.silu(F.group_norm(h, 4, leaves["scale"], leaves["shift"], eps=1e-5))
    rows = h.flatten(2).transpose(1, 2)
    q, k, v = (heads(rows @ leaves[name]) for name in ("query", "key", "value"))
    weights = torch.softmax(0.5 * q @ k.transpose(2, 3), dim=-1)
    mixed = (weights @ v).transpose(1, 2).reshape(2, 16, 8)
    loss = F.softplus((mixed + rows) @ leaves["out"]).sum()
    (g,) = torch.autograd.grad(loss, leaves["x"], create_graph=True)
    penalty = (g**2).sum()
    slopes = torch.autograd.grad(penalty, list(leaves.values()))
    return {
        "leaves": {name: array(leaf.float()) for name, leaf in leaves.items()},
        "loss": loss.item(),
        "penalty": penalty.item(),
        "gradients": {name: array(slope) for name, slope in zip(leaves, slopes)},
    }


if __name__ == "__main__":
    torch.manual_seed(SEED)
    write_json(
        "tensor.json",
        {
            "command": "python tools/reference/tensor.py",
            "seed": SEED,
            "versions": versions(),
            "activations": activations(),
            "bilinear": [bilinear((2, 2, 3, 4), [6, 8]), bilinear((1, 1, 7, 5), [3, 8]), bilinear((1, 2, 1, 6), [4, 1])],
            "grouped": [
                grouped(6, 4, 2, True, stride=1, padding=1),
                grouped(4, 4, 4, False, stride=2, padding=0),
            ],
            "transposed": [transposed(2, 1, 0), transposed(3, 0, 2)],
            "gradientPenalty": gradient_penalty(),
        },
    )
