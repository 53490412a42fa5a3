"""What the reference scripts share: where fixtures lie, how they are written, which versions made them."""

import json
import platform
from pathlib import Path

import diffusers
import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"


def versions():
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "numpy": np.__version__,
        "device": "cpu",
    }


def numbers(tensor):
    """A flat list of the elements; float32 in the fewest digits that read back as the same float32."""
    flat = tensor.detach().reshape(-1)
    if flat.dtype == torch.float32:
        return [float(str(value)) for value in flat.numpy()]
    return flat.tolist()


def array(tensor):
    return {"shape": list(tensor.shape), "data": numbers(tensor)}


def lines(value, depth):
    """JSON with one line for every entry down to this depth, so that a changed value is a changed line."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    if isinstance(value, dict):
        inner = [f"{json.dumps(key)}: {lines(item, depth - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + "\n}"
    return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"


def write_json(name, value, depth=3):
    path = FIXTURES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines(value, depth) + "\n")
    print(f"{path.relative_to(FIXTURES.parents[1])}: {path.stat().st_size} bytes")
