"""Writes test/fixtures/inception.json: features that pytorch-fid's Inception gives with weights that a seed draws.

Run: python tools/reference/inception.py
"""

from importlib.metadata import version

import pytorch_fid.inception as fid
import torch

from fixture import array, versions, write_json

SEED = 20261126
# Each is [channels, height, width] of the images.
IMAGES = [[3, 32, 32], [1, 16, 24]]
STRIDE = 8


def weights(shapes, seed):
    """In the order of the state dict: convolutions of He's deviation, batch norms near the identity."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda shape: torch.randn(shape, generator=generator)
    state = {}
    for name, shape in shapes.items():
        if name.endswith("conv.weight"):
            state[name] = draw(shape) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        elif name.endswith("running_var"):
            state[name] = 1 + 0.5 * torch.rand(shape, generator=generator)
        elif name.endswith("bn.weight"):
            state[name] = 1 + 0.1 * draw(shape)
        elif name.endswith(("bn.bias", "running_mean")):
            state[name] = 0.1 * draw(shape)
        else:
            state[name] = torch.zeros(shape)
    return state


def images(shape, seed):
    return torch.randint(0, 256, [2, *shape], generator=torch.Generator().manual_seed(seed))


if __name__ == "__main__":
    shapes = {}
    load = torch.nn.Module.load_state_dict

    def load_drawn(self, _, *rest, **options):
        """In place of the weights that would be downloaded, those of the seed."""
        shapes.update({name: list(value.shape) for name, value in self.state_dict().items()})
        return load(self, weights(shapes, SEED), *rest, **options)

    torch.nn.Module.load_state_dict = load_drawn
    fid.load_state_dict_from_url = lambda *_, **__: {}
    model = fid.InceptionV3([3], resize_input=True, normalize_input=True, use_fid_inception=True).eval()
    cases = []
    for index, shape in enumerate(IMAGES):
        x = images(shape, SEED + 1 + index).float() / 255
        with torch.inference_mode():
            features = model(x.expand(-1, 3, -1, -1))[0].reshape(2, -1)
        cases.append({"image": shape, "seed": SEED + 1 + index, "features": array(features[:, ::STRIDE])})
    write_json(
        "inception.json",
        {
            "command": "python tools/reference/inception.py",
            "versions": versions() | {"pytorch-fid": version("pytorch-fid")},
            "seed": SEED,
            "stride": STRIDE,
            "shapes": shapes,
            "cases": cases,
        },
        depth=2,
    )
