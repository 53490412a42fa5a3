"""One evaluation of diffusers' UNet2DConditionModel in PyTorch, or of its ONNX export in onnxruntime.

Reads a JSON object first: {"config": its configuration, "path": its weights, "side": of latents, "batch": n,
"tokens": n, "threads": n, "export": whether to run its export instead, "folder": where that may lie}. Answers each further
line with milliseconds (fp32; PyTorch in inference mode, in channels_last where that is faster).
"""

import gc
import json
import logging
import os
import resource
import sys
import time
import warnings

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
started = time.perf_counter()
with torch.device("meta"):
    model = UNet2DConditionModel(**setup["config"])
# mmap, as from_pretrained reads it; a copy of its own, as training and .to() have it, would take longer.
model.load_state_dict(load_file(setup["path"]), assign=True)
model.eval()
loaded = time.perf_counter() - started
batch, side = setup["batch"], setup["side"]
feeds = {
    "sample": torch.randn(batch, 4, side, side),
    "timestep": torch.full((batch,), 500.0),
    "states": torch.randn(batch, setup["tokens"], setup["config"]["cross_attention_dim"]),
}


class Plain(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, sample, timestep, states):
        return self.inner(sample, timestep, states, return_dict=False)[0]


plain = Plain(model)


def torch_turn():
    with torch.inference_mode():
        return plain(**feeds)


def timed(work):
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def faster_layout():
    """Leaves the model in the faster of two layouts; its name, and the peak of memory in the first."""
    contiguous = min(timed(torch_turn) for _ in range(2))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    model.to(memory_format=torch.channels_last)
    feeds["sample"] = feeds["sample"].to(memory_format=torch.channels_last)
    last = min(timed(torch_turn) for _ in range(2))
    if last >= contiguous:
        model.to(memory_format=torch.contiguous_format)
        feeds["sample"] = feeds["sample"].contiguous()
    return {"layout": "channels_last" if last < contiguous else "contiguous", "peak_GB": round(peak / 1e9, 2)}


facts = {"torch": torch.__version__, "loaded_s": round(loaded, 1)}
if setup["export"]:
    import onnxruntime

    path = os.path.join(setup["folder"], "model.onnx")
    logging.disable(logging.WARNING)  # the exporter talks
    warnings.simplefilter("ignore")
    torch.onnx.export(plain, tuple(feeds.values()), path, input_names=list(feeds), dynamo=True, verbose=False)
    del plain, model  # there is not the memory for both
    gc.collect()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup["threads"]
    started = time.perf_counter()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    arrays = {name: value.numpy() for name, value in feeds.items()}
    facts |= {"onnxruntime": onnxruntime.__version__, "opened_s": round(time.perf_counter() - started, 1)}
else:
    facts |= faster_layout()
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    print(timed((lambda: session.run(None, arrays)) if setup["export"] else torch_turn), flush=True)
