"""Writes test/fixtures/pipelines/: small random checkpoints as diffusers saves them, in half precision (`parts/`), and
what diffusers' pipelines make of them: `<name>.json` says which parts stand in the pipeline's folder and what was asked
for, `<name>-<case>.png` is the first picture. Of the schedulers that go with a pipeline six are drawn by SEED.

Run: python tools/reference/pipelines.py [NAME ...]
"""

import json
import random
import shutil
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers.integrations.peft
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from fixture import FIXTURES, versions, write_json

COMMAND = "python tools/reference/pipelines.py"
FOLDER = FIXTURES / "pipelines"
PARTS = FOLDER / "parts"
TOKENIZER = FIXTURES / "clip" / "byte-pairs"

# Fixed before anything was compared.
SEED = 20261127
PROMPT = "a photo of a red cat, sitting on the moon"
NEGATIVE = "blurry, dark"
STEPS = 5

SCHEDULERS = [
    "DDIMScheduler",
    "DDPMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
]
# Begun within a path, diffusers' of these take slopes or steps that there were not (docs/schedulers.md).
PATH_FROM_ITS_BEGIN = {"LMSDiscreteScheduler", "PNDMScheduler"}
# Where the walk is changed between steps, diffusers changes it within the steps of these too.
TWO_EVALUATIONS = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"}

STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}

UNET = {
    "sample_size": 8,
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}
XL = UNET | {
    "cross_attention_dim": 24,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4,
    "projection_class_embeddings_input_dim": 6 * 4 + 8,
    "transformer_layers_per_block": (1, 2),
    "use_linear_projection": True,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
}
UPSCALER = UNET | {
    "sample_size": 16,
    "in_channels": 7,
    "num_class_embeds": 50,
    "only_cross_attention": (True, False),
}


def lively(model):
    """Weights under which prompts, times and pictures matter: attention far from uniform, outputs of order 1."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "to_q.weight" in name or "to_k.weight" in name:
                parameter.mul_(4)
            if "norm" in name.split(".")[-2]:
                parameter.add_(0.2 * torch.randn_like(parameter))
            if name.endswith("conv_out.weight"):
                parameter.mul_(2 if name.startswith("decoder") else 4)
            if "token_embedding" in name or "class_embedding" in name:
                parameter.mul_(20)
    return model.eval()


def unet(seed, **config):
    torch.manual_seed(seed)
    return lively(UNet2DConditionModel(**config))


def vae(seed, levels=4, **config):
    torch.manual_seed(seed)
    return lively(
        AutoencoderKL(
            block_out_channels=(8,) * levels,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=32,
            layers_per_block=1,
            **config,
        )
    )


def text_config(tokenizer, width, **config):
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **config,
    )


def text(seed, config, kind=CLIPTextModel):
    torch.manual_seed(seed)
    return lively(kind(config))


def vision(seed):
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=16,
    )
    return lively(CLIPVisionModelWithProjection(config))


def parts():
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    return {
        "unet": unet(1, **UNET),
        "unet-inpaint": unet(2, **UNET | {"in_channels": 9}),
        "unet-upscale": unet(3, **UPSCALER),
        "unet-lcm": unet(4, **UNET | {"time_cond_proj_dim": 8}),
        "unet-xl": unet(5, **XL),
        "vae": vae(6, scaling_factor=0.18215),
        "vae-upscale": vae(7, levels=3, scaling_factor=0.08333),
        "text_encoder": text(8, text_config(tokenizer, 16)),
        "text_encoder_2": text(
            9, text_config(tokenizer, 8, projection_dim=8, hidden_act="gelu"), CLIPTextModelWithProjection
        ),
        "image_encoder": vision(10),
        "unet-xl-inpaint": unet(14, **XL | {"in_channels": 9}),
    }


def save_parts():
    shutil.rmtree(PARTS, ignore_errors=True)
    for name, model in parts().items():
        model.half().save_pretrained(PARTS / name)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(PARTS / "feature_extractor")


def load(kind, name):
    return kind.from_pretrained(PARTS / name, torch_dtype=torch.float32).eval()


def picture(seed, side=64):
    """A smooth picture, so that its latents are no noise."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.BICUBIC)


def mask(side=64):
    """Whole cells of 8 pixels, so that every way of making it smaller gives the same."""
    values = np.zeros((side, side), dtype=np.uint8)
    values[16:48, 24:64] = 255
    return Image.fromarray(values)


def scheduler(name, **more):
    kind = getattr(diffusers, name)
    return kind.from_config(STABLE | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True} | more)


def shared():
    return {
        "vae": load(AutoencoderKL, "vae"),
        "text_encoder": load(CLIPTextModel, "text_encoder"),
        "tokenizer": CLIPTokenizer.from_pretrained(TOKENIZER),
    }


STABLE_PARTS = {"vae": "vae", "text_encoder": "text_encoder", "tokenizer": "tokenizer"}
NO_SAFETY = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def stable(kind, unet_name="unet"):
    return lambda scheduler: getattr(diffusers, kind)(
        **shared(), unet=load(UNet2DConditionModel, unet_name), scheduler=scheduler, **NO_SAFETY
    )


def xl(kind, unet_name="unet-xl"):
    return lambda scheduler: getattr(diffusers, kind)(
        **shared(),
        unet=load(UNet2DConditionModel, unet_name),
        text_encoder_2=load(CLIPTextModelWithProjection, "text_encoder_2"),
        tokenizer_2=CLIPTokenizer.from_pretrained(TOKENIZER),
        scheduler=scheduler,
        add_watermarker=False,
    )


def upscale(scheduler):
    return diffusers.StableDiffusionUpscalePipeline(
        vae=load(AutoencoderKL, "vae-upscale"),
        text_encoder=load(CLIPTextModel, "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER),
        unet=load(UNet2DConditionModel, "unet-upscale"),
        low_res_scheduler=diffusers.DDPMScheduler.from_config({"beta_schedule": "scaled_linear", "num_train_timesteps": 50}),
        scheduler=scheduler,
        max_noise_level=350,
    )


def variation(scheduler):
    return diffusers.StableDiffusionImageVariationPipeline(
        vae=load(AutoencoderKL, "vae"),
        image_encoder=load(CLIPVisionModelWithProjection, "image_encoder"),
        unet=load(UNet2DConditionModel, "unet"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=CLIPImageProcessor.from_pretrained(PARTS / "feature_extractor"),
        requires_safety_checker=False,
    )


XL_PARTS = STABLE_PARTS | {"unet": "unet-xl", "text_encoder_2": "text_encoder_2", "tokenizer_2": "tokenizer"}

# name: the pipeline, its parts, what is asked for in Python's words and in ours, schedulers it cannot be compared with
PIPELINES = {
    "text-to-image": {
        "open": stable("StableDiffusionPipeline"),
        "parts": STABLE_PARTS | {"unet": "unet"},
        "ask": {"prompt": PROMPT, "negative_prompt": NEGATIVE, "guidance_scale": 5.0, "height": 64, "width": 48},
        "request": {"prompt": PROMPT, "negative": NEGATIVE, "guidance": 5, "height": 64, "width": 48},
    },
    "v-prediction": {
        "open": stable("StableDiffusionPipeline"),
        "scheduler": {"prediction_type": "v_prediction"},
        "parts": STABLE_PARTS | {"unet": "unet"},
        "ask": {"prompt": PROMPT, "guidance_scale": 7.5, "guidance_rescale": 0.7},
        "request": {"prompt": PROMPT, "guidance": 7.5, "rescale": 0.7},
    },
    "image-to-image": {
        "open": stable("StableDiffusionImg2ImgPipeline"),
        "parts": STABLE_PARTS | {"unet": "unet"},
        "without": PATH_FROM_ITS_BEGIN,
        "ask": {"prompt": PROMPT, "guidance_scale": 3.0, "image": "picture", "strength": 0.6},
        "request": {"prompt": PROMPT, "guidance": 3, "source": {"kind": "image", "strength": 0.6}},
    },
    "inpaint-four": {
        "open": stable("StableDiffusionInpaintPipeline"),
        "parts": STABLE_PARTS | {"unet": "unet"},
        "without": PATH_FROM_ITS_BEGIN | TWO_EVALUATIONS,
        "ask": {"prompt": PROMPT, "guidance_scale": 3.0, "image": "picture", "mask_image": "mask", "strength": 0.8},
        "request": {"prompt": PROMPT, "guidance": 3, "source": {"kind": "inpaint", "strength": 0.8}},
    },
    "inpaint-nine": {
        "open": stable("StableDiffusionInpaintPipeline", "unet-inpaint"),
        "parts": STABLE_PARTS | {"unet": "unet-inpaint"},
        "ask": {"prompt": PROMPT, "guidance_scale": 3.0, "image": "picture", "mask_image": "mask", "strength": 1.0},
        "request": {"prompt": PROMPT, "guidance": 3, "source": {"kind": "inpaint", "strength": 1}},
    },
    "upscale": {
        "open": upscale,
        "parts": {
            "vae": "vae-upscale",
            "text_encoder": "text_encoder",
            "tokenizer": "tokenizer",
            "unet": "unet-upscale",
            "low_res_scheduler": None,
        },
        "ask": {"prompt": PROMPT, "guidance_scale": 4.0, "image": "small", "noise_level": 7},
        "request": {"prompt": PROMPT, "guidance": 4, "source": {"kind": "upscale", "noiseLevel": 7}},
    },
    "variation": {
        "open": variation,
        "parts": {
            "vae": "vae",
            "image_encoder": "image_encoder",
            "feature_extractor": "feature_extractor",
            "unet": "unet",
        },
        "ask": {"image": "picture", "guidance_scale": 4.0},
        "request": {"guidance": 4, "source": {"kind": "variation"}},
    },
    "latent-consistency": {
        "open": stable("LatentConsistencyModelPipeline", "unet-lcm"),
        "parts": STABLE_PARTS | {"unet": "unet-lcm"},
        "schedulers": ["LCMScheduler"],
        "ask": {"prompt": PROMPT, "guidance_scale": 6.0},
        "request": {"prompt": PROMPT, "guidance": 6},
    },
    "turbo": {
        "open": stable("StableDiffusionPipeline"),
        "scheduler": {"timestep_spacing": "trailing"},
        "parts": STABLE_PARTS | {"unet": "unet"},
        "steps": 1,
        "ask": {"prompt": PROMPT, "guidance_scale": 0.0},
        "request": {"prompt": PROMPT, "guidance": 1},
    },
    "lora": {
        "open": stable("StableDiffusionPipeline"),
        "prepare": lambda pipeline: with_loras(pipeline),
        "parts": STABLE_PARTS | {"unet": "unet"},
        "schedulers": ["DDIMScheduler", "UniPCMultistepScheduler"],
        "ask": {"prompt": PROMPT, "guidance_scale": 4.0},
        "request": {"prompt": PROMPT, "guidance": 4},
    },
    "words": {
        "open": stable("StableDiffusionPipeline"),
        "prepare": lambda pipeline: with_words(pipeline),
        "parts": STABLE_PARTS | {"unet": "unet"},
        "schedulers": ["DDIMScheduler", "EulerDiscreteScheduler"],
        "ask": {"prompt": "a <fox> in <style>", "negative_prompt": "<style>", "guidance_scale": 4.0},
        "request": {"prompt": "a <fox> in <style>", "negative": "<style>", "guidance": 4},
    },
    "xl": {
        "open": xl("StableDiffusionXLPipeline"),
        "parts": XL_PARTS,
        "ask": {"prompt": PROMPT, "guidance_scale": 5.0, "height": 64, "width": 64},
        "request": {"prompt": PROMPT, "guidance": 5, "height": 64, "width": 64},
    },
    "xl-image-to-image": {
        "open": xl("StableDiffusionXLImg2ImgPipeline"),
        "parts": XL_PARTS,
        "without": PATH_FROM_ITS_BEGIN,
        "ask": {
            "prompt": PROMPT,
            "negative_prompt": NEGATIVE,
            "guidance_scale": 5.0,
            "image": "picture",
            "strength": 0.5,
        },
        "request": {
            "prompt": PROMPT,
            "negative": NEGATIVE,
            "guidance": 5,
            "source": {"kind": "image", "strength": 0.5},
        },
    },
    "xl-turbo": {
        "open": xl("StableDiffusionXLPipeline"),
        "scheduler": {"timestep_spacing": "trailing"},
        "parts": XL_PARTS,
        "steps": 1,
        "ask": {"prompt": PROMPT, "guidance_scale": 0.0},
        "request": {"prompt": PROMPT, "guidance": 1},
    },
    "xl-inpaint-four": {
        "open": xl("StableDiffusionXLInpaintPipeline"),
        "parts": XL_PARTS,
        "without": PATH_FROM_ITS_BEGIN | TWO_EVALUATIONS,
        "ask": {"prompt": PROMPT, "guidance_scale": 3.0, "image": "picture", "mask_image": "mask", "strength": 0.8},
        "request": {"prompt": PROMPT, "guidance": 3, "source": {"kind": "inpaint", "strength": 0.8}},
    },
    "xl-inpaint-nine": {
        "open": xl("StableDiffusionXLInpaintPipeline", "unet-xl-inpaint"),
        "parts": XL_PARTS | {"unet": "unet-xl-inpaint"},
        "ask": {"prompt": PROMPT, "guidance_scale": 3.0, "image": "picture", "mask_image": "mask", "strength": 1.0},
        "request": {"prompt": PROMPT, "guidance": 3, "source": {"kind": "inpaint", "strength": 1}},
    },
}


def lora_tensors(seed, targets):
    """Two factors for every layer of a name among the targets, as peft names them, large enough to be seen."""
    torch.manual_seed(seed)
    tensors = {}
    for part, kind, folder in [
        ("unet", UNet2DConditionModel, "unet"),
        ("text_encoder", CLIPTextModel, "text_encoder"),
    ]:
        for name, module in load(kind, folder).named_modules():
            if not name.endswith(targets) or not hasattr(module, "weight") or module.weight.dim() != 2:
                continue
            to, from_ = module.weight.shape
            whole = name if part == "unet" or name.startswith("text_model.") else f"text_model.{name}"
            tensors[f"{part}.{whole}.lora_A.weight"] = torch.randn(3, from_) / from_**0.5
            tensors[f"{part}.{whole}.lora_B.weight"] = torch.randn(to, 3) / 3**0.5
    return tensors


def with_loras(pipeline):
    # transformers asks for a later peft than these pins have, without using what is new in it.
    transformers.integrations.peft.check_peft_version = lambda **_: None
    for name, scale in LORAS.items():
        pipeline.load_lora_weights(FOLDER, weight_name=f"lora-{name}.safetensors", adapter_name=name)
    pipeline.set_adapters(list(LORAS), list(LORAS.values()))


def with_words(pipeline):
    for token in WORDS:
        pipeline.load_textual_inversion(FOLDER / f"{token}.safetensors", token=f"<{token}>")


# How much of each, and vectors of each word.
LORAS = {"attention": 0.7, "all": 0.4}
WORDS = {"fox": 1, "style": 3}


def save_additions():
    save_file(lora_tensors(11, ("to_q", "to_k", "to_v", "q_proj", "v_proj")), FOLDER / "lora-attention.safetensors")
    save_file(lora_tensors(12, ("to_q", "to_out.0", "proj", "net.2", "k_proj")), FOLDER / "lora-all.safetensors")
    torch.manual_seed(13)
    for token, vectors in WORDS.items():
        tensor = 0.4 * torch.randn(vectors, 16)
        save_file({f"<{token}>": tensor[0] if vectors == 1 else tensor}, FOLDER / f"{token}.safetensors")


def drawn(spec, generator):
    if "schedulers" in spec:
        return spec["schedulers"]
    return sorted(generator.sample([name for name in SCHEDULERS if name not in spec.get("without", ())], 6))


PICTURES = {"picture": lambda: picture(3), "mask": mask, "small": lambda: picture(4, 16)}


def make(name, generator):
    spec = PIPELINES[name]
    ask = {key: PICTURES[value]() if value in PICTURES else value for key, value in spec["ask"].items()}
    steps = spec.get("steps", STEPS)
    cases = []
    for kind in drawn(spec, generator):
        pipeline = spec["open"](scheduler(kind, **spec.get("scheduler", {})))
        pipeline.set_progress_bar_config(disable=True)
        spec.get("prepare", lambda _: None)(pipeline)
        seed = generator.randrange(1000)
        more = {"original_inference_steps": 50} if kind == "LCMScheduler" else {}
        images = pipeline(
            **ask, **more, num_inference_steps=steps, generator=[torch.Generator().manual_seed(seed)], output_type="pil"
        ).images
        images[0].save(FOLDER / f"{name}-{kind}.png")
        values = np.asarray(images[0]).astype(float)
        ends = np.mean((values == 0) | (values == 255))
        print(f"  {name} {kind} seed {seed}: {images[0].size}, deviation {values.std():.1f}, at the ends {ends:.3f}")
        cases.append({"scheduler": pipeline.scheduler.to_json_string(), "seed": seed, "picture": f"{name}-{kind}.png"})
    index = json.loads(pipeline.to_json_string()) if hasattr(pipeline, "to_json_string") else {}
    index |= {key: value for key, value in pipeline.config.items() if key != "_name_or_path"}
    low = getattr(pipeline, "low_res_scheduler", None)
    write_json(
        f"pipelines/{name}.json",
        {
            "command": COMMAND,
            "versions": versions(),
            "index": {key: value for key, value in index.items() if not callable(value)},
            "parts": spec["parts"],
            "lowResScheduler": low.to_json_string() if low else None,
            "steps": steps,
            "request": spec["request"],
            **({"loras": LORAS} if name == "lora" else {}),
            **({"words": list(WORDS)} if name == "words" else {}),
            "cases": cases,
        },
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_parts()
    save_additions()
    for key, image in PICTURES.items():
        image().save(FOLDER / f"{key}.png")
    for each in PIPELINES:
        state = random.Random(f"{SEED} {each}")
        if len(sys.argv) == 1 or each in sys.argv[1:]:
            make(each, state)
