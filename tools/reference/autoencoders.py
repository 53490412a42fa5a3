"""Writes test/fixtures/autoencoders/<name>.{json,safetensors}: diffusers' AutoencoderKL in small, one batch through it,
whole and in tiles. Weights are drawn from the seed as torch draws them, those of normalisations by a formula, so that
none are kept; `full.json` has the names and shapes of published ones.

Run: python tools/reference/autoencoders.py [NAME ...]
"""

import sys

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from fixture import FIXTURES, versions, write_json
from unet2d_condition import digest, spread

COMMAND = "python tools/reference/autoencoders.py"
FOLDER = "autoencoders"


def levels(*widths):
    return {
        "block_out_channels": widths,
        "down_block_types": ("DownEncoderBlock2D",) * len(widths),
        "up_block_types": ("UpDecoderBlock2D",) * len(widths),
        "norm_num_groups": 4,
    }


CONFIGURATIONS = {
    "stable": {"seed": 31, "size": (24, 40), "config": levels(8, 16, 16) | {"sample_size": 16, "layers_per_block": 2}},
    "wide": {
        "seed": 32,
        "size": (20, 12),
        "config": levels(8, 12)
        | {
            "sample_size": 8,
            "latent_channels": 6,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
            "shift_factor": 0.1,
            "scaling_factor": 0.36,
        },
    },
    "plain": {
        "seed": 33,
        "size": (8, 8),
        "config": levels(8)
        | {"sample_size": 4, "in_channels": 1, "out_channels": 2, "act_fn": "gelu", "mid_block_add_attention": False},
    },
}

FULL = {
    "stable-diffusion-v1-5": {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "sample_size": 512,
    },
    "stable-diffusion-x4-upscaler": {
        "block_out_channels": (128, 256, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "layers_per_block": 2,
        "sample_size": 256,
        "scaling_factor": 0.08333,
    },
}


def drawn(model, pictures):
    """Latents for a diffusion model, picture k drawn by the generator of seed k."""
    shift = model.config.shift_factor or 0
    posteriors = [model.encode(picture[None]).latent_dist for picture in pictures]
    latents = [each.sample(torch.Generator().manual_seed(k)) for k, each in enumerate(posteriors)]
    return (torch.cat(latents) - shift) * model.config.scaling_factor


def written(name):
    spec = CONFIGURATIONS[name]
    torch.manual_seed(spec["seed"])
    model = AutoencoderKL(**spec["config"]).eval()
    spread(model)
    config = model.config
    pictures = torch.randn(2, config.in_channels, *spec["size"])
    factor = 2 ** (len(config.block_out_channels) - 1)
    latents = torch.randn(2, config.latent_channels, *(side // factor for side in spec["size"]))
    with torch.no_grad():
        tensors = {
            "pictures": pictures,
            "latents": latents,
            "moments": model.encode(pictures).latent_dist.parameters,
            "decoded": model.decode(latents).sample,
        }
        tensors["drawn"] = drawn(model, pictures)
        model.enable_tiling()
        tensors["tiled.moments"] = model.encode(pictures).latent_dist.parameters
        tensors["tiled.decoded"] = model.decode(latents).sample
    path = FIXTURES / FOLDER / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    path.chmod(0o644)
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    kept = {key: value for key, value in config.items() if not key.startswith("_")}
    write_json(
        f"{FOLDER}/{name}.json",
        {"command": COMMAND, "versions": versions(), "seed": spec["seed"], "config": kept, "shapes": shapes},
    )


def full():
    rows = {}
    for name, config in FULL.items():
        with torch.device("meta"):
            model = AutoencoderKL(**config)
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        count = sum(value.numel() for value in model.state_dict().values())
        rows[name] = {"config": config, "parameters": count, "tensors": len(shapes), "digest": digest(shapes)}
    write_json(f"{FOLDER}/full.json", {"command": COMMAND, "versions": versions(), "models": rows}, depth=2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in sys.argv[1:] or [*CONFIGURATIONS, "full"]:
        full() if each == "full" else written(each)
