"""Loads a folder that `undiffuse import` wrote, and makes a picture with it.

Run: python tools/reference/load_import.py FOLDER [--variant fp16] [--size HEIGHT WIDTH] [--seed N] [--picture OUT.png]
"""

import argparse
import hashlib

import torch
from diffusers import DiffusionPipeline

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--variant")
parser.add_argument("--prompt", default="a photo of a red cat, sitting on the moon")
parser.add_argument("--negative", default="blurry, dark")
parser.add_argument("--size", nargs=2, type=int, default=[64, 48])
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--guidance", type=float, default=5.0)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--picture")
given = parser.parse_args()
torch.set_num_threads(1)

pipeline = DiffusionPipeline.from_pretrained(given.folder, variant=given.variant, torch_dtype=torch.float32)
for name, component in pipeline.components.items():
    if isinstance(component, torch.nn.Module):
        print(name, type(component).__name__, f"{sum(each.numel() for each in component.parameters()):,} parameters")
height, width = given.size
picture = pipeline(
    given.prompt,
    negative_prompt=given.negative,
    height=height,
    width=width,
    num_inference_steps=given.steps,
    guidance_scale=given.guidance,
    generator=torch.Generator().manual_seed(given.seed),
).images[0]
if given.picture:
    picture.save(given.picture)
print(type(pipeline).__name__, picture.size, hashlib.sha256(picture.tobytes()).hexdigest())
