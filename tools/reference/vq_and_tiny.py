"""Writes test/fixtures/autoencoders/{vq*,tiny*}.{json,safetensors}: diffusers' VQModel and AutoencoderTiny in small, with
their weights and one batch through each; `full-vq-and-tiny.json` has the names and shapes of published ones.

Run: python tools/reference/vq_and_tiny.py
"""

import torch
from diffusers import AutoencoderTiny, VQModel
from safetensors.torch import save_file

from autoencoders import FOLDER, levels
from fixture import FIXTURES, versions, write_json
from unet2d_condition import digest, spread

COMMAND = "python tools/reference/vq_and_tiny.py"

VQ = {
    "vq": {"seed": 41, "size": (8, 12), "config": levels(4, 8) | {"sample_size": 8, "num_vq_embeddings": 11}},
    "vq-wide": {
        "seed": 42,
        "size": (12, 4),
        "config": levels(4, 8, 8)
        | {
            "sample_size": 8,
            "in_channels": 1,
            "out_channels": 2,
            "layers_per_block": 1,
            "latent_channels": 6,
            "vq_embed_dim": 4,
            "num_vq_embeddings": 7,
            "act_fn": "mish",
            "mid_block_add_attention": False,
            "lookup_from_codebook": True,
        },
    },
}

TINY = {
    "tiny": {
        "seed": 43,
        "size": (16, 24),
        "config": {
            "encoder_block_out_channels": (8, 8, 8),
            "decoder_block_out_channels": (6, 6, 6),
            "num_encoder_blocks": (1, 2, 1),
            "num_decoder_blocks": (2, 1, 1),
        },
    },
    "tiny-odd": {
        "seed": 44,
        "size": (6, 10),
        "config": {
            "in_channels": 1,
            "out_channels": 2,
            "encoder_block_out_channels": (5, 5),
            "decoder_block_out_channels": (4, 4),
            "num_encoder_blocks": (0, 2),
            "num_decoder_blocks": (1, 0),
            "upsampling_scaling_factor": 3,
            "latent_channels": 7,
            "act_fn": "gelu",
            "latent_magnitude": 2,
            "latent_shift": 0.25,
        },
    },
}

FULL = {
    # The first stage of CompVis/ldm-celebahq-256.
    "VQModel": (
        VQModel,
        {
            "block_out_channels": (128, 256, 512),
            "down_block_types": ("DownEncoderBlock2D",) * 3,
            "up_block_types": ("UpDecoderBlock2D",) * 3,
            "layers_per_block": 2,
            "num_vq_embeddings": 8192,
            "sample_size": 256,
        },
    ),
    # madebyollin/taesd
    "AutoencoderTiny": (AutoencoderTiny, {}),
}


def save(name, spec, model, tensors):
    tensors |= {f"weight.{key}": value for key, value in model.state_dict().items()}
    path = FIXTURES / FOLDER / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    path.chmod(0o644)
    kept = {key: value for key, value in model.config.items() if key != "_use_default_values"}
    write_json(
        f"{FOLDER}/{name}.json",
        {"command": COMMAND, "versions": versions(), "seed": spec["seed"], "config": kept},
        depth=2,
    )
    print(f"  {path.stat().st_size} bytes")


def codebook(model, latents):
    """Entries spread as latents are, of which all are near to some."""
    rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    entries = torch.randn(model.config.num_vq_embeddings, latents.shape[1])
    model.quantize.embedding.weight.data = rows.mean(0) + 1.2 * rows.std(0) * entries
    apart = torch.cdist(rows, model.quantize.embedding.weight).sort(dim=1).values
    # Rounding must not decide which is nearest.
    assert (apart[:, 1] - apart[:, 0]).min() > 1e-4, (apart[:, 1] - apart[:, 0]).min()


def vq(name, spec):
    torch.manual_seed(spec["seed"])
    model = VQModel(**spec["config"]).eval()
    spread(model)
    pictures = torch.randn(2, model.config.in_channels, *spec["size"])
    with torch.no_grad():
        latents = model.encode(pictures).latents
        codebook(model, latents)
        numbers = model.quantize(latents)[2][2]
        n, _, h, w = latents.shape
        save(
            name,
            spec,
            model,
            {
                "pictures": pictures,
                "latents": latents,
                "numbers": numbers.reshape(n, h, w).to(torch.int32),
                "decoded": model.decode(latents).sample,
            },
        )
    print(f"  {len(numbers.unique())} of {model.config.num_vq_embeddings} entries")


def tiny(name, spec):
    torch.manual_seed(spec["seed"])
    model = AutoencoderTiny(**spec["config"]).eval()
    config = model.config
    pictures = torch.randn(2, config.in_channels, *spec["size"])
    with torch.no_grad():
        latents = model.encode(pictures).latents
        # Reaching beyond what the decoder's tanh and the scaling leave as they are.
        wide = 4 * torch.randn_like(latents)
        save(
            name,
            spec,
            model,
            {
                "pictures": pictures,
                "latents": latents,
                "wide": wide,
                "decoded": model.decode(wide).sample,
                "scaled": model.scale_latents(wide),
                "unscaled": model.unscale_latents(model.scale_latents(wide)),
            },
        )


def full():
    rows = {}
    for name, (kind, config) in FULL.items():
        with torch.device("meta"):
            model = kind(**config)
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        count = sum(value.numel() for value in model.state_dict().values())
        rows[name] = {"config": config, "parameters": count, "tensors": len(shapes), "digest": digest(shapes)}
    write_json(
        f"{FOLDER}/full-vq-and-tiny.json",
        {"command": COMMAND, "versions": versions(), "models": rows},
        depth=2,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, spec in VQ.items():
        vq(name, spec)
    for name, spec in TINY.items():
        tiny(name, spec)
    full()
