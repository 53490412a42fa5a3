"""Writes test/fixtures/unet2d/<name>.{safetensors,json}: diffusers' UNet2DModel with random weights, one
batch through it, and the gradients of loss = mean((output - target)^2). Of the second table's models the files keep
a few elements of every tensor: their weights are drawn again from the seed.

Run: python tools/reference/unet2d.py [NAME ...]
"""

import sys

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

from fixture import FIXTURES, versions, write_json

COMMAND = "python tools/reference/unet2d.py"

CONFIGURATIONS = {
    "down": {
        "seed": 11,
        "batch": 2,
        "timesteps": [0, 731],
        "config": {
            "sample_size": 16,
            "in_channels": 3,
            "out_channels": 3,
            "layers_per_block": 1,
            "block_out_channels": (8, 16),
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 8,
            "norm_num_groups": 4,
        },
    },
    "scale-shift": {
        "seed": 12,
        "batch": 3,
        "timesteps": [3, 250, 999],
        "config": {
            "sample_size": 16,
            "in_channels": 3,
            "out_channels": 6,
            "layers_per_block": 2,
            "block_out_channels": (8, 8, 12),
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            "resnet_time_scale_shift": "scale_shift",
            "num_class_embeds": 11,
            "flip_sin_to_cos": False,
            "freq_shift": 1,
        },
    },
    "fourier": {
        "seed": 13,
        "batch": 2,
        "timesteps": [0.3, 7.5],
        "config": {
            "sample_size": (16, 24),
            "in_channels": 1,
            "out_channels": 1,
            "layers_per_block": 1,
            "block_out_channels": (8, 16),
            "down_block_types": ("DownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "UpBlock2D"),
            "time_embedding_type": "fourier",
            "attention_head_dim": None,
            "norm_num_groups": 4,
            "norm_eps": 1e-6,
            "downsample_padding": 0,
            "mid_block_scale_factor": 1.4142135623730951,
            "center_input_sample": True,
        },
    },
    "digits": {
        "seed": 14,
        "batch": 3,
        "timesteps": [12, 500, 987],
        "config": {
            "sample_size": 16,
            "in_channels": 1,
            "out_channels": 1,
            "layers_per_block": 1,
            "block_out_channels": (8, 12, 12),
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            "num_class_embeds": 11,
        },
    },
}

THIN_CONFIGURATIONS = {
    "resnet": {
        "seed": 15,
        "batch": 2,
        "timesteps": [40, 900],
        "config": {
            "sample_size": 8,
            "layers_per_block": 1,
            "block_out_channels": (8, 12, 16),
            "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"),
            "up_block_types": ("ResnetUpsampleBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
            "downsample_type": "resnet",
            "upsample_type": "resnet",
            "act_fn": "mish",
            "attention_head_dim": 5,
            "norm_num_groups": 4,
        },
    },
    "skip": {
        "seed": 16,
        "batch": 2,
        "timesteps": [0.4, 6.0],
        "config": {
            "sample_size": (8, 12),
            "layers_per_block": 1,
            "block_out_channels": (8, 12, 20),
            "down_block_types": ("SkipDownBlock2D", "SkipDownBlock2D", "SkipDownBlock2D"),
            "up_block_types": ("SkipUpBlock2D", "SkipUpBlock2D", "SkipUpBlock2D"),
            "time_embedding_type": "fourier",
            "act_fn": "gelu",
            "attention_head_dim": None,
            "norm_num_groups": None,
            "norm_eps": 1e-6,
            "mid_block_scale_factor": 1.4142135623730951,
            "center_input_sample": True,
        },
    },
    "attn-skip": {
        "seed": 17,
        "batch": 2,
        "timesteps": [7, 333],
        "config": {
            "sample_size": 8,
            "layers_per_block": 2,
            "block_out_channels": (32, 32),
            "down_block_types": ("AttnSkipDownBlock2D", "AttnSkipDownBlock2D"),
            "up_block_types": ("AttnSkipUpBlock2D", "AttnSkipUpBlock2D"),
            "act_fn": "relu",
            "attention_head_dim": 8,
            "norm_num_groups": 8,
            "resnet_time_scale_shift": "scale_shift",
        },
    },
    "mixed": {
        "seed": 18,
        "batch": 3,
        "timesteps": [0, 11, 49],
        "config": {
            "sample_size": 8,
            "out_channels": 2,
            "layers_per_block": 1,
            "block_out_channels": (8, 12, 16),
            "down_block_types": ("SkipDownBlock2D", "ResnetDownsampleBlock2D", "DownBlock2D"),
            "up_block_types": ("ResnetUpsampleBlock2D", "UpBlock2D", "SkipUpBlock2D"),
            "time_embedding_type": "learned",
            "time_embedding_dim": 20,
            "num_train_timesteps": 50,
            "class_embed_type": "identity",
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            "add_attention": False,
        },
    },
    "class-times": {
        "seed": 19,
        "batch": 2,
        "timesteps": [3, 500],
        "config": {
            "sample_size": 8,
            "layers_per_block": 1,
            "block_out_channels": (8, 12),
            "down_block_types": ("AttnDownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            "downsample_type": None,
            "upsample_type": None,
            "class_embed_type": "timestep",
            "act_fn": "swish",
            "attention_head_dim": 4,
            "attn_norm_num_groups": 3,
            "norm_num_groups": 4,
            "resnet_time_scale_shift": "scale_shift",
        },
    },
    # As diffusers' convert_consistency_to_diffusers.py writes guided-diffusion's networks.
    "adm": {
        "seed": 20,
        "batch": 3,
        "timesteps": [0, 420, 999],
        "config": {
            "sample_size": 8,
            "out_channels": 6,
            "layers_per_block": 2,
            "block_out_channels": (16, 32, 48),
            "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
            "downsample_type": "resnet",
            "upsample_type": "resnet",
            "num_class_embeds": 11,
            "attention_head_dim": 16,
            "attn_norm_num_groups": 8,
            "norm_num_groups": 8,
            "resnet_time_scale_shift": "scale_shift",
        },
    },
}

# Elements that a thin file keeps of a tensor, at even distances.
KEPT = 24


def randomise(model):
    """Moves normalisations off 1 and 0, where a missing or swapped one would not show, and widens queries and
    keys, so that attention is far from uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif "to_q" in name or "to_k" in name:
                parameter.mul_(3)


def inputs_of(model, batch, timesteps):
    config = model.config
    size = config.sample_size
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    inputs = {
        "sample": torch.randn(batch, config.in_channels, height, width, requires_grad=True),
        "timestep": torch.tensor(timesteps, dtype=torch.float32),
        "target": torch.randn(batch, config.out_channels, height, width),
    }
    if config.class_embed_type == "identity":
        inputs["class_labels"] = torch.randn(batch, model.time_embedding.linear_2.out_features)
    elif config.class_embed_type == "timestep":
        inputs["class_labels"] = torch.randint(0, 10, (batch,)).to(torch.int32)
    elif config.num_class_embeds is not None:
        labels = torch.randint(0, config.num_class_embeds - 1, (batch,))
        labels[-1] = config.num_class_embeds - 1
        inputs["class_labels"] = labels.to(torch.int32)
    return inputs


def call(model, inputs):
    timestep = inputs["timestep"]
    if model.config.time_embedding_type != "fourier":
        timestep = timestep.long()
    labels = inputs.get("class_labels")
    if labels is not None and not labels.is_floating_point():
        labels = labels.long()
    return model(inputs["sample"], timestep, labels).sample


def thinned(tensor):
    flat = tensor.reshape(-1)
    return flat[:: -(-len(flat) // KEPT)]


def write(name, seed, batch, timesteps, config, thin=False):
    torch.manual_seed(seed)
    model = UNet2DModel(**config)
    randomise(model)
    inputs = inputs_of(model, batch, timesteps)
    output = call(model, inputs)
    loss = torch.mean((output - inputs["target"]) ** 2)
    loss.backward()

    keep = thinned if thin else lambda tensor: tensor
    tensors = {f"weight.{key}": keep(value) for key, value in model.state_dict().items()}
    tensors |= {f"input.{key}": value for key, value in inputs.items()}
    tensors |= {f"gradient.{key}": keep(p.grad) for key, p in model.named_parameters() if p.requires_grad}
    tensors |= {"gradient.sample": inputs["sample"].grad, "output": output, "loss": loss}
    path = FIXTURES / "unet2d" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, path)
    path.chmod(0o644)

    write_json(
        f"unet2d/{name}.json",
        {
            "config": {key: value for key, value in model.config.items() if key != "_use_default_values"},
            "parameters": sum(p.numel() for p in model.parameters()),
            **({"shapes": {key: list(p.shape) for key, p in model.named_parameters()}} if thin else {}),
            "batch": batch,
            "seed": seed,
            "command": COMMAND,
            "versions": versions(),
        },
        depth=2,
    )
    print(f"  {path.stat().st_size} bytes, loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in sys.argv[1:] or [*CONFIGURATIONS, *THIN_CONFIGURATIONS]:
        thin = name in THIN_CONFIGURATIONS
        write(name, **(THIN_CONFIGURATIONS if thin else CONFIGURATIONS)[name], thin=thin)
