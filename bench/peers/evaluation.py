"""One evaluation of diffusers' UNet2DModel in PyTorch, or of its ONNX export in onnxruntime.

Reads a JSON object first: {"config": UNet2DModel's configuration, "batch": n, "threads": n, "seed": n,
"evaluations": n a turn, "folder": where the export may lie}. Answers each further line, "torch" or "onnx", with
milliseconds an evaluation (fp32; PyTorch in inference mode, in channels_last where that is faster; onnxruntime with
its own settings, under which threads spin while they wait). Pinned: see requirements.txt.
"""

import json
import logging
import os
import sys
import time
import warnings

import onnxruntime
import torch
from diffusers import UNet2DModel

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(setup["seed"])
config, batch = setup["config"], setup["batch"]
model = UNet2DModel(**config).eval()
size = config["sample_size"]
sample = torch.randn(batch, config["in_channels"], size, size)
timestep = torch.full((batch,), 500.0)


class Plain(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, sample, timestep):
        return self.inner(sample, timestep, return_dict=False)[0]


path = os.path.join(setup["folder"], "model.onnx")
logging.disable(logging.WARNING)  # the exporter talks
warnings.simplefilter("ignore")
torch.onnx.export(Plain(model), (sample, timestep), path, input_names=["sample", "timestep"], dynamo=True, verbose=False)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = setup["threads"]
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
feeds = {"sample": sample.numpy(), "timestep": timestep.numpy()}


def onnx():
    return session.run(None, feeds)[0]


def forward(x):
    with torch.inference_mode():
        return model(x, timestep).sample


def timed(work):
    started = time.perf_counter()
    for _ in range(setup["evaluations"]):
        work()
    return (time.perf_counter() - started) * 1000 / setup["evaluations"]


def fastest_of_three(x):
    return min(timed(lambda: forward(x)) for _ in range(3))


difference = float(abs(onnx() - forward(sample).numpy()).max())
plain = fastest_of_three(sample)
model.to(memory_format=torch.channels_last)
last = fastest_of_three(sample.to(memory_format=torch.channels_last))
if last < plain:
    sample = sample.to(memory_format=torch.channels_last)
else:
    model.to(memory_format=torch.contiguous_format)
facts = {
    "torch": torch.__version__,
    "onnxruntime": onnxruntime.__version__,
    "layout": "channels_last" if last < plain else "contiguous",
    "parameters": sum(p.numel() for p in model.parameters()),
    "difference": difference,
}
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    print(timed(onnx if line.strip() == "onnx" else lambda: forward(sample)), flush=True)
