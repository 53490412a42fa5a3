"""The Fréchet distance between two sets of features by pytorch-fid.

Reads a JSON object first: {"folder": that holds "samples" and "reference", float32 rows, "width": of a row,
"threads": n}. Answers each further line with the milliseconds from both sets to their distance. Pinned: see
requirements.txt.
"""

import json
import os
import sys
import time
from pathlib import Path

setup = json.loads(sys.stdin.readline())
os.environ["OPENBLAS_NUM_THREADS"] = str(setup["threads"])  # read when numpy and scipy are loaded

import numpy as np
import scipy
from pytorch_fid.fid_score import calculate_frechet_distance

samples, reference = (
    np.fromfile(Path(setup["folder"]) / name, np.float32).reshape(-1, setup["width"]).astype(np.float64)
    for name in ("samples", "reference")
)


def gaussian(features):
    return np.mean(features, axis=0), np.cov(features, rowvar=False)


def distance():
    return calculate_frechet_distance(*gaussian(samples), *gaussian(reference))


print(json.dumps({"distance": distance(), "numpy": np.__version__, "scipy": scipy.__version__}), flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    distance()
    print((time.perf_counter() - started) * 1000, flush=True)
