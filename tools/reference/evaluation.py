"""Writes test/fixtures/evaluation.json: distances of features by clean-fid, torchmetrics, prdc and POT, and
structural similarity by scikit-image, on features that a seed and images that a formula of the index gives.
torchmetrics' structural similarity is not among them: it also counts windows over mirrored edges, as Wang et al. do not.

Run: python tools/reference/evaluation.py
"""

import math
from importlib.metadata import version

import numpy as np
import ot
import torch
from cleanfid.fid import frechet_distance as clean_frechet
from cleanfid.fid import kernel_distance
from prdc import compute_prdc
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from fixture import versions, write_json

PACKAGES = ["clean-fid", "torchmetrics", "prdc", "POT", "scikit-image", "scipy"]


def drawn(seed, shape):
    """float32 standard normals of torch's CPU generator, which undiffuse has too."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def moved(seed, n, d, spread, shift):
    """Normals whose columns have deviations 1 + spread · i / d and means shift · (i mod 3), rounded to float32."""
    column = torch.arange(d, dtype=torch.float32)
    return drawn(seed, (n, d)) * (1 + spread * column / d) + shift * (column % 3)


def features(case):
    samples = moved(case["seed"], case["n"], case["d"], 0.5, 0.2)
    reference = moved(case["seed"] + 1, case["m"], case["d"], 0, 0)
    return samples, reference


def of_features(case):
    samples, reference = features(case)
    a, b = samples.double().numpy(), reference.double().numpy()
    stats = [(x.mean(0), np.cov(x, rowvar=False)) for x in (a, b)]
    tensors = [torch.as_tensor(each) for pair in stats for each in pair]
    size = min(case["n"], case["m"])
    mmd = [kernel_distance(a[:size], b[:size], num_subsets=1, max_subset_size=size)]
    mmd.append(float(poly_mmd(torch.as_tensor(a[:size]), torch.as_tensor(b[:size]))))
    directions = drawn(case["seed"] + 2, (case["directions"], case["d"]))
    directions = directions / directions.norm(dim=1, keepdim=True)
    sliced = ot.sliced_wasserstein_distance(a, b, projections=directions.double().numpy().T, p=2)
    return case | {
        "frechet": {"clean-fid": clean_frechet(*stats[0], *stats[1]), "torchmetrics": float(_compute_fid(*tensors))},
        "kernel": {"of": size, "clean-fid": mmd[0], "torchmetrics": mmd[1]},
        "prdc": {str(k): {key: float(x) for key, x in compute_prdc(b, a, nearest_k=k).items()} for k in (3, 5)},
        "sliced": float(sliced),
    }


def images(case):
    n = case["channels"] * case["height"] * case["width"]
    index = np.arange(n)
    a = np.array([127.5 + 120 * math.sin(0.37 * i + 0.01 * (i % 7) ** 2) for i in index])
    b = a + case["noise"] * np.array([math.cos(1.7 * i) for i in index])
    shape = (case["channels"], case["height"], case["width"])
    return [np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8).reshape(shape) for x in (a, b)]


def of_images(case):
    a, b = images(case)
    sk = structural_similarity(
        a, b, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    psnr = float(peak_signal_noise_ratio(a, b, data_range=255))
    return case | {"ssim": float(sk), "psnr": psnr}


if __name__ == "__main__":
    feature_cases = [
        {"seed": 100, "n": 60, "m": 60, "d": 8, "directions": 16},
        {"seed": 200, "n": 40, "m": 90, "d": 24, "directions": 32},
        {"seed": 300, "n": 120, "m": 50, "d": 3, "directions": 16},
    ]
    image_cases = [
        {"channels": 1, "height": 16, "width": 16, "noise": 20},
        {"channels": 3, "height": 32, "width": 24, "noise": 40},
        {"channels": 3, "height": 11, "width": 13, "noise": 5},
    ]
    write_json(
        "evaluation.json",
        {
            "command": "python tools/reference/evaluation.py",
            "versions": versions() | {name: version(name) for name in PACKAGES},
            "features": [of_features(case) for case in feature_cases],
            "images": [of_images(case) for case in image_cases],
        },
        depth=3,
    )
