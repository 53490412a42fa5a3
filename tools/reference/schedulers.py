"""Writes test/fixtures/schedulers.json: the cases of a golden file that holds the results of diffusers' own
scheduler tests, with the timesteps and schedule constants that belong to them.

Run: python tools/reference/schedulers.py GOLDEN.json
"""

import json
import sys
from pathlib import Path

from fixture import write_json

SETUP = {
    "sample": "x[b,c,h,w] = (((c*8 + h)*8 + w)*4 + b) / 768, shape [4, 3, 8, 8], float32",
    "noise": "noise[b,c,h,w] = (767 - (((c*8 + h)*8 + w)*4 + b)) / 768",
    "model": "model(x, t) = x * t / (t + 1)",
    "loop": "for t in timesteps: x = step(model(x, t), t, x)",
    "scaled loop": "Euler, Heun, LMS, KDPM2: x = sample * init_noise_sigma; x = scale_model_input(x, t) before each model",
    "with_noise": "x = add_noise(sample, noise, timesteps[t_start]), then the loop over timesteps[t_start:]",
    "torch RNG": "step noise from one torch generator, manual_seed(0); ZERO-noise: step noise set to 0",
    "figures": "sum and mean are of |x| at the end, trace is the sum of |x| after each of the traced steps",
}


def select(golden):
    kept = {key: case for key, case in golden.items() if not key.startswith("_")}
    source = golden["_versions"]
    for case in kept.values():
        cfg = case["cfg"]
        case["cfg"] = {key: value for key, value in cfg.items() if value is not None and key != "lambda_min_clipped"}
    return {
        "command": "python tools/reference/schedulers.py GOLDEN.json",
        "versions": {**source, "device": "cpu"},
        "setup": SETUP,
        "cases": kept,
        "ddimTimesteps": golden["_ddim_timesteps"],
        "schedules": golden["_schedules"],
    }


if __name__ == "__main__":
    write_json("schedulers.json", select(json.loads(Path(sys.argv[1]).read_text())), depth=2)
