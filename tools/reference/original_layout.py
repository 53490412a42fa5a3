"""Writes test/fixtures/original-layout/: names of Stable Diffusion's tensors in the original single file and in
diffusers' folders. Every model is made by diffusers and transformers, its tensors are renamed to the original layout
here, and diffusers' own conversion of that is what the fixture records.

<name>.json, for small models: the original tensors' names and shapes (their values follow from a formula that the test
repeats), and name, shape and checksum of every tensor of each part. <name>.txt, for models of full size: a line for each
original tensor, and a hash of the lines of diffusers' tensors.

Run: python tools/reference/original_layout.py
"""

import hashlib
import re

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from fixture import FIXTURES, versions, write_json

COMMAND = "python tools/reference/original_layout.py"
FOLDER = FIXTURES / "original-layout"

CROSS_DOWN, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"


def unet(widths, depths, context, layers=2, **rest):
    attends = [depth > 0 for depth in depths]
    return {
        "block_out_channels": widths,
        "down_block_types": [CROSS_DOWN if a else "DownBlock2D" for a in attends],
        "up_block_types": [CROSS_UP if a else "UpBlock2D" for a in reversed(attends)],
        "layers_per_block": layers,
        "transformer_layers_per_block": [max(depth, 1) for depth in depths],
        "cross_attention_dim": context,
        **rest,
    }


def vae(widths, layers=2, **rest):
    return {
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": layers,
        "latent_channels": 4,
        **rest,
    }


def text(width, layers, heads, inner, vocabulary=49408, positions=77, **rest):
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        **rest,
    }


SMALL_GROUPS = {"norm_num_groups": 2}
SMALL_VAE = vae([4, 6], layers=1, **SMALL_GROUPS)

# `extra` stands beside the weights in files that people have, and is nobody's weight.
SMALL = {
    "sd1": {
        "unet": unet([8, 16, 16], [1, 1, 0], 6, attention_head_dim=8, **SMALL_GROUPS),
        "vae": vae([4, 6, 6], **SMALL_GROUPS),
        "clip": text(6, 2, 2, 10, 13, 7),
        "extra": {
            "alphas_cumprod": [10],
            "model_ema.decay": [],
            "cond_stage_model.transformer.text_model.embeddings.position_ids": [1, 7],
        },
        "ema": True,
    },
    "sd1-inpainting": {
        "unet": unet([8, 16], [1, 0], 6, layers=1, in_channels=9, attention_head_dim=8, **SMALL_GROUPS),
        "vae": SMALL_VAE,
        "clip": text(6, 1, 2, 10, 13, 7),
        "extra": {},
    },
    "sd2": {
        "unet": unet([8, 16], [1, 0], 6, attention_head_dim=[1, 2], use_linear_projection=True, **SMALL_GROUPS),
        "vae": SMALL_VAE,
        "open_clip": text(6, 3, 2, 10, 13, 7, projection_dim=6),
        "extra": {"betas": [10], "cond_stage_model.model.logit_scale": [], "cond_stage_model.model.attn_mask": [7, 7]},
    },
    "upscaler": {
        "unet": unet(
            [8, 12, 16],
            [0, 1, 1],
            16,
            layers=1,
            in_channels=7,
            num_class_embeds=5,
            attention_head_dim=4,
            use_linear_projection=True,
            only_cross_attention=[True, True, False],
            **SMALL_GROUPS,
        ),
        "vae": SMALL_VAE,
        "open_clip": text(16, 2, 2, 10, 13, 7, projection_dim=16),
        "extra": {"low_scale_model.betas": [10], "cond_stage_model.model.logit_scale": []},
    },
    "sdxl": {
        "unet": unet(
            [8, 16, 16],
            [0, 2, 3],
            14,
            attention_head_dim=[1, 2, 2],
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=6 * 256 + 8,
            **SMALL_GROUPS,
        ),
        "vae": SMALL_VAE,
        "clip": text(6, 2, 2, 10, 13, 7),
        "open_clip": text(8, 2, 2, 10, 13, 7, projection_dim=8),
        "extra": {"denoiser.sigmas": [10], "conditioner.embedders.1.model.logit_scale": []},
    },
}

KL_F8 = vae([128, 256, 512, 512])
FULL = {
    "sd15": {
        "unet": unet([320, 640, 1280, 1280], [1, 1, 1, 0], 768, attention_head_dim=8),
        "vae": KL_F8,
        "clip": text(768, 12, 12, 3072),
    },
    "sd21": {
        "unet": unet(
            [320, 640, 1280, 1280],
            [1, 1, 1, 0],
            1024,
            attention_head_dim=[5, 10, 20, 20],
            use_linear_projection=True,
        ),
        "vae": KL_F8,
        "open_clip": text(1024, 24, 16, 4096, projection_dim=1024),
    },
}

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "class_embedding": "label_emb",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def original_unet_name(name, layers, attending):
    """`attending` are the blocks on the way up that have attention."""
    module, kind = name.rsplit(".", 1)
    if module in UNET_ENDS:
        return f"{UNET_ENDS[module]}.{kind}"
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", module):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{place}.{RESNET.get(found[3], found[3])}.{kind}"
    way, block, part, layer, inner = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", module).groups()
    block, layer = int(block), int(layer)
    first = block * (layers + 1) + (way == "down")
    folder = "input_blocks" if way == "down" else "output_blocks"
    if part == "downsamplers":
        return f"{folder}.{first + layers}.0.op.{kind}"
    if part == "upsamplers":
        return f"{folder}.{first + layers}.{2 if block in attending else 1}.conv.{kind}"
    place = 1 if part == "attentions" else 0
    return f"{folder}.{first + layer}.{place}.{RESNET.get(inner, inner)}.{kind}"


def original_vae_name(name, levels):
    module, kind = name.rsplit(".", 1)
    module = module.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if found := re.search(r"mid_block\.attentions\.0\.(.*)", module):
        return f"{module[: found.start()]}mid.attn_1.{VAE_ATTENTION[found[1]]}.{kind}"
    module = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", module)
    module = re.sub(r"down_blocks\.(\d)", r"down.\1", module)
    module = re.sub(r"up_blocks\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}", module)
    module = module.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
    return f"{module.replace('resnets', 'block')}.{kind}"


def original_unet(config):
    model = UNet2DConditionModel(**config)
    attending = [i for i, kind in enumerate(config["up_block_types"]) if kind == CROSS_UP]
    return model, {
        f"model.diffusion_model.{original_unet_name(name, config['layers_per_block'], attending)}": value
        for name, value in model.state_dict().items()
    }


def original_vae(config):
    model = AutoencoderKL(**config)
    levels = len(config["block_out_channels"])
    renamed = {original_vae_name(name, levels): value for name, value in model.state_dict().items()}
    convolution = re.compile(r"attn_1\.(q|k|v|proj_out)\.weight$")
    return model, {
        f"first_stage_model.{name}": value[:, :, None, None] if convolution.search(name) else value
        for name, value in renamed.items()
    }


def original_clip(config, prefix):
    model = CLIPTextModel(CLIPTextConfig(**config))
    return {f"{prefix}transformer.text_model.{name}": value for name, value in model.state_dict().items()}


def original_open_clip(config, prefix):
    state = CLIPTextModelWithProjection(CLIPTextConfig(**config)).state_dict()
    state = {name.removeprefix("text_model."): value for name, value in state.items()}
    ends = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "text_projection": state["text_projection.weight"].T,
    }
    layers = {}
    for layer in range(config["num_hidden_layers"]):
        ours, theirs = f"encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            joined = [state[f"{ours}.self_attn.{name}_proj.{kind}"] for name in "qkv"]
            layers[f"{theirs}.attn.in_proj_{kind}"] = torch.cat(joined)
            for new, old in OPEN_CLIP_LAYER.items():
                layers[f"{theirs}.{old}.{kind}"] = state[f"{ours}.{new}.{kind}"]
    return {f"{prefix}model.{name}": value for name, value in (ends | layers).items()}


def original_tensors(spec):
    unet_model, tensors = original_unet(spec["unet"])
    vae_model, vae_tensors = original_vae(spec["vae"])
    tensors |= vae_tensors
    both = "clip" in spec and "open_clip" in spec
    first, second = ("conditioner.embedders.0.", "conditioner.embedders.1.") if both else ["cond_stage_model."] * 2
    if "clip" in spec:
        tensors |= original_clip(spec["clip"], first)
    if "open_clip" in spec:
        tensors |= original_open_clip(spec["open_clip"], second)
    return {"unet": unet_model, "vae": vae_model}, tensors, second if both else "cond_stage_model."


def converted(spec, models, tensors, open_clip_prefix):
    """diffusers' conversion of each part. Of Stable Diffusion 2.x it knows the unused last layer by its number at full
    size; here that is whichever comes last."""
    parts = {
        "unet": convert_ldm_unet_checkpoint(dict(tensors), models["unet"].config),
        "vae": convert_ldm_vae_checkpoint(dict(tensors), models["vae"].config),
    }
    for name in ("unet", "vae"):
        state = models[name].state_dict()
        assert {k: v.shape for k, v in parts[name].items()} == {k: v.shape for k, v in state.items()}, name
    if "clip" in spec:
        parts["text_encoder"] = {
            name: value
            for name, value in convert_ldm_clip_checkpoint(dict(tensors)).items()
            if not name.endswith("position_ids")
        }
    if "open_clip" in spec:
        text_model = CLIPTextModelWithProjection(CLIPTextConfig(**spec["open_clip"]))
        prefix = f"{open_clip_prefix}model."
        state = convert_open_clip_checkpoint(text_model, dict(tensors), prefix=prefix)
        if prefix.startswith("cond_stage_model"):
            unused = f"text_model.encoder.layers.{spec['open_clip']['num_hidden_layers'] - 1}."
            state = {name: value for name, value in state.items() if not name.startswith(unused)}
        parts["text_encoder_2" if "clip" in spec else "text_encoder"] = state
    return parts


def filled(index, shape):
    """Whole numbers that float32 holds exactly; other ones for every tensor and element."""
    elements = torch.arange(torch.Size(shape).numel(), dtype=torch.int64)
    return ((index * 7919 + elements * elements * 31 + elements) % 65521).to(torch.float32).reshape(shape)


def checksum(tensor):
    flat = tensor.reshape(-1).to(torch.float64)
    return int((flat * (torch.arange(len(flat)) % 97 + 1)).sum())


def write_small(name, spec):
    torch.manual_seed(0)
    models, tensors, prefix = original_tensors(spec)
    shapes = {key: list(value.shape) for key, value in tensors.items()}
    values = {key: filled(index, shape) for index, (key, shape) in enumerate(shapes.items())}
    parts = converted(spec, models, values, prefix)
    if spec.get("ema"):
        flat = [key for key in shapes if key.startswith("model.diffusion_model.")]
        shapes |= {f"model_ema.{key.removeprefix('model.').replace('.', '')}": shapes[key] for key in flat}
    write_json(
        f"original-layout/{name}.json",
        {
            "original": {key: "x".join(map(str, shape)) for key, shape in (shapes | spec["extra"]).items()},
            "parts": {
                part: {key: [*value.shape, checksum(value)] for key, value in state.items()}
                for part, state in parts.items()
            },
            "config": {
                "unet": {key: models["unet"].config[key] for key in spec["unet"]},
                "vae": {key: models["vae"].config[key] for key in spec["vae"]},
                **{key: spec[key] for key in ("clip", "open_clip") if key in spec},
            },
            "generated": {"command": COMMAND, **versions()},
        },
    )


def line(name, tensor):
    return f"{name} {'x'.join(str(n) for n in tensor.shape)}"


def write_full(name, spec):
    with torch.device("meta"):
        models, tensors, prefix = original_tensors(spec)
        parts = converted(spec, models, tensors, prefix)
    hashes = []
    for part, state in parts.items():
        text_of = "\n".join(sorted(line(key, value) for key, value in state.items()))
        hashes.append(f"{part} {len(state)} {hashlib.sha256(text_of.encode()).hexdigest()}")
    path = FOLDER / f"{name}.txt"
    path.write_text("\n".join([*hashes, "", *(line(key, value) for key, value in tensors.items())]) + "\n")
    print(f"{path.relative_to(FIXTURES.parents[1])}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, spec in SMALL.items():
        write_small(name, spec)
    for name, spec in FULL.items():
        write_full(name, spec)
