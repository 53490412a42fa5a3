"""Writes test/fixtures/folders/ddpm, a pipeline's folder as diffusers saves it: a tiny UNet2DModel in several
files with an index and as the variant fp16, and its scheduler; and clip, a tiny model as transformers saves it.
expected.json says what every tensor of them holds.

Run: python tools/reference/folders.py
"""

import shutil

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from transformers import CLIPTextConfig, CLIPTextModel

from fixture import FIXTURES, numbers, versions, write_json

COMMAND = "python tools/reference/folders.py"
FOLDERS = FIXTURES / "folders"


def summary(state):
    return {
        name: {
            "shape": list(tensor.shape),
            "head": numbers(tensor.reshape(-1)[:4]),
            "sum": tensor.double().sum().item(),
        }
        for name, tensor in state.items()
    }


def main():
    torch.set_num_threads(1)
    torch.manual_seed(31)
    shutil.rmtree(FOLDERS, ignore_errors=True)
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
    )
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    pipeline = DDPMPipeline(unet, scheduler)
    pipeline.save_pretrained(FOLDERS / "ddpm")
    shutil.rmtree(FOLDERS / "ddpm" / "unet")
    unet.save_pretrained(FOLDERS / "ddpm" / "unet", max_shard_size="30KB")
    clip = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=20,
            hidden_size=8,
            intermediate_size=16,
            projection_dim=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=7,
            bos_token_id=18,
            eos_token_id=19,
        )
    )
    clip.save_pretrained(FOLDERS / "clip")
    expected = {"unet": summary(unet.state_dict()), "clip": summary(clip.state_dict())}
    unet.half().save_pretrained(FOLDERS / "ddpm" / "unet", variant="fp16")
    write_json("folders/expected.json", {"command": COMMAND, "versions": versions(), **expected})


main()
