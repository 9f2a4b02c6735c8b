"""A problem and the pools in, the cheapest plan with what it was weighed against out."""

from keeper.plan.health import plan_health
from keeper.plan.range_ import plan_range
from keeper.plan.routing.gas import warm_up
from keeper.plan.weights import plan_weights

__all__ = ["plan_health", "plan_range", "plan_weights", "warm_up"]
