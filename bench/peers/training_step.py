"""A training step of diffusers' UNet2DModel in PyTorch, one for each line on standard input.

Reads a JSON object first: {"config": UNet2DModel's configuration, "batch": n, "threads": n, "seed": n}.
Answers each further line with the milliseconds of forward, loss and backward (fp32, channels_last where it
is faster: both are tried at the start). Pinned: see requirements.txt.
"""

import json
import sys
import time

import torch
from diffusers import UNet2DModel

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(setup["seed"])
config, batch = setup["config"], setup["batch"]
model = UNet2DModel(**config)
size = config["sample_size"]
sample = torch.randn(batch, config["in_channels"], size, size)
target = torch.randn_like(sample)
timestep = torch.randint(0, 1000, (batch,))


def step(x):
    started = time.perf_counter()
    model.zero_grad(set_to_none=True)
    loss = torch.nn.functional.mse_loss(model(x, timestep).sample, target)
    loss.backward()
    return (time.perf_counter() - started) * 1000


def fastest_of_three(x):
    return min(step(x) for _ in range(3))


plain = fastest_of_three(sample)
model.to(memory_format=torch.channels_last)
last = fastest_of_three(sample.to(memory_format=torch.channels_last))
if last < plain:
    sample = sample.to(memory_format=torch.channels_last)
else:
    model.to(memory_format=torch.contiguous_format)
layout = "channels_last" if last < plain else "contiguous"
parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"torch": torch.__version__, "layout": layout, "parameters": parameters}), flush=True)
for _ in sys.stdin:
    print(step(sample), flush=True)
