"""The learning rate and beta1 of every step, as pure functions of the step: nothing to save, nothing to restore."""

import math

from fabula.recipe import Optimizer, Schedule


def rates(schedule: Schedule, optimizer: Optimizer, steps: int, step: int) -> tuple[float, float]:
    """Return the learning rate and beta1 of step `step` (0 is the first) of `steps`."""
    if schedule.kind == "onecycle":
        return _one_cycle(schedule, optimizer, steps, step)
    warmup = schedule.warmup_fraction * steps
    peak = optimizer.learning_rate
    if step + 1 < warmup:
        return peak * (step + 1) / warmup, optimizer.beta1
    if schedule.kind == "constant":
        return peak, optimizer.beta1
    last = peak / schedule.final_div_factor
    if schedule.kind == "trapezoid":
        left = (steps - step - 1) / max(schedule.decay_fraction * steps, 1)
        return last + (peak - last) * min(left, 1.0), optimizer.beta1
    share = (step + 1 - warmup) / max(steps - warmup, 1)
    return _cosine(peak, last, min(share, 1.0)), optimizer.beta1


def _one_cycle(schedule: Schedule, optimizer: Optimizer, steps: int, step: int) -> tuple[float, float]:
    """Smith and Topin's 1cycle policy (2018), with torch's OneCycleLR's two cosine phases and its rounding."""
    peak = optimizer.learning_rate
    first = peak / schedule.div_factor
    last = first / schedule.final_div_factor
    low, high = schedule.beta1_low, schedule.beta1_high
    top = schedule.warmup_fraction * steps - 1
    end = steps - 1
    if step <= top:
        share = step / top if top > 0 else 1.0
        rate, beta1 = _cosine(first, peak, share), _cosine(high, low, share)
    else:
        share = (step - top) / (end - top) if end > top else 1.0
        rate, beta1 = _cosine(peak, last, share), _cosine(low, high, share)
    return rate, beta1 if schedule.cycle_beta1 else optimizer.beta1


def _cosine(start: float, end: float, share: float) -> float:
    """Go from `start` to `end` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
