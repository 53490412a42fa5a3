"""Features of images by pytorch-fid's Inception, or by a residual classifier as undiffuse has it, in PyTorch.

Reads a JSON object first: {"network": {"kind": "inception"} or {"kind": "classifier", "widths", "blocks", "groups",
"classes"}, "shape": of the uint8 images, "threads": n, "seed": n}. Answers each further line with the milliseconds that
all images take (fp32, in inference mode, in channels_last where that is faster). Pinned: see requirements.txt.
"""

import json
import sys
import time

import pytorch_fid.inception as fid
import torch
from torch import nn
from torch.nn import functional as F

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(setup["seed"])


class Block(nn.Module):
    def __init__(self, before, after, stride, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, before)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        self.norm2 = nn.GroupNorm(groups, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        plain = before == after and stride == 1
        self.shortcut = nn.Identity() if plain else nn.Conv2d(before, after, 1, stride=stride)

    def forward(self, x):
        hidden = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(hidden)))


class Classifier(nn.Module):
    def __init__(self, channels, widths, blocks, groups, classes):
        super().__init__()
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        pairs = [(w if i else (widths[max(level - 1, 0)]), w, 2 if i == 0 and level else 1)
                 for level, w in enumerate(widths) for i in range(blocks)]
        self.blocks = nn.Sequential(*[Block(before, after, stride, groups) for before, after, stride in pairs])
        self.norm_out = nn.GroupNorm(groups, widths[-1])
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x):
        features = F.silu(self.norm_out(self.blocks(self.conv_in(x * 2 - 1)))).mean(dim=(2, 3))
        return features, self.head(features)


def inception():
    """pytorch-fid's network with its own initial weights in place of those that would be downloaded."""
    load = nn.Module.load_state_dict
    fid.load_state_dict_from_url = lambda *_, **__: {}
    nn.Module.load_state_dict = lambda self, *_, **__: None
    model = fid.InceptionV3([3], resize_input=True, normalize_input=True, use_fid_inception=True)
    nn.Module.load_state_dict = load
    return model


described = dict(setup["network"])
kind = described.pop("kind")
model = (inception() if kind == "inception" else Classifier(setup["shape"][1], **described)).eval()
images = torch.randint(0, 256, setup["shape"], dtype=torch.uint8)
BATCH = 16 if kind == "inception" else 64


def extract(layout):
    with torch.inference_mode():
        for part in images.split(BATCH):
            model((part.float() / 255).contiguous(memory_format=layout))


def timed(layout):
    started = time.perf_counter()
    extract(layout)
    return (time.perf_counter() - started) * 1000


def fastest_of_three(layout):
    model.to(memory_format=layout)
    return min(timed(layout) for _ in range(3))


plain = fastest_of_three(torch.contiguous_format)
last = fastest_of_three(torch.channels_last)
layout = torch.channels_last if last < plain else torch.contiguous_format
model.to(memory_format=layout)
facts = {
    "torch": torch.__version__,
    "layout": "channels_last" if last < plain else "contiguous",
    "parameters": sum(p.numel() for p in model.parameters()),
}
print(json.dumps(facts), flush=True)
for line in sys.stdin:
    print(timed(layout), flush=True)
