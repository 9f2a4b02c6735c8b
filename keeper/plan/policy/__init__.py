"""The policy values of a mandate, interpreted: when to weigh acting, to which level, and what an action must pass."""

from keeper.plan.policy.chance import Edge, edges
from keeper.plan.policy.collateral import adapted, levels
from keeper.plan.policy.trigger import Seen, Trigger, due, period, pressing, renamed, rescue, trigger
from keeper.plan.policy.words import duration
from keeper.plan.policy.worth import Threat, deferral, running, threat, too_little, too_slow, weighed

__all__ = [
    "Edge",
    "Seen",
    "Threat",
    "Trigger",
    "adapted",
    "deferral",
    "due",
    "duration",
    "edges",
    "levels",
    "period",
    "pressing",
    "renamed",
    "rescue",
    "running",
    "threat",
    "too_little",
    "too_slow",
    "trigger",
    "weighed",
]
