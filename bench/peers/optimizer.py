"""What follows a training step's gradients in PyTorch: clipping by the global norm, AdamW and the moving average.

Reads a JSON object first: {"entries": n, "entry": elements of each parameter, "threads": n, "seed": n}.
Answers each further line, "foreach" or "fused" (AdamW's implementation), with the milliseconds of one pass.
Pinned: see requirements.txt.
"""

import json
import sys
import time

import torch

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(setup["seed"])


def contender(**implementation):
    parameters = [torch.nn.Parameter(torch.randn(setup["entry"]) / 8) for _ in range(setup["entries"])]
    # Small enough not to be clipped, so that they stay what they are.
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter) / 1e5
    average = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, **implementation)

    def turn():
        started = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, [parameter.detach() for parameter in parameters], 0.001)
        return (time.perf_counter() - started) * 1000

    return turn


turns = {"foreach": contender(foreach=True), "fused": contender(fused=True)}
print(json.dumps({"torch": torch.__version__}), flush=True)
for line in sys.stdin:
    print(turns[line.strip()](), flush=True)
