"""Writes test/fixtures/scheduler-cases.json: configurations of diffusers' schedulers chosen by a seed, run in the
pipelines' loop, for every class that undiffuse reads.

Run: python tools/reference/scheduler_cases.py [--seed 20261126] [--per-class 8]
"""

import argparse
import math
import random
import warnings
from collections import Counter

import diffusers
import torch
from fixture import numbers, versions, write_json

SETUP = {
    "sample": "x[i] = sin(i + 1), noise[i] = cos(2 i + 1) over the flat index, shape [2, 3, 4, 4], float32",
    "model": "model(x, t) = 0.6 cos(t / 300) x + 0.1 sin(t / 100)",
    "loop": "x = sample * init_noise_sigma; for t in timesteps: x = step(model(scale_model_input(x, t), t), t, x)",
    "begin": "x = add_noise(sample, noise, timesteps[begin]), then the loop over timesteps[begin:]",
    "random": "step noise from one torch generator, manual_seed(0)",
    "variance": "learned variances: the second half of the model's channels is 0.9 sin(3 x)",
    "figures": "first4 and last of the end in NCHW order; sum of |x| after every evaluation",
}
SHAPE = [2, 3, 4, 4]


def flat(function):
    values = [function(i) for i in range(math.prod(SHAPE))]
    return torch.tensor(values, dtype=torch.float32).reshape(SHAPE)


SAMPLE = flat(lambda i: math.sin(i + 1))
NOISE = flat(lambda i: math.cos(2 * i + 1))


def model(x, t, learned):
    t = float(t)
    said = x * (0.6 * math.cos(t / 300)) + 0.1 * math.sin(t / 100)
    return torch.cat([said, 0.9 * torch.sin(3 * x)], dim=1) if learned else said


def schedule(draw):
    name = draw.choice(["linear", "scaled_linear", "squaredcos_cap_v2"])
    config = {"beta_schedule": name, "num_train_timesteps": draw.choice([1000, 1000, 1000, 100, 500, 2000])}
    if name != "squaredcos_cap_v2":
        config["beta_start"] = draw.choice([1e-4, 0.00085, 0.001])
        config["beta_end"] = draw.choice([0.012, 0.02])
    config["prediction_type"] = draw.choice(["epsilon", "epsilon", "v_prediction", "sample"])
    return config


def spacing(draw):
    config = {"timestep_spacing": draw.choice(["leading", "linspace", "trailing"])}
    if config["timestep_spacing"] == "leading":
        config["steps_offset"] = draw.choice([0, 1])
    return config


def sigmas(draw, keys=("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")):
    key = draw.choice([None, *keys])
    return {key: True} if key else {}


def clipping(draw):
    kind = draw.choice(["clip", "threshold", "none"])
    if kind == "clip":
        return {"clip_sample": True, "clip_sample_range": draw.choice([1.0, 2.0])}
    if kind == "none":
        return {"clip_sample": False}
    return {"clip_sample": False, **thresholding(draw, True)}


def thresholding(draw, always=False):
    if not always and draw.random() < 0.6:
        return {}
    return {
        "thresholding": True,
        "dynamic_thresholding_ratio": draw.choice([0.9, 0.995]),
        "sample_max_value": draw.choice([1.0, 1.5]),
    }


def final(draw):
    return {"final_sigmas_type": draw.choice(["zero", "sigma_min"])}


def ddpm(draw):
    variances = ["fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range"]
    config = {**schedule(draw), **spacing(draw), **clipping(draw), "variance_type": draw.choice(variances)}
    if config["timestep_spacing"] != "linspace" and not config["variance_type"].startswith("fixed_small"):
        config["timestep_spacing"] = "linspace"  # diffusers adds noise to the result unless the last t is 0
    return config


def ddim(draw):
    zero = draw.random() < 0.3
    config = {**schedule(draw), **spacing(draw), **clipping(draw), "set_alpha_to_one": draw.choice([True, False])}
    if config["timestep_spacing"] == "linspace":  # diffusers steps by T // n there, not to the next timestep
        config["timestep_spacing"] = "trailing"
    if zero:
        config.update(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    return config


def pndm(draw):
    config = {**schedule(draw), "timestep_spacing": draw.choice(["leading", "trailing"])}
    config["prediction_type"] = draw.choice(["epsilon", "v_prediction"])
    config["set_alpha_to_one"] = draw.choice([True, False])
    config["skip_prk_steps"] = draw.choice([True, True, False])
    return config


def ode(draw):
    return {**schedule(draw), **spacing(draw), **sigmas(draw)}


def euler(draw):
    return {**ode(draw), **final(draw)}


def ancestral(draw):
    return {**schedule(draw), **spacing(draw)}


def dpm(draw, singlestep=False):
    algorithm = draw.choice(["dpmsolver", "dpmsolver++", "dpmsolver++", "sde-dpmsolver++", "sde-dpmsolver"])
    if singlestep:
        algorithm = draw.choice(["dpmsolver", "dpmsolver++", "sde-dpmsolver++"])
    order = draw.choice([1, 2, 3])
    if algorithm.startswith("sde"):
        order = draw.choice([1, 2])
    config = {
        **schedule(draw),
        **({} if singlestep else spacing(draw)),
        **sigmas(draw, ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")),
        **final(draw),
        **thresholding(draw),
        "algorithm_type": algorithm,
        "solver_order": order,
        "solver_type": draw.choice(["midpoint", "heun"]),
        "lower_order_final": draw.choice([True, False]),
    }
    if not singlestep:
        config["euler_at_final"] = draw.choice([True, False])
    if algorithm in ("dpmsolver", "sde-dpmsolver"):
        config["final_sigmas_type"] = "sigma_min"
    return config


def deis(draw):
    return {**ode(draw), **thresholding(draw), "solver_order": draw.choice([1, 2, 3]), "lower_order_final": draw.choice([True, False])}


def unipc(draw):
    return {
        **ode(draw),
        **final(draw),
        **thresholding(draw),
        "solver_order": draw.choice([1, 2, 3]),
        "solver_type": draw.choice(["bh1", "bh2"]),
        "predict_x0": draw.choice([True, True, False]),
        "lower_order_final": draw.choice([True, False]),
    }


def edm(draw):
    return {
        "sigma_min": draw.choice([0.002, 0.01]),
        "sigma_max": draw.choice([80.0, 20.0]),
        "rho": draw.choice([7.0, 5.0]),
        "sigma_schedule": draw.choice(["karras", "exponential"]),
    }


def edm_dpm(draw):
    return {
        **edm(draw),
        **final(draw),
        "solver_order": draw.choice([1, 2, 3]),
        "solver_type": draw.choice(["midpoint", "heun"]),
        "lower_order_final": draw.choice([True, False]),
    }


def distilled(draw):
    return {**schedule(draw), **clipping(draw), "num_train_timesteps": 1000}


def flow(draw):
    return {"shift": draw.choice([1.0, 3.0, 1.7])}


CLASSES = {
    "DDPMScheduler": ddpm,
    "DDIMScheduler": ddim,
    "PNDMScheduler": pndm,
    "EulerDiscreteScheduler": euler,
    "EulerAncestralDiscreteScheduler": ancestral,
    "HeunDiscreteScheduler": ode,
    "LMSDiscreteScheduler": ode,
    "KDPM2DiscreteScheduler": ode,
    "KDPM2AncestralDiscreteScheduler": ode,
    "DPMSolverMultistepScheduler": dpm,
    "DPMSolverSinglestepScheduler": lambda draw: dpm(draw, singlestep=True),
    "DEISMultistepScheduler": deis,
    "UniPCMultistepScheduler": unipc,
    "EDMEulerScheduler": edm,
    "EDMDPMSolverMultistepScheduler": edm_dpm,
    "LCMScheduler": distilled,
    "TCDScheduler": distilled,
    "FlowMatchEulerDiscreteScheduler": flow,
    "FlowMatchHeunDiscreteScheduler": lambda draw: {"shift": 1.0},
}
PAIRS = {"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"}
STRIDING = {"DDIMScheduler", "PNDMScheduler"}
MULTISTEP = {"DPMSolverSinglestepScheduler", "PNDMScheduler", "LMSDiscreteScheduler"}


def step_options(name, draw):
    if name == "DDIMScheduler":
        return {"eta": draw.choice([0.0, 0.0, 0.5, 1.0])}
    if name == "TCDScheduler":
        return {"eta": draw.choice([0.0, 0.3, 0.8])}
    return {}


RANDN = torch.randn


def float32_randn(*arguments, dtype=None, **options):
    """The draws of float32, whatever they are to be."""
    return RANDN(*arguments, dtype=torch.float32, **options).to(dtype)


torch.randn = float32_randn
# How far float32 may move the reference from its own float64, relative to the sum of |x|.
CONDITIONED = 1e-5


def run(name, config, steps, options, begin, dtype=torch.float32):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(steps)
    for key in ("sigmas", "alphas_cumprod"):
        if isinstance(getattr(scheduler, key, None), torch.Tensor):
            setattr(scheduler, key, getattr(scheduler, key).to(dtype))
    timesteps = scheduler.timesteps
    learned = str(config.get("variance_type", "")).startswith("learned")
    generator = torch.Generator().manual_seed(0)
    takes = scheduler.step.__code__.co_varnames
    extra = {**options, **({"generator": generator} if "generator" in takes else {})}
    skipped = begin * (2 if name in PAIRS else 1)
    if begin:
        scheduler.set_begin_index(skipped) if hasattr(scheduler, "set_begin_index") else None
        x = scheduler.add_noise(SAMPLE.to(dtype), NOISE.to(dtype), timesteps[skipped : skipped + 1])
    else:
        x = SAMPLE.to(dtype) * getattr(scheduler, "init_noise_sigma", 1.0)
    trace = []
    for t in timesteps[skipped:]:
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(model(scaled, t, learned), t, x, **extra).prev_sample
        trace.append(x.double().abs().sum().item())
    if not all(map(math.isfinite, trace)) or max(trace) > 1e5:
        raise ValueError("the figures are not finite, or large")
    values = numbers(x.to(torch.float32))
    return {
        "config": {"_class_name": name, **config},
        "steps": steps,
        "options": options,
        "begin": begin,
        "timesteps": numbers(timesteps.to(torch.float32)),
        "sigmas": numbers(scheduler.sigmas) if hasattr(scheduler, "sigmas") else None,
        "first4": values[:4],
        "last": values[-1],
        "mean": x.double().abs().mean().item(),
        "trace": trace,
    }


def cases(name, draw, count, redrawn):
    found = []
    while len(found) < count:
        config = CLASSES[name](draw)
        steps = draw.choice([1, 2, 3, 5, 7, 10, 13, 20, 25, 40])
        if name in STRIDING:  # by T // n, which leaves the path of their timesteps where n does not divide T
            steps = draw.choice([1, 2, 5, 10, 20, 25, 50])
        if steps == 1 and (any(key.startswith("use_") for key in config) or config.get("sigma_schedule") == "exponential"):
            steps = 2  # of one such step diffusers makes one from where it ends
        begin = draw.randrange(1, steps) if steps > 2 and draw.random() < 0.25 and name not in MULTISTEP else 0
        try:
            options = step_options(name, draw)
            case = run(name, config, steps, options, begin)
            exact = run(name, config, steps, options, begin, torch.float64)
            if max(abs(a / b - 1) for a, b in zip(case["trace"], exact["trace"])) > CONDITIONED:
                raise ValueError("float32 moves the figures")
            found.append(case)
        except Exception as error:
            redrawn[f"{name}: {type(error).__name__}: {str(error)[:90]}"] += 1
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    diffusers.logging.set_verbosity_error()
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--per-class", type=int, default=8)
    arguments = parser.parse_args()
    draw, redrawn = random.Random(arguments.seed), Counter()
    made = [case for name in CLASSES for case in cases(name, draw, arguments.per_class, redrawn)]
    write_json(
        "scheduler-cases.json",
        {
            "command": f"python tools/reference/scheduler_cases.py --seed {arguments.seed} --per-class {arguments.per_class}",
            "versions": versions(),
            "setup": SETUP,
            "redrawn": dict(redrawn),
            "cases": made,
        },
        depth=2,
    )
