"""Does acting before a band breaks pay? A vault under one policy after another through 2020 to 2022, hour by hour.

Every policy runs the keeper's own `decide` on real prices of ETH and BTC, the forecasts fitted weekly on hours that had
ended; execution is exact Uniswap V2 at oracle prices and gas. Two markets: one always as deep and as cheap, and one
whose depth falls and whose gas rises with the last hours' volatility. Reads ../shared/data and skips, saying so, when
it is absent. Prints docs/preventative.md. Deterministic.
"""

# ruff: noqa: E402 - numpy reads the number of threads when it is loaded
import os
import sys

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # small matrices lose to threads where cores are shared

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from preventative_parts import prices
from preventative_parts.keepers import GAS_PRICE, WORTH, Basket, Keeper, Levered, Look
from preventative_parts.page import page

from keeper.model import Calendar, Mandate, Policy, Preventative, Threshold, WeightGoal
from keeper.units import BPS, Bps, Wei
from tests import levered, scene
from tests.scene import USDC, WBTC, WETH

START_H = 2_600
"""Hours of history before the first look: what a trusted forecast needs, and a little more. 2020-04-18."""
DEPTH = 100e6
"""Dollars a side of a pool of 0.05 % on a usual day, as if of constant product."""
POLICIES: tuple[tuple[str, Policy], ...] = (
    ("reactive, cheapest", Threshold()),
    ("reactive, to target", Threshold("target")),
    ("calendar, daily", Calendar(86_400)),
    ("preventative, cheapest", Preventative()),
    ("preventative, to target", Preventative(settle="target")),
)
VAULTS = ("levered 1.10/1.25/1.50", "basket ±3 %")
MARKETS = ("steady", "stressed")
CALM_H = {"levered": 4, "basket": 12}
"""Hours between two looks while no hour falls by more than 1 %."""
ANY_GAS = replace(scene.LANES, normal=replace(scene.LANES.normal, max_gas_price=Wei(10**13)))
"""A cap on gas is a policy of its own, and not the one that is judged here."""


def keeper(vault: str, policy: Policy, first: Look) -> Keeper:
    if vault.startswith("basket"):
        third = ((USDC.address, Bps(3_000)), (WETH.address, Bps(4_000)), (WBTC.address, Bps(3_000)))
        rules = scene.mandate(policy=policy, goal=WeightGoal(third, Bps(300)), lanes=ANY_GAS, min_trade=100)
        raw = (round(600_000 * 1e6), round(800_000 / first.eth * 1e18), round(600_000 / first.btc * 1e8))
        return Basket(_slack(rules), holdings=raw)
    low, target, high = map(float, vault.split()[1].split("/"))
    rules = levered.mandate(low, target, high, policy=policy, lanes=ANY_GAS)
    multiple = target / (target - levered.THRESHOLD / BPS)
    collateral, debt = WORTH * multiple / first.eth, WORTH * (multiple - 1.0)
    return Levered(_slack(rules), collateral=round(collateral * 1e18), debt=round(debt * 1e6))


def _slack(rules: Mandate) -> Mandate:
    """Slippage for the market's own moves is not measured here: a plan is carried out as predicted."""
    return replace(rules, max_loss=Bps(100))


def walk(vault: str, market: str, hours: int) -> dict[tuple[str, str, str], Keeper]:
    """Every policy on one vault in one market through the same looks."""
    eth, btc = prices.read("ETH"), prices.read("BTC")
    wild = prices.stress(eth)
    end = min(len(eth.ends), START_H + hours)
    first = Look(eth.ends[START_H - 1], eth.closes[START_H - 1], btc.closes[START_H - 1], DEPTH, GAS_PRICE)
    keepers = {(vault, market, name): keeper(vault, policy, first) for name, policy in POLICIES}
    tokens = [(WETH.address, eth)]
    if vault.startswith("basket"):
        tokens.append((WBTC.address, btc))
    calm_h = CALM_H[vault.split()[0]]
    hours_seen = [h for h in range(START_H, end) if prices.looks(eth, h, calm_h)]
    known = prices.beliefs(tokens, USDC.address, levered.position(1.8), hours_seen)
    for number, (hour, believed) in enumerate(zip(hours_seen, known, strict=True)):
        times = wild[hour] if market == "stressed" else 1.0
        seen = prices.looks(eth, hour, calm_h)
        if vault.startswith("basket"):
            seen = seen[-1:]  # of the other prices only the close is known
        for nth, price in enumerate(seen, 1):
            now = eth.ends[hour] - 900 * (len(seen) - nth)
            look = Look(now, price, btc.closes[hour], DEPTH / times, int(GAS_PRICE * times**2))
            for one in keepers.values():
                one.look(look, believed)
        if number % 2_000 == 0:
            print(f"{vault}, {market}: {hour - START_H:,} of {end - START_H:,} hours", file=sys.stderr, flush=True)
    return keepers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=10**6, help="stop after so many")
    said = parser.parse_args()
    if not prices.DATA.is_dir():
        print("skipped: ../shared/data is absent", file=sys.stderr)
        return 0
    found: dict[tuple[str, str, str], Keeper] = {}
    with ProcessPoolExecutor(len(VAULTS) * len(MARKETS)) as pool:
        cells = [pool.submit(walk, vault, market, said.hours) for vault in VAULTS for market in MARKETS]
        for cell in cells:
            found |= cell.result()
            print(page(cell.result()), file=sys.stderr, flush=True)
    print(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
