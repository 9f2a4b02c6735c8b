"""Quantities, chances and times in, the words of a reason out."""

from keeper.model import Quantity
from keeper.plan.policy.chance import HEALTH, Edge
from keeper.units import NO_DEBT, SECONDS_PER_DAY


def level(name: str, value: float) -> str:
    """The value of a watched quantity: a health factor as it is, a weight or a share as a percentage."""
    if name == HEALTH:
        return "no debt" if value >= NO_DEBT else f"{value:.3f}"
    return f"{100 * value:.2f} %"


def standing(one: Quantity) -> str:
    """`health factor 1.469 is outside its band, 1.500 … 2.250`."""
    side = "inside" if one.low <= one.value <= one.high else "outside"
    band = f"{level(one.name, one.low)} … {level(one.name, one.high)}"
    return f"{one.name} {level(one.name, one.value)} is {side} its band, {band}"


def percent(chance: float) -> str:
    """`43 %`; `0.4 %` where whole ones would hide it."""
    whole = 100.0 * chance
    return f"{whole:.0f} %" if whole >= 9.5 or whole == 0.0 else f"{whole:.1f} %"


def reaching(edge: Edge, horizon_s: int) -> str:
    """`health factor reaches 1.500 within 24 h with probability 43 %`."""
    name = edge.quantity.name
    likely = f"with probability {percent(edge.chance)}"
    return f"{name} reaches {level(name, edge.barrier)} within {duration(horizon_s)} {likely}"


def duration(seconds: float) -> str:
    """In the largest unit that leaves a number of two or more, or exactly one."""
    for unit, size in (("d", SECONDS_PER_DAY), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
