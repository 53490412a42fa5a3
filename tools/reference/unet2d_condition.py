"""Writes test/fixtures/unet2d-condition/<name>.{json,safetensors}: diffusers' UNet2DConditionModel in small, one batch
through it. Weights are drawn from the seed as torch draws them, changed by a formula in `spread`, so that none are
kept; `full.json` has the names and shapes of published architectures.

Run: python tools/reference/unet2d_condition.py [NAME ...]
"""

import hashlib
import json
import math
import sys

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from fixture import FIXTURES, versions, write_json

COMMAND = "python tools/reference/unet2d_condition.py"
FOLDER = "unet2d-condition"

THREE = {
    "block_out_channels": (8, 16, 16),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
    "sample_size": 16,
}

# name: seed, batch, latent size, tokens, timesteps, inputs beside, configuration
CONFIGURATIONS = {
    "sd1": {
        "seed": 21,
        "size": (16, 16),
        "tokens": 5,
        "timesteps": [1, 731],
        "config": THREE | {"attention_head_dim": 4, "layers_per_block": 2},
    },
    "sd2": {
        "seed": 22,
        "size": (8, 16),
        "tokens": 7,
        "timesteps": [0, 999, 500],
        "config": THREE | {"attention_head_dim": (2, 4, 8), "use_linear_projection": True, "layers_per_block": 1},
    },
    "odd": {
        "seed": 23,
        "size": (9, 15),
        "tokens": 3,
        "timesteps": [40],
        "config": THREE | {"attention_head_dim": 2, "in_channels": 9, "center_input_sample": True},
    },
    "upscaler": {
        "seed": 24,
        "size": (16, 8),
        "tokens": 4,
        "timesteps": [10, 20],
        "class_labels": [3, 19],
        "config": THREE
        | {
            "in_channels": 7,
            "num_class_embeds": 25,
            "only_cross_attention": (True, True, False),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 4,
            "use_linear_projection": True,
        },
    },
    "lcm": {
        "seed": 25,
        "size": (8, 8),
        "tokens": 5,
        "timesteps": [259, 999],
        "timestep_cond": 6,
        "config": THREE | {"attention_head_dim": 4, "time_cond_proj_dim": 6, "layers_per_block": 1},
    },
    "xl": {
        "seed": 26,
        "size": (8, 8),
        "tokens": 6,
        "timesteps": [300, 4],
        "text_embeds": 10,
        "time_ids": 6,
        "config": THREE
        | {
            "block_out_channels": (8, 16, 24),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (1, 2, 3),
            "transformer_layers_per_block": (1, 2, 3),
            "use_linear_projection": True,
            "layers_per_block": 1,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 4,
            "projection_class_embeddings_input_dim": 34,
        },
    },
    "unclip": {
        "seed": 27,
        "size": (8, 8),
        "tokens": 5,
        "timesteps": [77, 650],
        "class_vectors": 14,
        "config": THREE
        | {
            "attention_head_dim": 4,
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": 14,
            "layers_per_block": 1,
            "resnet_time_scale_shift": "scale_shift",
        },
    },
    "uneven": {
        "seed": 28,
        "size": (8, 8),
        "tokens": 5,
        "timesteps": [5.5, 650],
        "class_labels": [100, 7],
        "config": THREE
        | {
            "cross_attention_dim": (12, 12, 12),
            "layers_per_block": (1, 2, 1),
            "transformer_layers_per_block": ((1,), (2, 1), 1),
            "reverse_transformer_layers_per_block": (1, (1, 2, 1), (2, 1)),
            "attention_head_dim": 4,
            "class_embed_type": "timestep",
            "freq_shift": 1,
            "flip_sin_to_cos": False,
            "act_fn": "gelu",
            "conv_in_kernel": 1,
            "conv_out_kernel": 5,
            "mid_block_scale_factor": 1.5,
            "norm_eps": 1e-6,
            "downsample_padding": 1,
        },
    },
}

SD2 = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}
FULL = {
    "stable-diffusion-v1-5": {"cross_attention_dim": 768},
    "stable-diffusion-inpainting": {"cross_attention_dim": 768, "in_channels": 9},
    "stable-diffusion-2-1": SD2,
    "stable-diffusion-x4-upscaler": SD2
    | {
        "in_channels": 7,
        "attention_head_dim": 8,
        "block_out_channels": (256, 512, 512, 1024),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "only_cross_attention": (True, True, True, False),
        "num_class_embeds": 1000,
    },
    "lcm-dreamshaper-v7": {"cross_attention_dim": 768, "time_cond_proj_dim": 256},
    "stable-diffusion-xl-base-1.0": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "transformer_layers_per_block": (1, 2, 10),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}


def spread(model):
    """Scales and shifts of every normalisation, other than 1 and 0, and attention that is far from uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "to_q" in name or "to_k" in name:
                parameter.mul_(4)
            if "norm" not in name.split(".")[-2]:
                continue
            places = torch.arange(parameter.numel(), dtype=torch.float64) + len(name)
            waves = 1 + 0.3 * torch.sin(places) if name.endswith("weight") else 0.2 * torch.cos(places)
            parameter.copy_(waves.reshape(parameter.shape))


def written(name):
    spec = CONFIGURATIONS[name]
    torch.manual_seed(spec["seed"])
    model = UNet2DConditionModel(**spec["config"]).eval()
    spread(model)
    times = spec["timesteps"]
    n = len(times)
    inputs = {
        "sample": torch.randn(n, model.config.in_channels, *spec["size"]),
        "timestep": torch.tensor(times, dtype=torch.float32),
        "states": torch.randn(n, spec["tokens"], 12),
    }
    beside = {}
    added = {}
    if "class_labels" in spec:
        inputs["classLabels"] = beside["class_labels"] = torch.tensor(spec["class_labels"])
    if "class_vectors" in spec:
        inputs["classLabels"] = beside["class_labels"] = torch.randn(n, spec["class_vectors"])
    if "timestep_cond" in spec:
        inputs["guidance"] = beside["timestep_cond"] = torch.randn(n, spec["timestep_cond"])
    if "text_embeds" in spec:
        inputs["textEmbeds"] = added["text_embeds"] = torch.randn(n, spec["text_embeds"])
        inputs["timeIds"] = added["time_ids"] = torch.randint(0, 1024, (n, spec["time_ids"])).float()
    with torch.no_grad():
        output = model(
            inputs["sample"], inputs["timestep"], inputs["states"], added_cond_kwargs=added, **beside
        ).sample
    path = FIXTURES / FOLDER / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"input.{key}": value.contiguous() for key, value in inputs.items()} | {"output": output}
    save_file(tensors, path)
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    config = {key: value for key, value in model.config.items() if not key.startswith("_")}
    write_json(
        f"{FOLDER}/{name}.json",
        {"command": COMMAND, "versions": versions(), "seed": spec["seed"], "config": config, "shapes": shapes},
    )


def digest(shapes):
    """Of names and shapes in alphabetical order."""
    lines = sorted(f"{name} {','.join(map(str, shape))}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def full():
    rows = {}
    for name, config in FULL.items():
        with torch.device("meta"):
            model = UNet2DConditionModel(**config)
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        rows[name] = {
            "config": config,
            "parameters": sum(math.prod(shape) for shape in shapes.values()),
            "tensors": len(shapes),
            "digest": digest(shapes),
        }
    write_json(f"{FOLDER}/full.json", {"command": COMMAND, "versions": versions(), "models": rows}, depth=2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    names = sys.argv[1:] or [*CONFIGURATIONS, "full"]
    for each in names:
        full() if each == "full" else written(each)
