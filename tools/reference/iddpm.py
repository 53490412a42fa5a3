"""Writes test/fixtures/iddpm.json: terms of the variational bound with a learned variance, by the formulas of Nichol and
Dhariwal's code (improved-diffusion, gaussian_diffusion.py: `_vb_terms_bpd` with LEARNED_RANGE, betas as there, the
distribution function of the normal exact in place of its approximation by tanh), in float64, and the objectives that
they make: MSE + T / 1000 of the term, and T times the term.

Run: python tools/reference/iddpm.py
"""

import math

import numpy as np
from scipy.special import ndtr

from fixture import versions, write_json


def cosine_betas(steps):
    bar = lambda t: math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return np.array([min(1 - bar((i + 1) / steps) / bar(i / steps), 0.999) for i in range(steps)])


def normal_kl(mean1, logvar1, mean2, logvar2):
    return 0.5 * (-1.0 + logvar2 - logvar1 + np.exp(logvar1 - logvar2) + (mean1 - mean2) ** 2 * np.exp(-logvar2))


def discretized_log_likelihood(x, means, log_scales):
    centered = x - means
    inv_stdv = np.exp(-log_scales)
    cdf_plus = ndtr(inv_stdv * (centered + 1.0 / 255.0))
    cdf_min = ndtr(inv_stdv * (centered - 1.0 / 255.0))
    log = lambda p: np.log(np.maximum(p, 1e-12))
    return np.where(x < -0.999, log(cdf_plus), np.where(x > 0.999, log(1.0 - cdf_min), log(cdf_plus - cdf_min)))


def case(rng, steps, t):
    # Rounded to float32 as undiffuse keeps them.
    betas = cosine_betas(steps).astype(np.float32).astype(np.float64)
    bars = np.cumprod(1 - betas)
    previous = np.append(1.0, bars[:-1])
    posterior_variance = betas * (1 - previous) / (1 - bars)
    clipped_log = np.log(np.append(posterior_variance[1], posterior_variance[1:]))
    shape = (2, 1, 3, 3)
    x0 = (rng.integers(0, 256, shape) / 127.5 - 1).astype(np.float32).astype(np.float64)
    x0[0, 0, 0, 0], x0[1, 0, 1, 1] = -1, 1
    eps, wrong, said = (rng.standard_normal(shape).astype(np.float32).astype(np.float64) for _ in range(3))
    said = np.tanh(said).astype(np.float32).astype(np.float64)
    predicted = (eps + 0.1 * wrong).astype(np.float32).astype(np.float64)
    x = math.sqrt(bars[t]) * x0 + math.sqrt(1 - bars[t]) * eps
    coef1 = betas[t] * math.sqrt(previous[t]) / (1 - bars[t])
    coef2 = (1 - previous[t]) * math.sqrt(1 - betas[t]) / (1 - bars[t])
    estimate = math.sqrt(1 / bars[t]) * x - math.sqrt(1 / bars[t] - 1) * predicted
    frac = (said + 1) / 2
    logvar = frac * np.log(betas[t]) + (1 - frac) * clipped_log[t]
    kl = normal_kl(coef1 * x0 + coef2 * x, clipped_log[t], coef1 * estimate + coef2 * x, logvar)
    nll = -discretized_log_likelihood(x0, estimate, 0.5 * logvar)
    term = (nll if t == 0 else kl).mean(axis=(1, 2, 3)) / math.log(2)
    mse = ((eps - predicted) ** 2).mean(axis=(1, 2, 3))
    flat = lambda a: a.reshape(-1).tolist()
    inputs = {"x0": flat(x0), "eps": flat(eps), "predicted": flat(predicted), "said": flat(said)}
    outputs = {"hybrid": flat(mse + term * steps / 1000), "vlb": flat(term * steps)}
    return {"steps": steps, "t": t, "shape": list(shape), **inputs, **outputs}


if __name__ == "__main__":
    rng = np.random.default_rng(7)
    cases = [case(rng, steps, t) for steps, t in [(1000, 0), (1000, 1), (1000, 400), (1000, 990), (50, 0), (50, 20)]]
    write_json("iddpm.json", {"command": "python tools/reference/iddpm.py", "versions": versions(), "cases": cases})
