"""Writes test/fixtures/unet2d-encoder/encoder.{safetensors,json}: the way down and the middle of diffusers' UNet2DModel with
random weights, then the attention pooling of CLIP's image encoder by torch's own multi-head attention, as in the
classifiers of guided-diffusion; one batch through it, and the gradients of its cross-entropy.

Run: python tools/reference/encoder.py
"""

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

from fixture import FIXTURES, versions, write_json
from unet2d import randomise

SEED, BATCH, CLASSES = 21, 3, 5
SIZE = (16, 8)
CONFIG = {
    "in_channels": 1,
    "layers_per_block": 1,
    "block_out_channels": (8, 12, 24),
    "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    "downsample_type": "resnet",
    "attention_head_dim": 8,
    "attn_norm_num_groups": 3,
    "norm_num_groups": 4,
    "resnet_time_scale_shift": "scale_shift",
}


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        whole = UNet2DModel(sample_size=SIZE, up_block_types=("AttnUpBlock2D",) * 2 + ("UpBlock2D",), **CONFIG)
        for name in ["conv_in", "time_proj", "time_embedding", "down_blocks", "mid_block"]:
            setattr(self, name, getattr(whole, name))
        width = CONFIG["block_out_channels"][-1]
        self.conv_norm_out = torch.nn.GroupNorm(CONFIG["norm_num_groups"], width, eps=1e-5)
        factor = 2 ** (len(CONFIG["block_out_channels"]) - 1)
        tokens = SIZE[0] * SIZE[1] // factor**2
        self.pool = torch.nn.Module()
        self.pool.positional_embedding = torch.nn.Parameter(torch.randn(tokens + 1, width) / width**0.5)
        for name in ["to_q", "to_k", "to_v"]:
            setattr(self.pool, name, torch.nn.Linear(width, width))
        self.pool.to_out = torch.nn.ModuleList([torch.nn.Linear(width, CLASSES)])

    def forward(self, sample, timestep):
        told = self.time_embedding(self.time_proj(timestep))
        x = self.conv_in(sample)
        for block in self.down_blocks:
            x, _ = block(hidden_states=x, temb=told)
        x = torch.nn.functional.silu(self.conv_norm_out(self.mid_block(x, told)))
        x = x.flatten(2).permute(2, 0, 1)  # [tokens, n, channels]
        x = torch.cat([x.mean(dim=0, keepdim=True), x]) + self.pool.positional_embedding[:, None]
        pool = self.pool
        pooled, _ = torch.nn.functional.multi_head_attention_forward(
            query=x[:1],
            key=x,
            value=x,
            embed_dim_to_check=x.shape[-1],
            num_heads=x.shape[-1] // CONFIG["attention_head_dim"],
            q_proj_weight=pool.to_q.weight,
            k_proj_weight=pool.to_k.weight,
            v_proj_weight=pool.to_v.weight,
            in_proj_weight=None,
            in_proj_bias=torch.cat([pool.to_q.bias, pool.to_k.bias, pool.to_v.bias]),
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=pool.to_out[0].weight,
            out_proj_bias=pool.to_out[0].bias,
            use_separate_proj_weight=True,
            need_weights=False,
        )
        return pooled[0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    model = Encoder()
    randomise(model)
    sample = torch.randn(BATCH, CONFIG["in_channels"], *SIZE, requires_grad=True)
    timestep = torch.tensor([0.0, 333.0, 999.0])
    labels = torch.tensor([4, 0, 2])
    logits = model(sample, timestep)
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    losses.mean().backward()
    tensors = {f"weight.{key}": value for key, value in model.state_dict().items()}
    tensors |= {"input.sample": sample, "input.timestep": timestep, "input.labels": labels.to(torch.int32)}
    tensors |= {f"gradient.{key}": p.grad for key, p in model.named_parameters()}
    tensors |= {"gradient.sample": sample.grad, "output": logits, "losses": losses}
    path = FIXTURES / "unet2d-encoder" / "encoder.safetensors"
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, path)
    path.chmod(0o644)
    config = {key: list(value) if isinstance(value, tuple) else value for key, value in CONFIG.items()}
    write_json(
        "unet2d-encoder/encoder.json",
        {
            "config": config,
            "image": list(SIZE),
            "outputs": CLASSES,
            "parameters": sum(p.numel() for p in model.parameters()),
            "seed": SEED,
            "command": "python tools/reference/encoder.py",
            "versions": versions(),
        },
        depth=2,
    )
    print(f"  {path.stat().st_size} bytes, loss {losses.mean().item():.4f}")
