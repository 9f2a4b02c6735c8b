"""The ripcord of `LeverageVault`: a levered position and a plan in, what pulling it would do and pay out."""

from dataclasses import dataclass, replace

from eth_abi.abi import encode

from keeper.errors import Refusal
from keeper.model import Plan, Prediction, Snapshot
from keeper.protocols import wire
from keeper.units import BPS, WAD, Address, Amount, Timestamp, bps_down, bps_up
from keeper.vaults import common
from keeper.vaults.leverage import LeverageVault, moved

MIN_CHUNK_BPS = 100
"""Rescue.MIN_CHUNK_BPS: a pull that leaves the emergency on repays at least this part of the debt."""
_SIGNATURE = f"pullRipcord({common.LEGS},{common.LEVERAGE_MOVE},address)"


@dataclass(frozen=True, slots=True)
class Pulled:
    """The vault after a pull, the reward paid; `reward_raw` in raw units of collateral."""

    prediction: Prediction
    reward_raw: int


def pulled(vault: LeverageVault, snapshot: Snapshot, plan: Plan, timestamp: Timestamp) -> Pulled:
    """Exact replay of a pull at `timestamp`. Raises errors.Refusal or errors.Unquotable where the chain reverts."""
    rescue, market = vault.rescue, snapshot.market(vault.market)
    before = market.health_factor(vault.address, timestamp)
    if before >= rescue.ripcord:
        raise Refusal(
            "C-15",
            f"the health factor is {before / WAD:.4f}, anyone may pull the ripcord below {rescue.ripcord / WAD:.4f}",
        )
    after = vault.after(snapshot, plan, timestamp)
    room = _room(vault, after)
    owed = vault.repaid(snapshot, 0, timestamp)
    most = bps_down(owed, rescue.chunk)
    least = bps_up(owed, MIN_CHUNK_BPS) if (after.health_factor or 0) < rescue.ripcord else 0
    if not least <= after.repaid_raw <= most:
        raise Refusal(
            "C-15",
            f"it would repay {after.repaid_raw / max(1, owed):.2%} of the debt, a pull repays at most "
            f"{rescue.chunk / BPS:.2%} and at least {MIN_CHUNK_BPS / BPS:.2%} of it",
        )
    idle, *rest = after.holdings
    freed = max(0, idle.raw - vault.holdings[0])
    reward = min(room, freed, bps_down(after.repaid_raw, rescue.reward))
    paid = replace(after, nav_after=after.nav_after - reward, holdings=(Amount(idle.token, idle.raw - reward), *rest))
    return Pulled(paid, reward)


def _room(vault: LeverageVault, after: Prediction) -> int:
    """What could have been lost besides. Raises Refusal when more was lost than may be."""
    loss = max(0, after.nav_before - after.nav_after)
    share = bps_down(after.repaid_raw, vault.rescue.most_loss)
    if loss > share:
        raise Refusal("C-11u", f"it would lose {loss}, at most {share} for the debt it repays may be")
    left = vault.rescue.budget_raw
    if left is None:  # the rehearsal says
        return share - loss
    if loss > left:
        raise Refusal("C-11b", f"it would lose {loss}, {left} of the rescues' budget are left")
    return min(share, left) - loss


def encode_pull(plan: Plan, reward_to: Address) -> bytes:
    """Calldata of the contract's pullRipcord."""
    legs = [(leg.adapter, leg.pool, leg.token_in, leg.amount_in, leg.min_out) for leg in plan.legs]
    arguments = [legs, common.leverage_move(moved(plan)), reward_to]
    return wire.selector(_SIGNATURE) + encode([common.LEGS, common.LEVERAGE_MOVE, "address"], arguments)
