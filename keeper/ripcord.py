"""A levered vault in danger in, the pull of its ripcord that anyone may make now out, or every reason against one."""

from dataclasses import dataclass

from keeper import guard
from keeper.errors import Refusal, Unquotable
from keeper.model import HealthProblem, Mandate, Plan, Reason, Refused, Snapshot
from keeper.plan.health import plan_pull
from keeper.plan.position import Bounds, Rescuing
from keeper.plan.route import opener
from keeper.units import BPS, Address, Gas, Timestamp
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.ripcord import Pulled, encode_pull, pulled

SLOT_S = 12
"""Seconds from the snapshot to the block that a pull is predicted for."""
CHUNK_MARGIN = 0.999
"""Of the chunk: pools may pay a little more than the oracle's price for what is sold."""
HALVINGS = 6
FLASH_GAS = Gas(180_000)


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull, planned and replayed; the reward goes to whom the calldata names."""

    plan: Plan
    calldata: bytes
    pulled: Pulled


def pull(snapshot: Snapshot, mandate: Mandate, reward_to: Address) -> Pull | Refused:
    """The largest pull towards the mandate's target that the contract takes: a chunk of the debt, halved till it does.

    Neither the keeper's role nor a paused vault stands in the way; a feed that cannot be used does. Deterministic; no
    I/O.
    """
    vault = snapshot.vault(mandate.vault)
    if not isinstance(vault, LeverageVault):
        return _refused(mandate, "C-15", f"a vault of kind {vault.kind!r} owes nothing and has no ripcord")
    try:
        problem = vault.problem(snapshot, mandate)
        if reason := _dead(snapshot, mandate, vault):
            return Refused((reason,))
        first: Refusal | Unquotable | None = None
        for halvings in range(HALVINGS + 1):
            try:
                return _planned(snapshot, mandate, vault, problem, reward_to, 0.5**halvings)
            except (Refusal, Unquotable) as error:
                first = first or error
                if isinstance(error, Refusal) and error.code == "C-15":
                    break
    except Refusal as error:  # such as a lending market without a price of its own
        first = error
    assert first is not None
    return _refused(mandate, first.code if isinstance(first, Refusal) else "K-33", str(first))


def _planned(
    snapshot: Snapshot, mandate: Mandate, vault: LeverageVault, problem: HealthProblem, reward_to: Address, share: float
) -> Pull:
    base = vault.tokens[0].address
    pools = tuple(p for p in vault.venues if not mandate.venues or p in mandate.venues)
    gas_price = snapshot.head.base_fee + mandate.lanes.urgent.tip
    slippage = guard.most_slippage(vault, mandate, urgent=True)
    chunk = problem.debt_raw * problem.debt_price * vault.rescue.chunk / BPS * CHUNK_MARGIN * share
    bounds = Bounds(chunk, 0.0, vault.gas, FLASH_GAS, Rescuing(reward=vault.rescue.reward))
    plan = plan_pull(problem, opener(snapshot, pools, base, gas_price, slippage)(), bounds)
    when = Timestamp(snapshot.head.timestamp + SLOT_S)
    return Pull(plan, encode_pull(plan, reward_to), pulled(vault, snapshot, plan, when))


def _dead(snapshot: Snapshot, mandate: Mandate, vault: LeverageVault) -> Reason | None:
    for token in vault.tokens:
        latest = snapshot.round(token.address)
        if latest.problem:
            return Reason("C-17", f"{mandate.name}: the price of {token.symbol}: {latest.problem}")
    return None


def _refused(mandate: Mandate, code: str, sentence: str) -> Refused:
    return Refused((Reason(code, f"{mandate.name}: {sentence}"),))
