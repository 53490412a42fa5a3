"""Writes test/fixtures/scheduler-cases.json: configurations of diffusers' schedulers chosen by a seed from all that
their keys accept, run in the pipelines' loop.

Run: python tools/reference/scheduler_cases.py [--seed 20261127] [--per-class 8]
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
    "sample": "x[i] = sin(i + 1), noise[i] = cos(2 i + 1) over the flat index, shape [2, 3, 4, 4]",
    "model": "model(x, t) = 0.6 cos(t / 300) x + 0.1 sin(t / 100)",
    "loop": "x = sample * init_noise_sigma; for t in timesteps: x = step(model(scale_model_input(x, t), t), t, x)",
    "begin": "x = add_noise(sample, noise, timesteps[begin]), then the loop over timesteps[begin:]; twice begin where "
    "the class evaluates twice a step; scale_noise where there is no add_noise",
    "random": "step noise in float32 from one torch generator, manual_seed(0), or torch's own where step takes none",
    "variance": "the second half of the model's channels is 0.9 sin(3 x) with variance_type learned_range, "
    "0.05 + 0.04 sin(3 x) with learned",
    "figures": "samples, model and steps in float64 over diffusers' float32 tables and sigmas, except where its step "
    "rounds the sample to float32; first4 and last of the end in NCHW order; trace is the sum of |x| after every "
    "evaluation; sum and mean of |x| at the end; keys at the class's defaults are left out",
    "rounding": "how far float32 samples, or tables in float64, move the figures: the largest relative change of the "
    "trace and of first4, last (to the mean of |x| where they are below it); configurations over 1e-5 are drawn again",
    "redrawn": "how many configurations were drawn again, by class and reason",
    "options": "keyword arguments of step; s_churn is left at 0, as diffusers adds its noise after the evaluation",
    "noised": "add_noise(sample, noise, timesteps[index]) after set_timesteps(steps), float64 over float32 tables",
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


# The second half of the channels, by variance_type: the variance itself has to be positive.
SAID_VARIANCES = {"learned_range": lambda x: 0.9 * torch.sin(3 * x), "learned": lambda x: 0.05 + 0.04 * torch.sin(3 * x)}
VARIANCES = ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"]


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


# A knob draws some keys of a configuration.


def one_of(**keys):
    return lambda draw: {key: draw.choice(options) for key, options in keys.items()}


def rarely(**keys):
    return lambda draw: draw.choice([{}, {}, {}, {}, keys])


def schedule(draw):
    return {
        "beta_schedule": draw.choice(["linear", "scaled_linear", "squaredcos_cap_v2"]),
        "num_train_timesteps": draw.choice([1000, 1000, draw.randint(100, 2000)]),
        "beta_start": round(10 ** draw.uniform(-4.3, -2.7), 6),
        "beta_end": round(draw.uniform(0.005, 0.03), 5),
        "prediction_type": draw.choice(["epsilon", "epsilon", "v_prediction", "sample"]),
    }


spacing = one_of(timestep_spacing=["leading", "linspace", "trailing"], steps_offset=[0, 0, 1, 2])


def thresholding(draw):
    return {
        "thresholding": True,
        "dynamic_thresholding_ratio": draw.choice([0.9, 0.995]),
        "sample_max_value": draw.choice([1.0, 1.5]),
    }


def sometimes_thresholding(draw):
    return draw.choice([{}, {}, thresholding(draw)])


def clipping(draw):
    kinds = [{"clip_sample": True, "clip_sample_range": draw.choice([1.0, 2.0])}, {}, thresholding(draw)]
    return {"clip_sample": False, **draw.choice(kinds)}


zero_snr = rarely(rescale_betas_zero_snr=True, prediction_type="v_prediction")
to_one = one_of(set_alpha_to_one=[True, False])
final = one_of(final_sigmas_type=["zero", "sigma_min"])
falling = one_of(lower_order_final=[True, False])
order = one_of(solver_order=[1, 2, 3])
given_ends = rarely(sigma_min=0.03, sigma_max=12.5, use_karras_sigmas=True)
clipped_lambda = rarely(lambda_min_clipped=-5.1)


def respaced(*more):
    def knob(draw):
        key = draw.choice([None, "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", *more])
        if key != "use_flow_sigmas":
            return {key: True} if key else {}
        shift = draw.choice([1.0, 3.0, round(draw.uniform(0.5, 5), 2)])
        return {key: True, "prediction_type": "flow_prediction", "flow_shift": shift}

    return knob


def dpm(algorithms):
    def knob(draw):
        algorithm = draw.choice(algorithms)
        config = {"algorithm_type": algorithm, "solver_type": draw.choice(["midpoint", "heun"]), **falling(draw)}
        config["solver_order"] = draw.choice([1, 2] if algorithm.startswith("sde") else [1, 2, 3])
        # diffusers refuses the others
        return {**config, **(final(draw) if algorithm.endswith("++") else {"final_sigmas_type": "sigma_min"})}

    return knob


def karras_range(draw):
    return {
        "sigma_min": round(10 ** draw.uniform(-3, -1.5), 5),
        "sigma_max": round(draw.uniform(5, 100), 2),
        "sigma_data": draw.choice([0.5, 1.0, 0.3]),
        "rho": round(draw.uniform(3, 9), 1),
        "sigma_schedule": draw.choice(["karras", "exponential"]),
        "prediction_type": draw.choice(["epsilon", "v_prediction"]),
    }


distilled = one_of(
    set_alpha_to_one=[True, False], original_inference_steps=[50, 50, 40, 100], timestep_scaling=[10.0, 5.0]
)


def shifted(draw):
    return {"shift": round(draw.uniform(0.5, 5), 2), "num_train_timesteps": draw.choice([1000, draw.randint(100, 2000)])}


def dynamic(draw):
    kinds = ({"use_dynamic_shifting": True, "time_shift_type": kind} for kind in ("exponential", "linear"))
    return draw.choice([{}, {}, *kinds])


ANY_DPM = ["dpmsolver", "dpmsolver++", "dpmsolver++", "sde-dpmsolver++", "sde-dpmsolver"]
RATIO = [schedule, spacing, respaced()]
CLASSES = {
    "DDPMScheduler": [schedule, spacing, clipping, one_of(variance_type=VARIANCES), zero_snr],
    "DDIMScheduler": [schedule, spacing, clipping, to_one, zero_snr],
    "DDIMInverseScheduler": [schedule, spacing, clipping, to_one, zero_snr],
    "PNDMScheduler": [schedule, spacing, to_one, one_of(skip_prk_steps=[True, True, False])],
    "EulerDiscreteScheduler": [
        *RATIO,
        final,
        rarely(interpolation_type="log_linear"),
        given_ends,
        rarely(timestep_type="continuous", prediction_type="v_prediction"),
        zero_snr,
    ],
    "EulerAncestralDiscreteScheduler": [schedule, spacing, zero_snr],
    "HeunDiscreteScheduler": [*RATIO, rarely(clip_sample=True, clip_sample_range=1.5, prediction_type="sample")],
    "LMSDiscreteScheduler": RATIO,
    "KDPM2DiscreteScheduler": RATIO,
    "KDPM2AncestralDiscreteScheduler": RATIO,
    "DPMSolverMultistepScheduler": [
        schedule,
        spacing,
        sometimes_thresholding,
        dpm(ANY_DPM),
        rarely(euler_at_final=True),
        zero_snr,
        respaced("use_lu_lambdas", "use_flow_sigmas"),
        clipped_lambda,
        rarely(variance_type="learned_range"),
    ],
    "DPMSolverSinglestepScheduler": [
        schedule,
        sometimes_thresholding,
        dpm(["dpmsolver", "dpmsolver++", "sde-dpmsolver++"]),
        respaced("use_flow_sigmas"),
        clipped_lambda,
        rarely(variance_type="learned_range"),
    ],
    "DEISMultistepScheduler": [schedule, spacing, sometimes_thresholding, order, falling, respaced("use_flow_sigmas")],
    "UniPCMultistepScheduler": [
        schedule,
        spacing,
        final,
        sometimes_thresholding,
        order,
        falling,
        one_of(solver_type=["bh1", "bh2"], predict_x0=[True, True, False]),
        zero_snr,
        respaced("use_flow_sigmas"),
        rarely(disable_corrector=[0, 1]),
        given_ends,
    ],
    "EDMEulerScheduler": [karras_range, final],
    "EDMDPMSolverMultistepScheduler": [
        karras_range,
        dpm(["dpmsolver++", "sde-dpmsolver++"]),
        sometimes_thresholding,
        rarely(euler_at_final=True),
    ],
    "LCMScheduler": [schedule, clipping, distilled, zero_snr],
    "TCDScheduler": [schedule, clipping, distilled, zero_snr],
    "FlowMatchEulerDiscreteScheduler": [
        shifted,
        respaced(),
        rarely(stochastic_sampling=True),
        rarely(invert_sigmas=True),
        rarely(shift_terminal=0.1),
        dynamic,
    ],
    "FlowMatchHeunDiscreteScheduler": [shifted],
}
OPTIONS = {
    "DDIMScheduler": [one_of(eta=[0.0, 0.0, 0.5, 1.0]), rarely(use_clipped_model_output=True)],
    "TCDScheduler": [one_of(eta=[0.0, 0.3, 0.8])],
    "LMSDiscreteScheduler": [lambda draw: draw.choice([{}, {"order": 2}, {"order": 3}])],
}


def drawn_keys(knobs, draw):
    found = {}
    for knob in knobs:
        found.update(knob(draw))
    return found


def configuration(name, draw):
    """Keys that the class has, at other values than its defaults."""
    parameters = inspect.signature(getattr(diffusers, name).__init__).parameters
    config = drawn_keys(CLASSES[name], draw)
    return {key: value for key, value in config.items() if key in parameters and value != parameters[key].default}


SINGLES = torch.float32, np.float32
RANDN = torch.randn


def float32_randn(*arguments, dtype=None, **options):
    """The same noise whatever the precision."""
    return RANDN(*arguments, dtype=SINGLES[0], **options).to(dtype)


torch.randn = float32_randn
torch.randn_like = lambda x, **options: float32_randn(x.shape, dtype=x.dtype)


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


# How far rounding may move the figures that are kept.
CONDITIONED = 1e-5


def measured(drawn):
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


def drawn_case(name, draw, begins):
    draw.asked.clear()
    steps = draw.choice([draw.randint(2, 12), draw.randint(2, 40)] if begins else [draw.randint(1, 12), draw.randint(1, 40)])
    return {
        "name": name,
        "config": configuration(name, draw),
        "steps": steps,
        "options": drawn_keys(OPTIONS.get(name, []), draw),
        "begin": draw.randrange(1, steps) if begins else 0,
    }


def cases(name, draw, count, redrawn):
    begun = BEGUN if adds_noise(name) else 0
    found = []
    for _ in range(100 * count):
        if len(found) == begun + count:
            return found
        try:
            found.append(measured(drawn_case(name, draw, begins=len(found) < begun)))
        except Exception as error:
            redrawn[f"{name}: {reason(error)}"] += 1
    raise RuntimeError(f"{name}: {len(found)} of {begun + count} cases; {dict(redrawn)}")


def noised_case(name, draw):
    """add_noise at one of the timesteps; None for the classes without."""
    if not adds_noise(name):
        return None
    while True:
        draw.asked.clear()
        config, steps = configuration(name, draw), draw.randint(2, 40)
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


def alpha_bars(draw):
    found = []
    for name in ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"]:
        for count in (1000, draw.randint(100, 2000)):
            for zero in (False, True):
                config = {"beta_schedule": name, "num_train_timesteps": count, "rescale_betas_zero_snr": zero}
                places = [0, count // 4, count // 2, 3 * count // 4, count - 1]
                single = diffusers.DDPMScheduler(**config).alphas_cumprod[places]
                with doubled():
                    double = diffusers.DDPMScheduler(**config).alphas_cumprod[places]
                found.append({**config, "places": places, "float32": numbers(single), "float64": double.tolist()})
    return found


def drawn(seed, count):
    """Every part from its own draws of the seed."""
    redrawn = Counter()
    made = [case for name in CLASSES for case in cases(name, Dealt(f"{seed} {name}"), count, redrawn)]
    noised_cases = (noised_case(name, Dealt(f"{seed} noised {name}")) for name in CLASSES)
    return {
        "redrawn": dict(redrawn),
        "cases": made,
        "noised": [case for case in noised_cases if case],
        "alphaBars": alpha_bars(random.Random(f"{seed} alphaBars")),
    }


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    diffusers.logging.set_verbosity_error()
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--per-class", type=int, default=8)
    parser.add_argument("--name", default="scheduler-cases.json", help="in test/fixtures")
    arguments = parser.parse_args()
    command = f"python tools/reference/scheduler_cases.py --seed {arguments.seed} --per-class {arguments.per_class}"
    made = {"command": command, "versions": versions(), "setup": SETUP, **drawn(arguments.seed, arguments.per_class)}
    write_json(arguments.name, made, depth=2)
