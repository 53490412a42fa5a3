"""Loads a folder that `undiffuse export --to diffusers` wrote in Python's diffusers, and samples from it.

Run: python tools/reference/load_export.py FOLDER [--seed 0] [--class NAME] [--out image.png] [--compare other.png]
     python tools/reference/load_export.py FOLDER --onnx model.onnx

With --compare it says how far the image is from another, one that `undiffuse sample --singles` wrote, and fails
beyond 2/255. With --onnx it checks a model that `undiffuse export --to onnx` wrote of the same run (onnx.checker), runs
it in onnxruntime at several sizes, and says how far it is from the folder's network; it fails beyond 1e-4 of the largest
value, or 1e-2 in float16. That needs the packages onnx and onnxruntime.
"""

import argparse
import json
import sys
from inspect import signature
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image

# Of 255: what two libraries may differ by.
TOLERANCE = 2
# Of the largest value, by the type of the weights.
ONNX_TOLERANCE = {"float32": 1e-4, "float16": 1e-2}
# Batch, and multiples of the least height and width.
ONNX_SIZES = [(1, 4, 4), (3, 2, 6), (2, 5, 3)]


def load(folder):
    index = json.loads((folder / "model_index.json").read_text())
    notes = json.loads((folder / "undiffuse.json").read_text())
    unet = diffusers.UNet2DModel.from_pretrained(folder, subfolder="unet").eval()
    scheduler = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder, subfolder="scheduler")
    return unet, scheduler, notes


def noise_to_signal(scheduler, i, t):
    """sigma / alpha where a step begins."""
    if hasattr(scheduler, "sigmas"):
        sigma = scheduler.sigmas[i]
        return sigma / (1 - sigma) if type(scheduler).__name__.startswith("FlowMatch") else sigma
    return (1 / scheduler.alphas_cumprod[t] - 1) ** 0.5


def guided(wanted, other, guidance, channels):
    scale, rescale = guidance["scale"], guidance["rescale"]
    out = other + scale * (wanted - other)
    if rescale > 0:
        deviations = [x[:, :channels].std(dim=(1, 2, 3), correction=0, keepdim=True) for x in (wanted, out)]
        out = out * (rescale * deviations[0] / deviations[1] + 1 - rescale)
    # The variance is what the wanted class says.
    return torch.cat([out[:, :channels], wanted[:, channels:]], dim=1)


def predict(unet, scheduler, notes, label):
    """The network's output for x at a step, guided to a class where there are classes."""
    classes, guidance = notes["classes"], notes["guidance"]
    channels = unet.config.in_channels

    def output(x, t, labels):
        labels = None if labels is None else torch.tensor(labels)
        out = unet(x.repeat(1 if labels is None else len(labels), 1, 1, 1), t, class_labels=labels).sample
        says_variance = getattr(scheduler.config, "variance_type", "") == "learned_range"
        return out if says_variance else out[:, :channels]

    def at(x, i, t):
        if classes is None:
            return output(x, t, None)
        none = len(classes) if guidance["negative"] is None else guidance["negative"]
        least, most = guidance["interval"] or (0, float("inf"))
        if guidance["scale"] == 1 or not least <= noise_to_signal(scheduler, i, t) <= most:
            return output(x, t, [label])
        wanted, other = output(x, t, [label, none]).chunk(2)
        return guided(wanted, other, guidance, channels)

    return at


@torch.no_grad()
def sample(unet, scheduler, notes, seed, label):
    """An image [channels, height, width] in [-1, 1]."""
    size = unet.config.sample_size
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    scheduler.set_timesteps(**notes["set_timesteps"])
    generator = torch.Generator().manual_seed(seed)
    x = notes["noise"] * torch.randn((1, unet.config.in_channels, height, width), generator=generator)
    model = predict(unet, scheduler, notes, label)
    arguments = dict(notes["step_arguments"])
    if "generator" in signature(scheduler.step).parameters:
        arguments["generator"] = generator
    for i, t in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(model(seen, i, t), t, x, **arguments).prev_sample
    return x[0]


def picture(image):
    """Bytes [height, width, 3], as diffusers makes them."""
    pixels = ((image / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()


@torch.no_grad()
def check_onnx(unet, path):
    """Whether an ONNX model is valid, and computes what the network does."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "conv_in.weight")
    kind = onnx.helper.tensor_dtype_to_np_dtype(weight.data_type).name
    about = {entry.key: entry.value for entry in model.metadata_props}
    print(f"{path}: {model.producer_name} {model.producer_version}, {kind}, valid; {about['call']}")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    factor = 2 ** (len(unet.config.block_out_channels) - 1)
    worst = 0
    for n, high, wide in ONNX_SIZES:
        x = torch.randn((n, unet.config.in_channels, factor * high, factor * wide))
        feeds = {"sample": x, "timestep": torch.linspace(0.5, 3, n)}
        labels = torch.arange(n) % unet.config.num_class_embeds if unet.config.num_class_embeds else None
        expected = unet(x, feeds["timestep"], class_labels=labels).sample.numpy()
        if labels is not None:
            feeds["class_labels"] = labels.to(torch.int32)
        (got,) = session.run(None, {name: value.numpy() for name, value in feeds.items()})
        apart = float(np.abs(got - expected).max() / np.abs(expected).max())
        print(f"  batch {n}, {x.shape[2]}x{x.shape[3]}: {apart:.1e} of the largest value apart")
        worst = max(worst, apart)
    return worst <= ONNX_TOLERANCE[kind]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--class", dest="name")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--onnx")
    given = parser.parse_args()
    torch.set_num_threads(1)
    unet, scheduler, notes = load(given.folder)
    if given.onnx:
        return 0 if check_onnx(unet, given.onnx) else 1
    label = notes["classes"].index(given.name) if given.name else 0
    pixels = picture(sample(unet, scheduler, notes, given.seed, label))
    if given.out:
        Image.fromarray(pixels).save(given.out)
    print(f"{given.folder}: {type(scheduler).__name__}, {len(scheduler.timesteps)} timesteps, seed {given.seed}")
    if not given.compare:
        return 0
    other = np.asarray(Image.open(given.compare).convert("RGB")).astype(int)
    apart = np.abs(other - pixels.astype(int))
    print(f"{given.compare}: at most {apart.max()} of 255 apart, {(apart > 0).mean():.2%} of the bytes differ")
    return 0 if apart.max() <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
