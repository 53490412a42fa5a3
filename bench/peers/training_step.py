"""A training step of diffusers' UNet2DModel in PyTorch, one for each line on standard input.

Reads a JSON object first: {"config": UNet2DModel's configuration, "batch": n, "threads": n, "seed": n}, and answers with
facts, among them the ways that it knows: "eager" and "compile" (torch.compile) in fp32, and "autocast" (eager, bf16
autocast) where the processor has bf16. Each further line names a way and is answered with the milliseconds of forward,
loss and backward. Memory format: the faster of contiguous and channels_last in the first eager steps. Pinned: see
requirements.txt; compiling needs a C++ compiler.
"""

import json
import pathlib
import sys
import time

import torch
from diffusers import UNet2DModel

WARM_UP = 3  # steps of a way that are not measured: compilation, choice of kernels

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(setup["seed"])
config, batch = setup["config"], setup["batch"]
model = UNet2DModel(**config)
size = config["sample_size"]
sample = torch.randn(batch, config["in_channels"], size, size)
target = torch.randn_like(sample)
timestep = torch.randint(0, 1000, (batch,))


def step(network, x, autocast=False):
    started = time.perf_counter()
    model.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        output = network(x, timestep).sample
    loss = torch.nn.functional.mse_loss(output.float(), target)
    loss.backward()
    return (time.perf_counter() - started) * 1000


def fastest_of_three(x):
    return min(step(model, x) for _ in range(3))


plain = fastest_of_three(sample)
model.to(memory_format=torch.channels_last)
last = fastest_of_three(sample.to(memory_format=torch.channels_last))
if last < plain:
    sample = sample.to(memory_format=torch.channels_last)
else:
    model.to(memory_format=torch.contiguous_format)

ways = {
    "eager": lambda: step(model, sample),
    "compile": lambda: step(compiled, sample),
}
compiled = torch.compile(model)
flags = pathlib.Path("/proc/cpuinfo").read_text()
if "avx512_bf16" in flags or "amx_bf16" in flags:
    ways["autocast"] = lambda: step(model, sample, autocast=True)
for way in ways.values():
    for _ in range(WARM_UP):
        way()

facts = {
    "torch": torch.__version__,
    "layout": "channels_last" if last < plain else "contiguous",
    "parameters": sum(p.numel() for p in model.parameters()),
    "ways": list(ways),
}
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    print(ways[line.strip()](), flush=True)
