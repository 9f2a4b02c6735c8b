"""The lending market in the world is the real one, configured as the content says, and it lends."""

import pytest

from keeper.errors import Halt
from keeper.units import RAY
from keeper.world import RunningWorld, calls, market
from keeper.world.content import ETH_CORRELATED, FLASH_PREMIUM_BPS, RESERVES, ReserveSpec

ACCOUNT = "(uint256,uint256,uint256,uint256,uint256,uint256)"
VARIABLE = 2


def account_data(running: RunningWorld, role: str) -> tuple[int, int, int, int, int, int]:
    """Collateral, debt, available borrows (US dollars, 8 decimals), threshold, loan-to-value (bps), health factor."""
    found: tuple[int, int, int, int, int, int] = calls.view(
        running.url, running.world.aave.pool, "getUserAccountData(address)", ACCOUNT, running.world.account(role)
    )
    return found


def supply(running: RunningWorld, role: str, symbol: str, amount: int) -> None:
    pool, token = running.world.aave.pool, running.world.token(symbol).address
    market.transact(running, role, token, "approve(address,uint256)", pool, amount)
    order = (token, amount, running.world.account(role), 0)
    market.transact(running, role, pool, "supply(address,uint256,address,uint16)", *order)


def borrow(running: RunningWorld, role: str, symbol: str, amount: int) -> None:
    order = (running.world.token(symbol).address, amount, VARIABLE, 0, running.world.account(role))
    market.transact(running, role, running.world.aave.pool, "borrow(address,uint256,uint256,uint16,address)", *order)


@pytest.mark.parametrize("spec", RESERVES, ids=lambda spec: spec.symbol)
def test_reserves_are_configured_as_the_content_says(world: RunningWorld, spec: ReserveSpec) -> None:
    provider, asset = world.world.aave.data_provider, world.world.token(spec.symbol)
    (decimals, ltv, threshold, bonus, factor, collateral, borrowing, stable, active, frozen) = calls.view(
        world.url,
        provider,
        "getReserveConfigurationData(address)",
        "(uint256,uint256,uint256,uint256,uint256,bool,bool,bool,bool,bool)",
        asset.address,
    )
    assert (decimals, ltv, threshold, bonus, factor) == (
        asset.decimals,
        spec.ltv,
        spec.threshold,
        spec.bonus,
        spec.factor,
    )
    assert (collateral, borrowing, stable, active, frozen) == (True, True, False, True, False)
    caps = calls.view(world.url, provider, "getReserveCaps(address)", "(uint256,uint256)", asset.address)
    assert caps == (spec.borrow_cap, spec.supply_cap)
    assert calls.view(world.url, provider, "getFlashLoanEnabled(address)", "(bool)", asset.address)
    category = calls.view(world.url, provider, "getReserveEModeCategory(address)", "(uint256)", asset.address)
    assert category == spec.emode


@pytest.mark.parametrize("spec", RESERVES, ids=lambda spec: spec.symbol)
def test_rates_are_those_of_the_curve_at_the_utilisation(world: RunningWorld, spec: ReserveSpec) -> None:
    data = calls.view(
        world.url,
        world.world.aave.data_provider,
        "getReserveData(address)",
        "(" + ",".join(["uint256"] * 12) + ")",
        world.world.token(spec.symbol).address,
    )
    usage = spec.borrowed / (spec.supplied + spec.collateral)
    assert 0 < usage < spec.optimal_usage
    expected = float(spec.slope1) * usage / float(spec.optimal_usage)
    assert data[6] / RAY == pytest.approx(expected, rel=0.02)  # a vault and a day's interest came after
    assert 0 < data[5] < data[6]


def test_the_oracle_is_the_feeds_and_counts_in_dollars(world: RunningWorld) -> None:
    oracle = world.world.aave.oracle
    assert calls.view(world.url, oracle, "BASE_CURRENCY_UNIT()", "(uint256)") == 10**8
    for feed in world.world.feeds:
        price = calls.view(
            world.url, oracle, "getAssetPrice(address)", "(uint256)", world.world.token(feed.symbol).address
        )
        assert price == calls.view(world.url, feed.address, "latestAnswer()", "(int256)")


def test_flash_loans_cost_what_mainnet_takes(world: RunningWorld) -> None:
    premium = calls.view(world.url, world.world.aave.pool, "FLASHLOAN_PREMIUM_TOTAL()", "(uint128)")
    assert premium == FLASH_PREMIUM_BPS


def test_an_account_is_valued_by_feed_and_threshold(fork: RunningWorld) -> None:
    supply(fork, "user", "WETH", 10 * 10**18)
    borrow(fork, "user", "USDC", 12_000 * 10**6)
    collateral, debt, _, threshold, ltv, health_factor = account_data(fork, "user")
    # The collateral has earned a block's interest; the debt is a block's old too, and Aave rounds it down to 1e-8 USD.
    assert collateral == pytest.approx(30_000 * 10**8, rel=1e-8)
    assert debt == pytest.approx(12_000 * 10**8, rel=1e-8)
    assert (threshold, ltv) == (8_300, 8_050)
    # percentMul and wadDiv both round half up.
    assert health_factor == ((collateral * 8_300 + 5_000) // 10_000 * 10**18 + debt // 2) // debt
    market.push_price(fork, "WETH", 1_500.0)
    fallen = account_data(fork, "user")
    assert fallen[0] == pytest.approx(15_000 * 10**8, rel=1e-7)
    assert fallen[5] < 104 * 10**16
    market.push_price(fork, "WETH", 3_000.0)


def test_debt_grows_with_the_chain_clock(fork: RunningWorld) -> None:
    before = account_data(fork, "borrower")[1]
    market.mine(fork, seconds=30 * 86_400)
    assert account_data(fork, "borrower")[1] > before


def test_emode_lends_more_against_what_moves_together(fork: RunningWorld) -> None:
    pool = fork.world.aave.pool
    supply(fork, "trader", "wstETH", 10 * 10**18)
    too_much = 10_500 * 10**15  # 89 % of the collateral's value: above 78.5 %, below the category's 93 %
    with pytest.raises(Halt, match="36"):  # COLLATERAL_CANNOT_COVER_NEW_BORROW
        borrow(fork, "trader", "WETH", too_much)
    market.transact(fork, "trader", pool, "setUserEMode(uint8)", ETH_CORRELATED)
    assert account_data(fork, "trader")[3:5] == (9_500, 9_300)
    borrow(fork, "trader", "WETH", too_much)
    assert account_data(fork, "trader")[5] > 10**18
