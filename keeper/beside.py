"""A decision in, with the best single pool beside what its plan was weighed against, out."""

from dataclasses import replace

from keeper import guard
from keeper.model import Approved, Decision, Mandate, Snapshot
from keeper.plan.single import best_single
from keeper.plan.tier import Pools, market_of


def with_single_pool(snapshot: Snapshot, mandate: Mandate, decision: Decision) -> Decision:
    """The decision as it is where its plan uses no more than one pool, or no pool could do it alone.

    For whoever is shown it: deciding does not need it, and a block's vaults do not wait for it.
    """
    verdict = decision.verdict
    if not isinstance(verdict, Approved):
        return decision
    vault, plan = snapshot.vault(mandate.vault), verdict.plan
    asked = Pools(guard.most_slippage(vault, mandate, plan.urgent), guard.most_deviation(vault, plan.urgent))
    market = market_of(snapshot, vault, mandate, vault.problem(snapshot, mandate), asked, plan.urgent)()
    found = best_single(market, plan, verdict.prediction.fills, verdict.prediction.nav_before)
    if found is None:
        return decision
    return replace(decision, verdict=replace(verdict, plan=replace(plan, candidates=(*plan.candidates, found))))
