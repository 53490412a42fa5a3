"""Writes test/fixtures/scheduler-cases.json: configurations of diffusers' schedulers chosen by a seed, run in the
pipelines' loop. `cases` are drawn from what undiffuse does as diffusers does; `wider` from all that diffusers
accepts, its own turns included.

Run: python tools/reference/scheduler_cases.py [--seed 20261126] [--per-class 8]
"""

import argparse
import inspect
import math
import random
import re
import warnings
from collections import Counter
from contextlib import contextmanager

import diffusers
import numpy as np
import torch
from fixture import numbers, versions, write_json

SETUP = {
    "sample": "x[i] = sin(i + 1), noise[i] = cos(2 i + 1) over the flat index, shape [2, 3, 4, 4], float32",
    "model": "model(x, t) = 0.6 cos(t / 300) x + 0.1 sin(t / 100)",
    "loop": "x = sample * init_noise_sigma; for t in timesteps: x = step(model(scale_model_input(x, t), t), t, x)",
    "begin": "x = add_noise(sample, noise, timesteps[begin]), then the loop over timesteps[begin:]; twice begin where "
    "the class evaluates twice a step; scale_noise where there is no add_noise",
    "random": "step noise in float32 from one torch generator, manual_seed(0), or torch's own where step takes none",
    "variance": "learned variances: the second half of the model's channels is 0.9 sin(3 x); of wider with variance_type "
    "learned, 0.05 + 0.04 sin(3 x)",
    "figures": "first4 and last of the end in NCHW order; trace is the sum of |x| after every evaluation; sum and mean of "
    "|x| at the end",
    "cases": "float32; kept where samples in float64 give the same trace to 1e-5",
    "wider": "samples, model and steps in float64 over the float32 tables and sigmas of diffusers, except that the steps "
    "of `upcasting` first round the sample to float32; keys at the class's defaults are left out",
    "rounding": "how far float32 samples, or tables in float64, move the wider figures: the largest relative change of the "
    "trace and of first4, last (to the mean of |x| where they are below it); at most 1e-5",
    "noised": "add_noise(sample, noise, timesteps[index]) after set_timesteps(steps), float64 over float32 tables",
    "variances": "DDPM's _get_variance(timestep, predicted 0.3) of T 1000, linear, in float64",
    "alphaBars": "alphas_cumprod at the places, in diffusers' float32 and by its equations in float64",
}
SHAPE = [2, 3, 4, 4]


def flat(function):
    values = [function(i) for i in range(math.prod(SHAPE))]
    return torch.tensor(values, dtype=torch.float32).reshape(SHAPE)


SAMPLE = flat(lambda i: math.sin(i + 1))
NOISE = flat(lambda i: math.cos(2 * i + 1))


def model(x, t, variance=None):
    t = float(t)
    said = x * (0.6 * math.cos(t / 300)) + 0.1 * math.sin(t / 100)
    return said if variance is None else torch.cat([said, variance(x)], dim=1)


def fraction(x):
    return 0.9 * torch.sin(3 * x)


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
SINGLES = torch.float32, np.float32


def float32_randn(*arguments, dtype=None, **options):
    """The draws of float32, whatever they are to be."""
    return RANDN(*arguments, dtype=SINGLES[0], **options).to(dtype)


torch.randn = float32_randn
torch.randn_like = lambda x, **options: float32_randn(x.shape, dtype=x.dtype)
# How far float32 may move the reference from its own float64, relative to the sum of |x|.
CONDITIONED = 1e-5


def run(name, config, steps, options, begin, dtype=torch.float32):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(steps)
    for key in ("sigmas", "alphas_cumprod"):
        if isinstance(getattr(scheduler, key, None), torch.Tensor):
            setattr(scheduler, key, getattr(scheduler, key).to(dtype))
    timesteps = scheduler.timesteps
    variance = fraction if str(config.get("variance_type", "")).startswith("learned") else None
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
        x = scheduler.step(model(scaled, t, variance), t, x, **extra).prev_sample
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


@contextmanager
def doubled():
    """diffusers' equations without the rounding of its tables: what it asks for in float32 is float64."""
    torch.float32, np.float32 = torch.float64, np.float64
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, np.float32 = SINGLES
        torch.set_default_dtype(torch.float32)


class Dealt(random.Random):
    """Deals its choices: the options of each come up equally often over the configurations, in a drawn order."""

    def __init__(self, seed):
        super().__init__(seed)
        self.decks = {}
        self.asked = Counter()

    def choice(self, options):
        key = repr(options), self.asked[repr(options)]
        self.asked[repr(options)] += 1
        deck = self.decks.setdefault(key, [])
        if not deck:
            deck.extend(options)
            self.shuffle(deck)
        return deck.pop()


def betas(draw):
    return {
        **schedule(draw),
        "num_train_timesteps": draw.choice([1000, 1000, draw.randint(100, 2000)]),
        "beta_start": round(10 ** draw.uniform(-4.3, -2.7), 6),
        "beta_end": round(draw.uniform(0.005, 0.03), 5),
    }


def gaps(draw):
    return {
        "timestep_spacing": draw.choice(["leading", "linspace", "trailing"]),
        "steps_offset": draw.choice([0, 0, 1, 2]),
    }


def rarely(**keys):
    return lambda draw: draw.choice([{}, {}, {}, {}, keys])


zero_snr = rarely(rescale_betas_zero_snr=True, prediction_type="v_prediction")


def variances(draw):
    return {"variance_type": draw.choice(VARIANCES)}


VARIANCES = ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"]


def respaced(*more):
    def knob(draw):
        config = sigmas(draw, ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", *more))
        if "use_flow_sigmas" in config:
            config.update(prediction_type="flow_prediction", flow_shift=draw.choice([1.0, 3.0, round(draw.uniform(0.5, 5), 2)]))
        return config

    return knob


def shifted(draw):
    config = {
        "shift": round(draw.uniform(0.5, 5), 2),
        "num_train_timesteps": draw.choice([1000, draw.randint(100, 2000)]),
        **sigmas(draw),
        **rarely(stochastic_sampling=True)(draw),
        **rarely(invert_sigmas=True)(draw),
        **rarely(shift_terminal=0.1)(draw),
    }
    dynamic = [{}, {}, *({"use_dynamic_shifting": True, "time_shift_type": kind} for kind in ("exponential", "linear"))]
    return {**config, **draw.choice(dynamic)}


def karras_range(draw):
    return {
        "sigma_min": round(10 ** draw.uniform(-3, -1.5), 5),
        "sigma_max": round(draw.uniform(5, 100), 2),
        "sigma_data": draw.choice([0.5, 1.0, 0.3]),
        "rho": round(draw.uniform(3, 9), 1),
        "prediction_type": draw.choice(["epsilon", "v_prediction"]),
    }


def consistent(draw):
    return {
        "set_alpha_to_one": draw.choice([True, False]),
        "original_inference_steps": draw.choice([50, 50, 40, 100]),
        "timestep_scaling": draw.choice([10.0, 5.0]),
    }


RATIO = [betas, gaps, respaced()]
CLEAN = rarely(variance_type="learned_range")
# What is drawn beside, or in place of, the keys of CLASSES.
WIDER = {
    "DDPMScheduler": [betas, gaps, variances, zero_snr],
    "DDIMScheduler": [betas, gaps, zero_snr],
    "DDIMInverseScheduler": [betas, gaps, zero_snr],
    "PNDMScheduler": [betas, gaps],
    "EulerDiscreteScheduler": [
        *RATIO,
        rarely(interpolation_type="log_linear"),
        rarely(sigma_min=0.03, sigma_max=12.5, use_karras_sigmas=True),
        rarely(timestep_type="continuous", prediction_type="v_prediction"),
        zero_snr,
    ],
    "EulerAncestralDiscreteScheduler": [betas, gaps, zero_snr],
    "HeunDiscreteScheduler": [*RATIO, rarely(clip_sample=True, clip_sample_range=1.5, prediction_type="sample")],
    "LMSDiscreteScheduler": RATIO,
    "KDPM2DiscreteScheduler": RATIO,
    "KDPM2AncestralDiscreteScheduler": RATIO,
    "DPMSolverMultistepScheduler": [
        betas,
        gaps,
        zero_snr,
        respaced("use_lu_lambdas", "use_flow_sigmas"),
        rarely(lambda_min_clipped=-5.1),
        CLEAN,
    ],
    "DPMSolverSinglestepScheduler": [betas, respaced("use_flow_sigmas"), rarely(lambda_min_clipped=-5.1), CLEAN],
    "DEISMultistepScheduler": [betas, gaps, respaced("use_flow_sigmas")],
    "UniPCMultistepScheduler": [
        betas,
        gaps,
        zero_snr,
        respaced("use_flow_sigmas"),
        rarely(disable_corrector=[0, 1]),
        rarely(sigma_min=0.03, sigma_max=12.5, use_karras_sigmas=True),
    ],
    "EDMEulerScheduler": [karras_range, final],
    "EDMDPMSolverMultistepScheduler": [
        karras_range,
        thresholding,
        lambda draw: {"algorithm_type": draw.choice(["dpmsolver++", "sde-dpmsolver++"])},
        rarely(euler_at_final=True),
    ],
    "LCMScheduler": [betas, consistent, thresholding, zero_snr],
    "TCDScheduler": [betas, consistent, thresholding, zero_snr],
    "FlowMatchEulerDiscreteScheduler": [shifted],
    "FlowMatchHeunDiscreteScheduler": [shifted],
}


def defaults(name):
    parameters = inspect.signature(getattr(diffusers, name).__init__).parameters
    return {key: parameter.default for key, parameter in parameters.items() if key not in ("self", "kwargs")}


def widened(name, draw):
    config = {key: value for key, value in CLASSES.get(name, ddim)(draw).items() if not key.startswith("use_")}
    for knob in WIDER[name]:
        config.update(knob(draw))
    known = defaults(name)
    return {key: value for key, value in config.items() if key in known and value != known[key]}


def churn(draw):
    if draw.random() < 0.5:
        return {}
    return {"s_churn": draw.choice([2.0, 10.0]), "s_noise": draw.choice([1.0, 1.003]), "s_tmin": draw.choice([0.0, 0.3])}


OPTIONS = {
    "EulerDiscreteScheduler": churn,
    "EDMEulerScheduler": churn,
    "FlowMatchHeunDiscreteScheduler": churn,
    "LMSDiscreteScheduler": lambda draw: draw.choice([{}, {"order": 2}, {"order": 3}]),
    "DDIMScheduler": lambda draw: {
        **step_options("DDIMScheduler", draw),
        **rarely(use_clipped_model_output=True)(draw),
    },
}


def prepared(name, config, steps, dtype):
    """A scheduler with its timesteps, and its tables in a dtype."""
    scheduler = getattr(diffusers, name)(**config)
    mu = {"mu": 0.8} if config.get("use_dynamic_shifting") else {}
    scheduler.set_timesteps(steps, **mu)
    for key, value in vars(scheduler).items():
        if key != "timesteps" and isinstance(value, torch.Tensor) and value.is_floating_point():
            setattr(scheduler, key, value.to(dtype))
    return scheduler


def largest(scheduler):
    """init_noise_sigma, which the flow matching schedulers do without."""
    return getattr(scheduler, "init_noise_sigma", 1.0)


def noised(scheduler, at, dtype):
    t = scheduler.timesteps[at : at + 1]
    if hasattr(scheduler, "add_noise"):
        return scheduler.add_noise(SAMPLE.to(dtype), NOISE.to(dtype), t)
    return scheduler.scale_noise(SAMPLE.to(dtype), t, NOISE.to(dtype))


# The second half of the channels, by variance_type: the variance itself has to be positive.
SAID_VARIANCES = {"learned_range": fraction, "learned": lambda x: 0.05 + 0.04 * torch.sin(3 * x)}


def walk(drawn, dtype):
    """The figures of a wider case, with samples of a dtype."""
    name = drawn["name"]
    scheduler = prepared(name, drawn["config"], drawn["steps"], dtype)
    skipped = drawn["begin"] * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped)
    begins = drawn["begin"] > 0
    x = noised(scheduler, skipped, dtype) if begins else SAMPLE.to(dtype) * largest(scheduler)
    torch.manual_seed(0)
    takes = "generator" in inspect.signature(scheduler.step).parameters
    extra = {**drawn["options"], **({"generator": torch.Generator().manual_seed(0)} if takes else {})}
    variance = SAID_VARIANCES.get(drawn["config"].get("variance_type"))
    trace = []
    for t in scheduler.timesteps[skipped:]:
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(model(scaled, t, variance), t, x, **extra).prev_sample.to(dtype)
        trace.append(x.double().abs().sum().item())
    ends = x.double().flatten().tolist()
    return scheduler, {
        "first4": ends[:4],
        "last": ends[-1],
        "sum": trace[-1],
        "mean": trace[-1] / len(ends),
        "trace": trace,
    }


def moved(figures, others):
    """How far other figures are from these, relative."""
    if len(figures["trace"]) != len(others["trace"]):
        return math.inf
    traces = [abs(a / b - 1) for a, b in zip(others["trace"], figures["trace"])]
    ends = zip([*others["first4"], others["last"]], [*figures["first4"], figures["last"]])
    return max(*traces, *(abs(a - b) / max(abs(b), figures["mean"]) for a, b in ends))


def wider_case(drawn):
    scheduler, figures = walk(drawn, torch.float64)
    if not all(map(math.isfinite, figures["trace"])) or not 0 < min(figures["trace"]) <= max(figures["trace"]) < 1e6:
        raise ValueError("the figures are not finite, zero, or large")
    path = [scheduler.timesteps, *([scheduler.sigmas] if hasattr(scheduler, "sigmas") else [])]
    if not all(part.isfinite().all() for part in path):
        raise ValueError("timesteps or sigmas are not finite")
    _, single = walk(drawn, torch.float32)
    with doubled():
        _, double = walk(drawn, torch.float64)
    rounding = max(moved(figures, single), moved(figures, double))
    if not rounding <= CONDITIONED:
        raise ValueError("float32 moves the figures")
    return {
        "config": {"_class_name": drawn["name"], **drawn["config"]},
        **{key: drawn[key] for key in ("steps", "options", "begin")},
        **({"mu": 0.8} if drawn["config"].get("use_dynamic_shifting") else {}),
        "timesteps": numbers(path[0].to(torch.float32)),
        "sigmas": numbers(path[1].to(torch.float32)) if path[1:] else None,
        "initNoiseSigma": float(largest(scheduler)),
        **figures,
        "rounding": float(f"{rounding:.1e}"),
    }


def reason(error):
    said = re.sub(r"\b[0-9]+\b", "#", str(error).partition("\n")[0])
    return f"{type(error).__name__}: {said[:90]}".rstrip(": ")


# How many of a class begin within, beside those that begin with noise.
BEGUN = 2


def adds_noise(name):
    return any(hasattr(getattr(diffusers, name), key) for key in ("add_noise", "scale_noise"))


def wider_draw(name, draw, begins):
    draw.asked.clear()
    steps = draw.choice([draw.randint(2, 12), draw.randint(2, 40)] if begins else [draw.randint(1, 12), draw.randint(1, 40)])
    return {
        "name": name,
        "config": widened(name, draw),
        "steps": steps,
        "options": OPTIONS.get(name, lambda draw: step_options(name, draw))(draw),
        "begin": draw.randrange(1, steps) if begins else 0,
    }


def wider_cases(name, draw, count, redrawn):
    begun = BEGUN if adds_noise(name) else 0
    found = []
    for _ in range(100 * count):
        if len(found) == begun + count:
            return found
        try:
            found.append(wider_case(wider_draw(name, draw, begins=len(found) < begun)))
        except Exception as error:
            redrawn[f"{name}: {reason(error)}"] += 1
    raise RuntimeError(f"{name}: {len(found)} of {begun + count} cases; {dict(redrawn)}")


def noised_case(name, draw):
    """add_noise at one of the timesteps; None for the classes without."""
    if not adds_noise(name):
        return None
    while True:
        config, steps = widened(name, draw), draw.randint(2, 40)
        try:
            scheduler = prepared(name, config, steps, torch.float64)
            index = draw.randrange(len(scheduler.timesteps))
            first4 = noised(scheduler, index, torch.float64).flatten()[:4].tolist()
        except (ValueError, IndexError, AssertionError):
            continue
        if all(map(math.isfinite, first4)):
            return {
                "config": {"_class_name": name, **config},
                "steps": steps,
                "index": index,
                "timestep": float(scheduler.timesteps[index]),
                "first4": first4,
            }


def previous_timesteps(draw):
    """DDPM's previous_timestep of every timestep, for lists of them and for numbers of steps."""
    lists = [[100, 87, 50, 1, 0], *(sorted(draw.sample(range(1000), draw.randint(2, 8)), reverse=True) for _ in range(3))]
    given = [{"timesteps": timesteps} for timesteps in lists]
    found = []
    for options in [*given, *({"num_inference_steps": n} for n in (7, 13, 25, 999))]:
        scheduler = diffusers.DDPMScheduler()
        scheduler.set_timesteps(**options)
        kept = scheduler.timesteps[:10].tolist()
        found.append({**options, "timesteps": kept, "previous": [int(scheduler.previous_timestep(t)) for t in kept]})
    return found


def variance_values(draw):
    """_get_variance at drawn timesteps, of all steps and of 25."""
    found = []
    with doubled():
        for steps in (None, 25):
            scheduler = diffusers.DDPMScheduler()
            if steps:
                scheduler.set_timesteps(steps)
            every = scheduler.timesteps.tolist()
            for t in sorted({0, every[0], *draw.sample(every, 3)}):
                for kind in VARIANCES:
                    value = float(scheduler._get_variance(int(t), torch.tensor(0.3), kind))
                    found.append({"steps": steps, "timestep": int(t), "variance_type": kind, "value": value})
    return found


def alpha_bars(draw):
    found = []
    for name in ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"]:
        for count in (1000, draw.randint(100, 2000)):
            for zero in (False, True):
                config = {"beta_schedule": name, "num_train_timesteps": count, "rescale_betas_zero_snr": zero}
                places = [0, count // 4, count // 2, 3 * count // 4, count - 1]
                single = diffusers.DDPMScheduler(**config).alphas_cumprod[places]
                with doubled():
                    double = diffusers.DDPMScheduler(**config).alphas_cumprod[places]
                found.append({**config, "places": places, "float32": numbers(single), "float64": double.tolist()})
    return found


def upcasting():
    return [name for name in WIDER if "torch.float32" in inspect.getsource(getattr(diffusers, name).step)]


def draw_wider(seed, count):
    """Everything beside `cases`, each part from its own draws of the seed."""
    parts = {key: random.Random(f"{seed} {key}") for key in ("noised", "previous", "variances", "alphaBars")}
    redrawn = Counter()
    made = [case for name in WIDER for case in wider_cases(name, Dealt(f"{seed} {name}"), count, redrawn)]
    return {
        "redrawnWider": dict(redrawn),
        "upcasting": upcasting(),
        "wider": made,
        "noised": [case for name in WIDER if (case := noised_case(name, parts["noised"]))],
        "previousTimesteps": previous_timesteps(parts["previous"]),
        "variances": variance_values(parts["variances"]),
        "alphaBars": alpha_bars(parts["alphaBars"]),
    }


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
            **draw_wider(arguments.seed, arguments.per_class),
        },
        depth=2,
    )
