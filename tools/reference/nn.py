"""Writes test/fixtures/nn.json: torch's default initialisation from one seed, and forward values of a few
layers and of diffusers' time embeddings.

Run: python tools/reference/nn.py
"""

import torch
from diffusers.models.embeddings import GaussianFourierProjection, get_timestep_embedding
from torch import nn
from torch.nn import functional as F

from fixture import array, versions, write_json

SEED = 0


def initialisation():
    """Three layers made in this order after one manual_seed; each draws weight before bias."""
    torch.manual_seed(SEED)
    layers = {
        "linear": (nn.Linear, [7, 5]),
        "conv2d": (nn.Conv2d, [3, 4, 3]),
        "embedding": (nn.Embedding, [6, 5]),
    }
    return {
        name: {"arguments": arguments}
        | {key: array(value) for key, value in kind(*arguments).state_dict().items()}
        for name, (kind, arguments) in layers.items()
    }


def group_norm(eps, offset, scale):
    layer = nn.GroupNorm(4, 8, eps=eps)
    nn.init.normal_(layer.weight, 1, 0.3)
    nn.init.normal_(layer.bias, 0, 0.3)
    x = offset + scale * torch.randn(2, 8, 3, 3)
    parts = {"x": x, "weight": layer.weight, "bias": layer.bias, "y": layer(x)}
    return {"groups": 4, "eps": eps} | {key: array(value) for key, value in parts.items()}


def unary(f, x):
    return {"x": array(x), "y": array(f(x))}


def layers():
    torch.manual_seed(SEED + 1)
    logits = torch.randn(3, 6)
    logits[1] += 1000
    logits[2] *= 50
    return {
        "groupNorm": {
            "plain": group_norm(1e-5, 0, 1),
            "eps 1e-6, small variance": group_norm(1e-6, 0, 1e-3),
            "mean 100": group_norm(1e-5, 100, 1),
        },
        "silu": unary(F.silu, torch.tensor([-100.0, -20, -5, -1.278, -0.5, -1e-4, 0, 1e-4, 0.5, 1, 5, 20, 100])),
        "softmax": unary(lambda x: F.softmax(x, dim=-1), logits),
        "nearest2x": unary(lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"), torch.randn(2, 2, 2, 3)),
    }


def timestep_embeddings():
    timesteps = torch.tensor([0.0, 1, 17, 500, 999])
    flags = [
        {"embedding_dim": 8},
        {"embedding_dim": 8, "flip_sin_to_cos": True, "downscale_freq_shift": 0},
        {"embedding_dim": 8, "flip_sin_to_cos": False, "downscale_freq_shift": 0},
        {"embedding_dim": 9, "flip_sin_to_cos": True, "downscale_freq_shift": 1},
        {"embedding_dim": 32, "flip_sin_to_cos": True, "downscale_freq_shift": 0},
        {"embedding_dim": 8, "scale": 1000.0, "max_period": 100},
    ]
    cases = [{"options": each, "y": array(get_timestep_embedding(timesteps, **each))} for each in flags]
    return {"timesteps": array(timesteps), "cases": cases}


def gaussian_fourier():
    torch.manual_seed(SEED + 2)
    levels = torch.tensor([0.01, 0.5, 1.0, 80.0])
    flags = [
        {"embedding_size": 4, "scale": 16},
        {"embedding_size": 4, "scale": 16, "flip_sin_to_cos": True},
        {"embedding_size": 4, "scale": 1, "log": False},
    ]
    cases = []
    for each in flags:
        layer = GaussianFourierProjection(**each)
        cases.append({"options": each, "weight": array(layer.weight), "y": array(layer(levels))})
    return {"levels": array(levels), "cases": cases}


if __name__ == "__main__":
    write_json(
        "nn.json",
        {
            "command": "python tools/reference/nn.py",
            "seed": SEED,
            "versions": versions(),
            "initialisation": initialisation(),
            **layers(),
            "timestepEmbedding": timestep_embeddings(),
            "gaussianFourierProjection": gaussian_fourier(),
        },
    )
