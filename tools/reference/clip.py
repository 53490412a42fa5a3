"""Writes test/fixtures/clip/: transformers' CLIP models and diffusers' PriorTransformer in small with random weights,
one batch through each (<name>.{json,safetensors}), names and shapes at full size (full.json), and what transformers
makes of pictures over Pillow (pictures.{json,safetensors}).

Run: python tools/reference/clip.py [NAME ...]
"""

import hashlib
import json
import math
import sys

import numpy
import PIL
import torch
import transformers
from diffusers import PriorTransformer
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from fixture import FIXTURES, versions, write_json

COMMAND = "python tools/reference/clip.py"
FOLDER = "clip"

CONFIG_CLASSES = {
    CLIPTextModel: CLIPTextConfig,
    CLIPTextModelWithProjection: CLIPTextConfig,
    CLIPVisionModelWithProjection: CLIPVisionConfig,
}
TEXT = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 9,
    "projection_dim": 6,
    "bos_token_id": 58,
    "pad_token_id": 1,
}

# name: seed, class, configuration, and of texts the numbers of tokens
MODELS = {
    "text": {
        "seed": 31,
        "class": CLIPTextModel,
        "config": TEXT | {"eos_token_id": 59},
        # padded with the end itself; nothing but ends; the end missing
        "ids": [[58, 3, 40, 7, 59, 59, 59, 59, 59], [58, 59, 59, 59, 59, 59, 59, 59, 59], [58, 1, 2, 3, 4, 5, 6, 7, 8]],
    },
    "text-projection": {
        "seed": 32,
        "class": CLIPTextModelWithProjection,
        "config": TEXT | {"eos_token_id": 2, "hidden_act": "gelu", "num_attention_heads": 2, "layer_norm_eps": 1e-3},
        # the highest number ends the text, padded with 0; fewer tokens than there are places
        "ids": [[58, 2, 40, 7, 59, 0, 0], [58, 59, 0, 0, 0, 59, 0]],
    },
    "vision": {
        "seed": 33,
        "class": CLIPVisionModelWithProjection,
        "config": {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 14,
            "patch_size": 4,
            "projection_dim": 6,
        },
        "images": 2,
    },
}

PRIOR = {
    "num_attention_heads": 2,
    "attention_head_dim": 6,
    "num_layers": 2,
    "embedding_dim": 10,
    "num_embeddings": 5,
}
PRIORS = {
    "prior": {"seed": 41, "config": PRIOR, "timesteps": [3, 997], "masked": True},
    "prior-unmasked": {
        "seed": 42,
        # places for what has noise alone: zeros are put around them
        "config": PRIOR | {"num_embeddings": 1, "additional_embeddings": 0},
        "timesteps": [500, 2.5],
        "masked": False,
    },
    "prior-tokens": {
        "seed": 43,
        "config": PRIOR
        | {
            "additional_embeddings": 0,
            "time_embed_act_fn": "gelu",
            "norm_in_type": "layer",
            "embedding_proj_norm_type": "layer",
            "encoder_hid_proj_type": None,
            "added_emb_type": None,
            "time_embed_dim": 20,
            "embedding_proj_dim": 8,
            "clip_embed_dim": 14,
        },
        "timesteps": [0, 12, 1000],
        "masked": False,
    },
}

FULL = {
    "clip-vit-large-patch14, text": (
        CLIPTextModel,
        {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "projection_dim": 768},
    ),
    "stable-diffusion-2-1, text": (
        CLIPTextModel,
        {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_attention_heads": 16,
            "num_hidden_layers": 23,
            "hidden_act": "gelu",
        },
    ),
    "stable-diffusion-xl-base-1.0, text 2": (
        CLIPTextModelWithProjection,
        {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_attention_heads": 20,
            "num_hidden_layers": 32,
            "projection_dim": 1280,
            "hidden_act": "gelu",
        },
    ),
    "clip-vit-large-patch14, image": (
        CLIPVisionModelWithProjection,
        {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "patch_size": 14,
            "projection_dim": 768,
        },
    ),
    "karlo-v1-alpha, prior": (PriorTransformer, {}),
    "kandinsky-2-2-prior": (PriorTransformer, {"embedding_dim": 1280}),
}


# name: height, width, what of the image processor's configuration is not its default
PICTURES = {
    "wide": (37, 53, {"size": {"shortest_edge": 20}, "crop_size": {"height": 20, "width": 20}}),
    "high": (61, 30, {"size": {"shortest_edge": 17}, "crop_size": {"height": 16, "width": 14}}),
    "enlarged": (9, 7, {"size": {"shortest_edge": 20}, "crop_size": {"height": 20, "width": 20}}),
    "padded": (33, 20, {"size": {"shortest_edge": 12}, "crop_size": {"height": 25, "width": 17}}),
    "stretched": (24, 24, {"size": {"height": 10, "width": 31}, "do_center_crop": False}),
    "cropped": (21, 18, {"do_resize": False, "crop_size": {"height": 16, "width": 13}}),
    "raw": (20, 20, {"size": {"shortest_edge": 8}, "do_center_crop": False, "do_rescale": False, "do_normalize": False}),
    "rescaled": (8, 8, {"do_resize": False, "do_center_crop": False, "rescale_factor": 0.01, "image_mean": [0.1, 0.2, 0.3]}),
    "dot": (1, 1, {"size": {"shortest_edge": 3}, "crop_size": {"height": 3, "width": 3}}),
}


def spread(model):
    """Weights large enough that every part matters: no norm is neutral, no attention uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "layrnorm" in name:
                parameter.add_(0.3 * torch.randn(parameter.shape))
            elif parameter.dim() < 2:
                parameter.copy_(0.2 * torch.randn(parameter.shape))
            else:
                parameter.copy_(torch.randn(parameter.shape) / math.sqrt(max(1, parameter[0].numel())) * 1.5)


def saved(model):
    """The state as transformers' save_pretrained names it."""
    state = model.state_dict()
    return {f"weight.{key}": value.contiguous().clone() for key, value in state.items()}


def write(name, model, seed, config, tensors):
    path = FIXTURES / FOLDER / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(saved(model) | {key: value.contiguous().clone() for key, value in tensors.items()}, path)
    path.chmod(0o644)
    write_json(
        f"{FOLDER}/{name}.json",
        {
            "command": COMMAND,
            "versions": versions() | {"transformers": transformers.__version__},
            "class": type(model).__name__,
            "seed": seed,
            "config": config,
        },
    )


def clip(name):
    spec = MODELS[name]
    torch.manual_seed(spec["seed"])
    model = spec["class"](CONFIG_CLASSES[spec["class"]](**spec["config"])).eval()
    spread(model)
    if "ids" in spec:
        inputs = torch.tensor(spec["ids"])
    else:
        inputs = torch.randn(spec["images"], 3, spec["config"]["image_size"], spec["config"]["image_size"])
    with torch.no_grad():
        outputs = model(inputs, output_hidden_states=True)
        tensors = {"input": inputs.int() if "ids" in spec else inputs, "lastHiddenState": outputs.last_hidden_state}
        for i, state in enumerate(outputs.hidden_states):
            tensors[f"hiddenStates.{i}"] = state
        for key, ours in {"text_embeds": "textEmbeds", "image_embeds": "imageEmbeds"}.items():
            if key in outputs:
                tensors[ours] = outputs[key]
        inner = next((part for key, part in model.named_children() if key.endswith("_model")), model)
        tensors["pooled"] = inner(inputs).pooler_output
    config = json.loads(model.config.to_json_string()) | {"architectures": [type(model).__name__]}
    write(name, model, spec["seed"], config, tensors)


def prior(name):
    spec = PRIORS[name]
    torch.manual_seed(spec["seed"])
    model = PriorTransformer(**spec["config"]).eval()
    spread(model)
    config = model.config
    n, tokens, width = len(spec["timesteps"]), config.num_embeddings, config.embedding_dim
    with_text = config.encoder_hid_proj_type is not None
    inputs = {
        "hidden": torch.randn(n, width) if config.added_emb_type else torch.randn(n, tokens, width),
        "timestep": torch.tensor(spec["timesteps"], dtype=torch.float32),
        "projEmbedding": torch.randn(n, config.embedding_proj_dim or width),
    }
    if with_text:
        inputs["encoderHiddenStates"] = torch.randn(n, tokens, width)
    if spec["masked"]:
        inputs["attentionMask"] = torch.tensor([[1.0] * (i + 2) + [0.0] * (tokens - i - 2) for i in range(n)])
    with torch.no_grad():
        output = model(
            inputs["hidden"],
            inputs["timestep"],
            inputs["projEmbedding"],
            inputs.get("encoderHiddenStates"),
            inputs["attentionMask"].bool() if spec["masked"] else None,
        ).predicted_image_embedding
        unscaled = model.post_process_latents(output)
    tensors = {f"input.{key}": value for key, value in inputs.items()} | {"output": output, "unscaled": unscaled}
    saved_config = {key: value for key, value in config.items() if key != "_use_default_values"}
    write(name, model, spec["seed"], saved_config, tensors)


def pictures():
    """Every case has its own picture: smooth colours, hard edges, noise in one quarter."""
    rng = numpy.random.default_rng(51)
    tensors = {}
    for name, (height, width, _) in PICTURES.items():
        y, x = numpy.mgrid[0:height, 0:width]
        colours = [127 + 127 * numpy.sin(x / 5 + y / 7), 255 * ((x // 3 + y // 4) % 2), 255 * x / max(1, width - 1)]
        picture = numpy.stack(colours, -1)
        quarter = picture[: height // 2, : width // 2]
        quarter[...] = rng.integers(0, 256, quarter.shape)
        tensors[f"{name}.input"] = torch.from_numpy(picture.astype(numpy.uint8))
        processor = CLIPImageProcessorPil(**PICTURES[name][2])
        output = processor(Image.fromarray(picture.astype(numpy.uint8)), return_tensors="pt").pixel_values
        tensors[f"{name}.output"] = output.contiguous()
    save_file(tensors, FIXTURES / FOLDER / "pictures.safetensors")
    (FIXTURES / FOLDER / "pictures.safetensors").chmod(0o644)
    made_by = versions() | {"transformers": transformers.__version__, "pillow": PIL.__version__}
    cases = {name: config for name, (_, _, config) in PICTURES.items()}
    write_json(f"{FOLDER}/pictures.json", {"command": COMMAND, "versions": made_by, "cases": cases}, depth=2)


def digest(shapes):
    """Of names and shapes in alphabetical order."""
    lines = sorted(f"{name} {','.join(map(str, shape))}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def full():
    rows = {}
    for name, (kind, config) in FULL.items():
        with torch.device("meta"):
            model = kind(CONFIG_CLASSES[kind](**config)) if kind in CONFIG_CLASSES else kind(**config)
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        rows[name] = {
            "class": kind.__name__,
            "config": config,
            "parameters": sum(math.prod(shape) for shape in shapes.values()),
            "tensors": len(shapes),
            "digest": digest(shapes),
        }
    made_by = versions() | {"transformers": transformers.__version__}
    write_json(f"{FOLDER}/full.json", {"command": COMMAND, "versions": made_by, "models": rows}, depth=2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    whole = {"full": full, "pictures": pictures}
    for each in sys.argv[1:] or [*MODELS, *PRIORS, *whole]:
        if each in whole:
            whole[each]()
        else:
            clip(each) if each in MODELS else prior(each)
