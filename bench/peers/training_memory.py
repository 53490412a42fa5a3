"""Peak memory in bytes of a few training steps of diffusers' UNet2DModel in PyTorch (fp32, AdamW, moving average
of the weights). The only argument is a JSON object: {"config": UNet2DModel's configuration, "batch": n,
"threads": n, "steps": n}. Pinned: see requirements.txt.
"""

import json
import resource
import sys

import torch
from diffusers import UNet2DModel

setup = json.loads(sys.argv[1])
torch.set_num_threads(setup["threads"])
config, batch = setup["config"], setup["batch"]
model = UNet2DModel(**config)
average = [p.detach().clone() for p in model.parameters()]
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
size = config["sample_size"]
for _ in range(setup["steps"]):
    sample = torch.randn(batch, config["in_channels"], size, size)
    target = torch.randn_like(sample)
    loss = torch.nn.functional.mse_loss(model(sample, torch.randint(0, 1000, (batch,))).sample, target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 0.001)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
