"""Writes test/fixtures/rng.json: what torch's CPU generator draws for a few seeds. Each list of draws is made
in order from one fresh generator.

Run: python tools/reference/rng.py
"""

import torch

from fixture import numbers, versions, write_json

SEEDS = [0, 1, 42, 123456789, 2**32 + 5]

SEQUENCES = {
    "rand": [("rand", [5])],
    "rand-40": [("rand", [40])],
    "randn-1": [("randn", [1])],
    "randn-cached": [("randn", [7]), ("randn", [4])],
    "randn-16": [("randn", [16])],
    "randn-37": [("randn", [37])],
    "randn-image": [("randn", [4, 3, 8, 8])],
    "randint": [("randint", [10], 0, 1000)],
    "randint-negative": [("randint", [10], -5, 7)],
    "randint-2^27": [("randint", [10], 0, 2**27 + 1)],
    "randint-2^28": [("randint", [10], 0, 2**28)],
    "randint-2^31": [("randint", [10], -(2**30), 2**30)],
    "randperm": [("randperm", [10])],
    "randperm-1000": [("randperm", [1000])],
    "mixed": [
        ("randn", [3]),
        ("rand", [2]),
        ("randn", [20]),
        ("randint", [5], 0, 100),
        ("randn", [1]),
    ],
}

SHOWN_WHOLE = 40


def draw(generator, kind, shape, low=None, high=None):
    if kind == "randint":
        return torch.randint(low, high, shape, generator=generator)
    if kind == "randperm":
        return torch.randperm(shape[0], generator=generator)
    return getattr(torch, kind)(shape, generator=generator)


def record(values, kind, shape, low=None, high=None):
    """The draw as data: all values, or the first ten with sums (in float64) over the rest."""
    entry = {"kind": kind, "shape": shape}
    if kind == "randint":
        entry |= {"low": low, "high": high}
    flat = numbers(values)
    if len(flat) <= SHOWN_WHOLE:
        return entry | {"values": flat}
    exact = values.reshape(-1).double()
    return entry | {
        "first": flat[:10],
        "sum": exact.sum().item(),
        "sumAbs": exact.abs().sum().item(),
        "sumByIndex": (exact * torch.arange(len(flat))).sum().item(),
    }


def sequence(seed, draws):
    generator = torch.Generator().manual_seed(seed)
    return [record(draw(generator, *each), *each) for each in draws]


if __name__ == "__main__":
    seeds = [
        {"seed": seed, "sequences": {name: sequence(seed, draws) for name, draws in SEQUENCES.items()}}
        for seed in SEEDS
    ]
    write_json(
        "rng.json",
        {"command": "python tools/reference/rng.py", "versions": versions(), "seeds": seeds},
        depth=5,
    )
