"""Writes test/fixtures/optim.json: twelve steps of torch's optimizers on two small parameters with given
gradients, clipping by global norm, and diffusers' learning-rate schedules.

Run: python tools/reference/optim.py
"""

import torch
from diffusers.optimization import get_scheduler

from fixture import array, numbers, versions, write_json

STEPS = 12
SHAPES = [(3,), (2, 2)]

OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "sgd nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "sgd weight decay": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
    "adam": (torch.optim.Adam, {"lr": 0.01}),
    "adam weight decay": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.05}),
    "adam betas": (torch.optim.Adam, {"lr": 0.01, "betas": (0.5, 0.95), "eps": 1e-6}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01}),
    "adamw weight decay": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}

SCHEDULES = ["constant", "constant_with_warmup", "linear", "cosine"]
WARMUP, TOTAL = 10, 100


def gradient_sequence():
    """Scales from 1e-3 to 10, so that clipping acts on some steps; one tensor is all zeros at step 5."""
    scales = torch.logspace(-3, 1, STEPS)
    steps = [[scale * torch.randn(shape) for shape in SHAPES] for scale in scales]
    steps[5][0].zero_()
    return steps


def trajectory(optimizer, options, start, gradients, max_norm=None):
    parameters = [torch.nn.Parameter(value.clone()) for value in start]
    updates = optimizer(parameters, foreach=False, **options)
    after = []
    for step in gradients:
        for parameter, gradient in zip(parameters, step):
            parameter.grad = gradient.clone()
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        updates.step()
        after.append([numbers(parameter) for parameter in parameters])
    return {
        "optimizer": optimizer.__name__,
        "options": options,
        "clip": max_norm,
        "parametersAfterStep": after,
    }


def clipped(step, max_norm):
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    for parameter, gradient in zip(parameters, step):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return {"norm": numbers(norm)[0], "gradients": [numbers(p.grad) for p in parameters]}


def learning_rates(name):
    """The factor in use at optimizer steps 0 to TOTAL, for a base rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=WARMUP, num_training_steps=TOTAL)
    rates = []
    for _ in range(TOTAL + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


if __name__ == "__main__":
    torch.manual_seed(7)
    start = [torch.randn(shape) for shape in SHAPES]
    gradients = gradient_sequence()
    cases = {name: trajectory(*parts, start, gradients) for name, parts in OPTIMIZERS.items()}
    cases["sgd clipped"] = trajectory(torch.optim.SGD, {"lr": 0.1}, start, gradients, max_norm=1.0)
    cases["adamw clipped"] = trajectory(torch.optim.AdamW, {"lr": 0.01}, start, gradients, max_norm=1.0)
    write_json(
        "optim.json",
        {
            "command": "python tools/reference/optim.py",
            "seed": 7,
            "versions": versions(),
            "start": [array(value) for value in start],
            "gradients": [[numbers(value) for value in step] for step in gradients],
            "cases": cases,
            "clipGradNorm": {"maxNorm": 1.0, "steps": [clipped(step, 1.0) for step in gradients]},
            "learningRates": {
                "warmup": WARMUP,
                "total": TOTAL,
                "schedules": {name: learning_rates(name) for name in SCHEDULES},
            },
        },
    )
