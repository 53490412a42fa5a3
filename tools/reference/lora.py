"""Writes test/fixtures/lora/: small networks, LoRAs for them in the spellings that files have, and the weights after
diffusers loaded the files and fused them.

base.safetensors: weights of the U-Net and the text encoder, `<part>.<name>`. <lora>.safetensors: files as people have
them. fused.safetensors: `<combination>/<part>.<name>`, of the weights that change. xl-*.safetensors: the same for a
U-Net like that of XL and kohya's names for it.

Run: python tools/reference/lora.py
"""

import torch
import transformers.integrations.peft
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.loaders.lora_base import fuse_text_encoder_lora
from diffusers.utils import convert_state_dict_to_diffusers, set_weights_and_activate_adapters
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from fixture import FIXTURES, versions, write_json
from original_layout import original_unet_name

COMMAND = "python tools/reference/lora.py"
# transformers asks for a later peft than these pins have, without using what is new in it.
transformers.integrations.peft.check_peft_version = lambda **_: None
FOLDER = FIXTURES / "lora"

UNET = {
    "block_out_channels": [4, 8],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "cross_attention_dim": 6,
    "attention_head_dim": 2,
    "norm_num_groups": 2,
    "sample_size": 8,
}
XL_UNET = UNET | {
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2],
    "use_linear_projection": True,
}
TEXT = CLIPTextConfig(
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=10,
    vocab_size=13,
    max_position_embeddings=7,
)
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
ALL_LAYERS = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv_shortcut", "conv_in"]
TEXT_ATTENTION = ["q_proj", "k_proj", "v_proj", "out_proj"]


def networks(config):
    torch.manual_seed(3)
    return UNet2DConditionModel(**config), CLIPTextModel(TEXT)


def draw(model, config):
    """A LoRA by peft, with random products: peft starts from products of nothing."""
    model.add_adapter(config, adapter_name="default")
    state = get_peft_model_state_dict(model, adapter_name="default")
    return {name: torch.randn(value.shape) * 0.3 for name, value in state.items()}


def save(name, tensors, metadata=None):
    path = FOLDER / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata=metadata)
    path.chmod(0o644)
    print(f"{path.relative_to(FIXTURES.parents[1])}: {path.stat().st_size} bytes")
    return path


def prefixed(prefix, tensors):
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def metadata_of(config):
    """A set of modules is written in any order."""
    return config.to_dict() | {"target_modules": sorted(config.target_modules)}


def write_peft():
    """As diffusers writes it now: peft's names, alphas and ranks in the metadata, other ones for some layers."""
    unet, text = networks(UNET)
    pattern = {"mid_block.attentions.0.proj_in": 2, "conv_in": 1}
    unet_config = LoraConfig(
        r=3, lora_alpha=6, rank_pattern=pattern, alpha_pattern={"conv_in": 5}, target_modules=ALL_LAYERS
    )
    text_config = LoraConfig(r=4, lora_alpha=2, use_rslora=True, target_modules=[*TEXT_ATTENTION, "fc1"])
    unet_state, text_state = draw(unet, unet_config), draw(text, text_config)
    StableDiffusionPipeline.save_lora_weights(
        FOLDER,
        unet_lora_layers=unet_state,
        text_encoder_lora_layers=text_state,
        weight_name="peft.safetensors",
        unet_lora_adapter_metadata=metadata_of(unet_config),
        text_encoder_lora_adapter_metadata=metadata_of(text_config),
    )
    # One text alone, as several are written in any order.
    with safe_open(FOLDER / "peft.safetensors", "pt") as file:
        key = "lora_adapter_metadata"
        metadata = {key: file.metadata()[key]}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    save("peft", tensors, metadata)


def write_diffusers():
    """As diffusers' training scripts wrote it before: `.lora.down`, and no alphas."""
    unet, text = networks(UNET)
    unet_state = draw(unet, LoraConfig(r=2, target_modules=ATTENTION))
    text_state = draw(text, LoraConfig(r=3, target_modules=TEXT_ATTENTION))
    parts = prefixed("unet", convert_state_dict_to_diffusers(unet_state))
    text_named = {f"text_model.{name}": value for name, value in convert_state_dict_to_diffusers(text_state).items()}
    save("diffusers", parts | prefixed("text_encoder", text_named))


def write_processor():
    """diffusers' first form, of attention's processors."""
    unet, _ = networks(UNET)
    state = draw(unet, LoraConfig(r=2, target_modules=ATTENTION))
    renamed = {}
    for name, value in state.items():
        module, half = name.rsplit(".lora_", 1)
        where, projection = module.replace("to_out.0", "to_out").rsplit(".", 1)
        way = "down" if half.startswith("A") else "up"
        renamed[f"unet.{where}.processor.{projection}_lora.{way}.weight"] = value
    save("processor", renamed)


def kohya_names(state, rename, alpha):
    """One alpha for all: of several, diffusers loses those of attention."""
    tensors = {}
    for name, value in state.items():
        module, half = name.rsplit(".lora_", 1)
        key = rename(module)
        tensors[f"{key}.lora_{'down' if half.startswith('A') else 'up'}.weight"] = value
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
    return tensors


def write_kohya():
    unet, text = networks(UNET)
    state = draw(unet, LoraConfig(r=4, target_modules=[*ALL_LAYERS, "conv2", "time_emb_proj"]))
    tensors = kohya_names(state, lambda name: f"lora_unet_{name.replace('.', '_')}", 3.0)
    state = draw(text, LoraConfig(r=2, target_modules=[*TEXT_ATTENTION, "fc1", "fc2"]))
    text_names = kohya_names(state, lambda name: f"lora_te_text_model_{name.replace('.', '_')}", 1.0)
    save("kohya", tensors | text_names)


def write_xl():
    """kohya's scripts train XL under the names of its original layout."""
    unet, _ = networks(XL_UNET)
    save("xl-base", prefixed("unet", unet.state_dict()))
    targets = [*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
    state = draw(unet, LoraConfig(r=2, target_modules=targets))

    def named(module):
        original = original_unet_name(f"{module}.weight", XL_UNET["layers_per_block"], [0]).removesuffix(".weight")
        return f"lora_unet_{original.replace('.', '_')}"

    path = save("xl-kohya", kohya_names(state, named, 1.5))
    unet, _ = networks(XL_UNET)
    state, alphas = StableDiffusionXLPipeline.lora_state_dict(path, unet_config=unet.config)
    StableDiffusionXLPipeline.load_lora_into_unet(state, network_alphas=alphas, unet=unet, adapter_name="a")
    unet.set_adapters(["a"], [0.8])
    unet.fuse_lora()
    save("xl-fused", {f"xl-kohya/unet.{name}": value for name, value in changed(unet, networks(XL_UNET)[0]).items()})


def changed(fused, fresh):
    before = fresh.state_dict()
    state = {
        name.replace(".base_layer", ""): value for name, value in fused.state_dict().items() if ".lora_" not in name
    }
    assert set(state) == set(before)
    return {name: value for name, value in state.items() if not torch.equal(value, before[name])}


def fuse(loras):
    unet, text = networks(UNET)
    for name, _ in loras:
        state, alphas, metadata = StableDiffusionPipeline.lora_state_dict(
            FOLDER / f"{name}.safetensors", unet_config=unet.config, return_lora_metadata=True
        )
        # transformers 5 has the text encoder's names without `text_model`.
        state = {key.replace("text_encoder.text_model.", "text_encoder."): value for key, value in state.items()}
        if alphas:
            alphas = {key.replace("text_encoder.text_model.", "text_encoder."): a for key, a in alphas.items()}
        StableDiffusionPipeline.load_lora_into_unet(
            state, network_alphas=alphas, unet=unet, adapter_name=name, metadata=metadata
        )
        if any(key.startswith("text_encoder.") for key in state):
            StableDiffusionPipeline.load_lora_into_text_encoder(
                state, network_alphas=alphas, text_encoder=text, adapter_name=name, metadata=metadata
            )
    names, scales = [name for name, _ in loras], [scale for _, scale in loras]
    unet.set_adapters(names, scales)
    unet.fuse_lora()
    tensors = prefixed("unet", changed(unet, networks(UNET)[0]))
    if hasattr(text, "peft_config"):
        set_weights_and_activate_adapters(text, names, scales)
        fuse_text_encoder_lora(text)
        tensors |= prefixed("text_encoder", changed(text, networks(UNET)[1]))
    return tensors


COMBINATIONS = {
    "peft+kohya": [("peft", 0.7), ("kohya", 0.4)],
    "peft": [("peft", 1.0)],
    "kohya": [("kohya", -0.5)],
    "diffusers": [("diffusers", 1.0)],
    "processor": [("processor", 0.6)],
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    unet, text = networks(UNET)
    save("base", prefixed("unet", unet.state_dict()) | prefixed("text_encoder", text.state_dict()))
    write_peft()
    write_diffusers()
    write_processor()
    write_kohya()
    fused = {}
    for name, loras in COMBINATIONS.items():
        fused |= {f"{name}/{key}": value for key, value in fuse(loras).items()}
    save("fused", fused)
    write_xl()
    write_json(
        "lora/lora.json",
        {"combinations": COMBINATIONS | {"xl-kohya": [("xl-kohya", 0.8)]}, "command": COMMAND, **versions()},
    )
