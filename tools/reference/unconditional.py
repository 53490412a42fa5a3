"""Writes test/fixtures/unconditional/: a tiny UNet2DModel of random weights with and without classes, and images that
Python's pipelines make of it, or, for schedulers that those do not scale for, the loop that their classes document.

Run: python tools/reference/unconditional.py
"""

import shutil
from inspect import signature

import diffusers
import torch
from diffusers import DDIMPipeline, DDPMPipeline, UNet2DModel
from diffusers.pipelines.deprecated.score_sde_ve.pipeline_score_sde_ve import ScoreSdeVePipeline
from safetensors.torch import save_file

from fixture import FIXTURES, versions, write_json
from unet2d import randomise

COMMAND = "python tools/reference/unconditional.py"
FOLDER = FIXTURES / "unconditional"
SEEDS = (4, 5)

NETWORK = {
    "sample_size": 8,
    "in_channels": 3,
    "out_channels": 3,
    "layers_per_block": 1,
    "block_out_channels": (8, 12),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 4,
    "norm_num_groups": 4,
}
BETAS = {"beta_schedule": "squaredcos_cap_v2"}

# A pipeline's class, its scheduler, the arguments of its call.
CASES = {
    "ddpm": ("DDPMPipeline", "DDPMScheduler", BETAS, {"num_inference_steps": 12}),
    "ddim-eta": ("DDIMPipeline", "DDIMScheduler", BETAS, {"num_inference_steps": 10, "eta": 0.7}),
    "ddim-of-ddpm": ("DDIMPipeline", "DDPMScheduler", BETAS, {"num_inference_steps": 10}),
    "dpm-sde": (
        "DDPMPipeline",
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "thresholding": True},
        {"num_inference_steps": 8},
    ),
    "score-sde-ve": (
        "ScoreSdeVePipeline",
        "ScoreSdeVeScheduler",
        {"sigma_max": 20.0, "snr": 0.1},
        {"num_inference_steps": 6},
    ),
    "unipc": ("loop", "UniPCMultistepScheduler", BETAS, {"num_inference_steps": 9}),
    "euler": ("loop", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, {"num_inference_steps": 9}),
    "euler-ancestral": (
        "loop",
        "EulerAncestralDiscreteScheduler",
        {"timestep_spacing": "leading"},
        {"num_inference_steps": 7},
    ),
    "heun": ("loop", "HeunDiscreteScheduler", {}, {"num_inference_steps": 5}),
    "pndm": ("loop", "PNDMScheduler", {"skip_prk_steps": True}, {"num_inference_steps": 8}),
    "edm": ("loop", "EDMDPMSolverMultistepScheduler", {}, {"num_inference_steps": 8}),
    "flow": ("loop", "FlowMatchEulerDiscreteScheduler", {}, {"num_inference_steps": 8}),
}


def generators():
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


@torch.no_grad()
def loop(unet, scheduler, num_inference_steps, labels=None):
    """What a scheduler's class wants of its caller, image by image: some draw noise only for one generator."""
    images = []
    for k, generator in enumerate(generators()):
        scheduler.set_timesteps(num_inference_steps)
        size = unet.config.sample_size
        x = torch.randn((1, unet.config.in_channels, size, size), generator=generator)
        x = x * getattr(scheduler, "init_noise_sigma", 1)
        label = None if labels is None else torch.tensor([labels[k]])
        extra = {"generator": generator} if "generator" in signature(scheduler.step).parameters else {}
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
            out = unet(seen, t, class_labels=label).sample
            x = scheduler.step(out, t, x, **extra).prev_sample
        images.append(x)
    return (torch.cat(images) / 2 + 0.5).clamp(0, 1)


def images_of(pipeline, unet, scheduler, arguments):
    """[n, channels, height, width] in [0, 1]."""
    if pipeline == "loop":
        return loop(unet, scheduler, **arguments)
    kind = {"DDPMPipeline": DDPMPipeline, "DDIMPipeline": DDIMPipeline, "ScoreSdeVePipeline": ScoreSdeVePipeline}
    made = kind[pipeline](unet=unet, scheduler=scheduler)
    made.set_progress_bar_config(disable=True)
    arguments = {**arguments, "batch_size": len(SEEDS), "generator": generators(), "output_type": "np"}
    if pipeline == "ScoreSdeVePipeline":  # its Langevin steps look at the whole batch
        arguments |= {"batch_size": 1, "generator": generators()[0]}
    return torch.from_numpy(made(**arguments).images).permute(0, 3, 1, 2)


def model(seed, **more):
    torch.manual_seed(seed)
    unet = UNet2DModel(**NETWORK, **more).eval()
    randomise(unet)
    return unet


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    unet, classy = model(21), model(22, num_class_embeds=4)
    DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler(**BETAS)).save_pretrained(FOLDER / "plain")
    DDIMPipeline(unet=classy, scheduler=diffusers.DDIMScheduler(**BETAS)).save_pretrained(FOLDER / "classes")
    tensors, cases = {}, {}
    for name, (pipeline, kind, keys, arguments) in CASES.items():
        scheduler = getattr(diffusers, kind)(**keys)
        tensors[name] = images_of(pipeline, unet, scheduler, arguments)
        cases[name] = {"pipeline": pipeline, "scheduler": kind, "config": scheduler.to_json_string(), "arguments": arguments}
    tensors["classes"] = loop(classy, diffusers.DDIMScheduler(**BETAS), 10, labels=(3, 1))
    save_file({key: value.contiguous() for key, value in tensors.items()}, FOLDER / "images.safetensors")
    about = {"seeds": SEEDS, "command": COMMAND, "versions": versions()}
    write_json("unconditional/cases.json", {"cases": cases, **about})
    for path in FOLDER.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_file():
            print(path.relative_to(FIXTURES), path.stat().st_size)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    main()
