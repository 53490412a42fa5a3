"""Writes test/fixtures/inception-onnx.json: the graphs that torch's exporters make of pytorch-fid's Inception.

Of each export the nodes are kept as they come, and instead of the constants the parameters that they were made of.

Run: python tools/reference/inception_onnx.py [FOLDER, where the exports themselves are left]
"""

import logging
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytorch_fid.inception as fid
import torch

from fixture import versions, write_json
from inception import SEED, weights

EXPORTS = {
    "dynamo": {"dynamo": True},
    "dynamo, not optimised": {"dynamo": True, "optimize": False},
    "TorchScript": {"dynamo": False},
    "TorchScript, batch norms kept": {"dynamo": False, "training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False},
}


def drawn_inception():
    """pytorch-fid's network with weights of the seed, and these."""
    state = {}
    load = torch.nn.Module.load_state_dict

    def load_drawn(self, _, *rest, **options):
        state.update(weights({name: list(value.shape) for name, value in self.state_dict().items()}, SEED))
        return load(self, state, *rest, **options)

    torch.nn.Module.load_state_dict = load_drawn
    fid.load_state_dict_from_url = lambda *_, **__: {}
    model = fid.InceptionV3([3], resize_input=True, normalize_input=True, use_fid_inception=True).eval()
    torch.nn.Module.load_state_dict = load
    return model, state


def parameters_of(state):
    """By name: pytorch-fid's own, and those with batch norms folded into convolutions."""
    found = dict(state)
    for name in state:
        if not name.endswith(".conv.weight"):
            continue
        layer = name.removesuffix(".conv.weight")
        gain = state[f"{layer}.bn.weight"] / (state[f"{layer}.bn.running_var"] + 1e-3).sqrt()
        found[f"{layer}.weight"] = state[name] * gain.reshape(-1, 1, 1, 1)
        found[f"{layer}.bias"] = state[f"{layer}.bn.bias"] - state[f"{layer}.bn.running_mean"] * gain
    return {name: value.numpy() for name, value in found.items()}


def source(array, parameters):
    """The name of the parameter that an array is, to rounding; None for a constant of another kind."""
    near = [
        name
        for name, value in parameters.items()
        if value.shape == array.shape and value.size > 1 and np.allclose(value, array, rtol=1e-4, atol=1e-6)
    ]
    assert len(near) < 2, near
    return near[0] if near else None


def described(path, parameters):
    model = onnx.load(path)
    sources = {
        tensor.name: source(onnx.numpy_helper.to_array(tensor), parameters)
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    return {
        "nodes": [
            [node.op_type, list(node.input), list(node.output)]
            + [{a.name: a.f} for a in node.attribute if a.name == "epsilon"]
            for node in model.graph.node
        ],
        "outputs": [value.name for value in model.graph.output],
        "parameters": {name: of for name, of in sources.items() if of},
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the exporter talks
    warnings.simplefilter("ignore")
    model, state = drawn_inception()
    parameters = parameters_of(state)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    exports = {}
    for index, (name, options) in enumerate(EXPORTS.items()):
        path = folder / f"{index}.onnx"
        torch.onnx.export(model, (torch.rand(1, 3, 64, 64),), str(path), verbose=False, **options)
        exports[name] = described(path, parameters)
    write_json(
        "inception-onnx.json",
        {
            "command": "python tools/reference/inception_onnx.py",
            "versions": versions() | {name: version(name) for name in ("pytorch-fid", "onnx", "onnxscript")},
            "exports": exports,
        },
        depth=3,
    )
