"""Writes test/fixtures/unet2d/<name>.{safetensors,json}: diffusers' UNet2DModel with random weights, one
batch through it, and the gradients of loss = mean((output - target)^2).

Run: python tools/reference/unet2d.py
"""

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
    if config.num_class_embeds is not None:
        labels = torch.randint(0, config.num_class_embeds - 1, (batch,))
        labels[-1] = config.num_class_embeds - 1
        inputs["class_labels"] = labels.to(torch.int32)
    return inputs


def call(model, inputs):
    timestep = inputs["timestep"]
    if model.config.time_embedding_type == "positional":
        timestep = timestep.long()
    labels = inputs.get("class_labels")
    return model(inputs["sample"], timestep, None if labels is None else labels.long()).sample


def write(name, seed, batch, timesteps, config):
    torch.manual_seed(seed)
    model = UNet2DModel(**config)
    randomise(model)
    inputs = inputs_of(model, batch, timesteps)
    output = call(model, inputs)
    loss = torch.mean((output - inputs["target"]) ** 2)
    loss.backward()

    tensors = {f"weight.{key}": value for key, value in model.state_dict().items()}
    tensors |= {f"input.{key}": value for key, value in inputs.items()}
    tensors |= {f"gradient.{key}": p.grad for key, p in model.named_parameters() if p.requires_grad}
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
    for name, parts in CONFIGURATIONS.items():
        write(name, **parts)
