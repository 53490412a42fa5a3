"""Writes test/fixtures/clip/: transformers' CLIP models and diffusers' PriorTransformer in small with random weights,
one batch through each (<name>.{json,safetensors}), names and shapes at full size (full.json), and what transformers
makes of pictures over Pillow (pictures.{json,safetensors}) and of texts with a small vocabulary (tokenizer.json,
byte-pairs/).

Run: python tools/reference/clip.py [NAME ...]
"""

import hashlib
import json
import math
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy
import PIL
import tokenizers
import torch
import transformers
from diffusers import PriorTransformer
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
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


SENTENCES = """a photo of a cat and a dog on the beach at sunset, highly detailed, by greg rutkowski
the quick brown fox doesn't jump over the lazy dog's back; it's raining, they're late, i'll go, we've seen
an oil painting of a little house in the mountains, trending on artstation, 4k, 8k, unreal engine 5
portrait of a woman with red hair, cinematic lighting, depth of field, bokeh, f/1.8, 85mm lens
watercolor illustration of a robot reading a book under a tree, soft colors, paper texture
café crème, naïve façade, über straße, größe, señorita, привет мир, γειά σου κόσμε, 猫 と 犬, 你好世界 🐱🐶🎨"""

PROMPTS = [
    "",
    " ",
    "a photo of a cat",
    "A PHOTO of a CaT",
    "  several   spaces\tand\ttabs\nand\r\nlines  ",
    "don't you've they're I'll he'd I'm it's DON'T IT'S 'tis ''s '",
    "8k 4K 1234567890 3.14 1/2 ½ ² Ⅷ ٣",
    "Café cre\u0300me NAI\u0308VE façade ÜBER straße GRÖẞE",
    "İstanbul ıI ſK K Å ﬁ ǅ ΣΊΣΥΦΟΣ ΟΔΟΣ. ς",
    "Привет МИР, γειά σου ΚΌΣΜΕ",
    "猫と犬 你好，世界！ 안녕하세요 שלום مرحبا नमस्ते",
    "🐱🐶🎨 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ☺️",
    "a\u00a0b\u2003c\u3000d\u0085e\ufefff\u200bg\u180eh\u2028i",
    "\u0000\u0001\u001f\u007f bell\u0007 esc\u001b[0m",
    "<|endoftext|>",
    "a <|endoftext|> b<|startoftext|>c <|ENDOFTEXT|> <|StartOfText|>",
    "<|endoftext|",
    "a cat! on a mat!! ! !!!",
    "(masterpiece:1.2), [ugly], {a|b}, ((best quality)) <lora:x:0.8> --ar 16:9 #tag @me $5 100% a&b a*b a_b a-b",
    "...!?!,,;; \u2014 \u2013 \u201cquoted\u201d \u2018single\u2019 \u00abguillemets\u00bb",
    "</w> w</w> <w>",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
    "cat " * 300,
    "a" * 1000,
    "🐱" * 40,
    "e\u0301" * 30,
    "<cat-toy> and <CAT-TOY>, a<cat-toy>b <cat-toy>_1 <dog> my-style MY-STYLE",
    "ＦＵＬＬｗｉｄｔｈ ①②③ ™ℌ 𝕬𝖇𝖈 Ω ℵ",
    "\ud7ff\ue000\uffff\U0010ffff\ufffd",
]


def byte_letters():
    """A letter for each byte, in the order of CLIP's vocabulary: printable ones stand for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(rest)}


def trained(count):
    """Vocabulary and merges as CLIP's are made, from the sentences above; of pairs alike, the first in the alphabet."""
    letters = byte_letters()
    pieces = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True
    )
    words = []
    for piece, _ in pieces.pre_tokenize_str(SENTENCES):
        word = [letters[byte] for byte in piece.encode()]
        words.append([*word[:-1], word[-1] + "</w>"])
    merges = []
    while len(merges) < count:
        pairs = Counter(pair for word in words for pair in zip(word, word[1:]))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [merged(word, best) for word in words]
    tokens = [*letters.values(), *(letter + "</w>" for letter in letters.values())]
    tokens += ["".join(pair) for pair in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}, [" ".join(pair) for pair in merges]


def merged(word, pair):
    out = []
    for letter in word:
        if out and (out[-1], letter) == pair:
            out[-1] += letter
        else:
            out.append(letter)
    return out


def token(content, normalized, **more):
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False} | more


def tokenizer_forms(vocabulary):
    """Files beside vocab.json and merges.txt, in the forms in which they are found."""
    begin, end = "<|startoftext|>", "<|endoftext|>"
    old = {key: token(each, True) for key, each in {"bos_token": begin, "eos_token": end, "unk_token": end}.items()}
    typed = {key: {"__type": "AddedToken"} | value for key, value in old.items()}
    config = {"model_max_length": 24, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "errors": "replace"}
    names = {"bos_token": begin, "eos_token": end, "unk_token": end}
    return {
        "stable-diffusion-v1-5": {
            "tokenizer_config.json": config | typed | {"pad_token": end},
            "special_tokens_map.json": old | {"pad_token": end},
        },
        "stable-diffusion-2-1": {
            "tokenizer_config.json": config | typed | {"pad_token": end},
            "special_tokens_map.json": old | {"pad_token": "!"},
        },
        "listed": {
            "tokenizer_config.json": config
            | names
            | {
                "pad_token": "!",
                "added_tokens_decoder": {
                    "0": token("!", False, special=True),
                    str(vocabulary[begin]): token(begin, True, special=True),
                    str(vocabulary[end]): token(end, True, special=True),
                    str(len(vocabulary)): token("<cat-toy>", True, special=False),
                    str(len(vocabulary) + 1): token("my-style", False, special=False),
                },
            },
            # not in force where tokens are listed
            "special_tokens_map.json": names | {"pad_token": "x"},
        },
        "counted": {
            "tokenizer_config.json": config | names | {"pad_token": end, "additional_special_tokens": ["<dog>"]},
            "special_tokens_map.json": names | {"pad_token": end, "additional_special_tokens": ["<dog>"]},
            "added_tokens.json": {"<cat-toy>": len(vocabulary), "<dog>": len(vocabulary) + 1},
        },
    }


def tokenized(folder, prompts, new=()):
    """The numbers as diffusers' pipelines ask for them, and the text of those that were cut off."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    if new:
        tokenizer.add_tokens(list(new))
    rows = []
    for prompt in prompts:
        whole = tokenizer(prompt).input_ids
        ids = tokenizer(prompt, padding="max_length", max_length=24, truncation=True).input_ids
        removed = whole[23:-1]
        rows.append({"ids": ids, "cut": tokenizer.decode(removed) if removed else None})
    return rows, tokenizer


def tokenizers_of_clip():
    folder = FIXTURES / FOLDER / "byte-pairs"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = trained(220)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    forms = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, files in tokenizer_forms(vocabulary).items():
            place = Path(scratch) / name
            shutil.copytree(folder, place)
            for file, content in files.items():
                (place / file).write_text(json.dumps(content))
                if name == "stable-diffusion-v1-5":
                    (folder / file).write_text(json.dumps(content | ({"model_max_length": 77} if "config" in file else {})))
            rows, tokenizer = tokenized(place, PROMPTS)
            forms[name] = {"files": files, "rows": rows}
        tokenizer.save_pretrained(Path(scratch) / "saved")
        files = {path.name: json.loads(path.read_text()) for path in (Path(scratch) / "saved").iterdir()}
        assert sorted(files) == ["tokenizer.json", "tokenizer_config.json"], sorted(files)
        files["tokenizer.json"].pop("truncation")
        files["tokenizer.json"].pop("padding")
        rows, _ = tokenized(Path(scratch) / "saved", PROMPTS)
        forms["saved by transformers 5"] = {"files": files, "rows": rows}
        new = ["<cat-toy>", "<cat-toy>_1", "<cat-toy>_2", "Moebius", "\u03a3\u039f\u03a3"]
        prompts = [*PROMPTS, "<cat-toy> <cat-toy>_1 <cat-toy>_2<Cat-Toy>_3 in the moebius MOEBIUSstyle \u03c3\u03bf\u03c3 \u03a3\u039f\u03a3"]
        rows, tokenizer = tokenized(Path(scratch) / "stable-diffusion-v1-5", prompts, new)
        added = {"tokens": {each: tokenizer.convert_tokens_to_ids(each) for each in new}, "rows": rows}
    made_by = versions() | {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    write_json(
        f"{FOLDER}/tokenizer.json",
        {"command": COMMAND, "versions": made_by, "prompts": PROMPTS, "last": prompts[-1], "forms": forms, "added": added},
        depth=3,
    )


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
    whole = {"full": full, "pictures": pictures, "tokenizer": tokenizers_of_clip}
    for each in sys.argv[1:] or [*MODELS, *PRIORS, *whole]:
        if each in whole:
            whole[each]()
        else:
            clip(each) if each in MODELS else prior(each)
