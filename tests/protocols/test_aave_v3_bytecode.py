"""Aave V3 balances, health factors and refusals against the deployed market, over random sequences of actions."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from keeper import errors
from keeper.model import MarketAction
from keeper.protocols import aave_v3_reading
from keeper.protocols.aave_v3 import AaveV3Market
from keeper.units import RAY, UINT256_MAX, Address, Timestamp, address

ADMIN = "0x00000000000000000000000000000000000000ad"
NOBODY = "0x" + "00" * 20
LENDER, STRANGER = Address("0x" + "1e" * 20), Address("0x" + "5a" * 20)
ACCOUNTS = tuple(Address("0x" + f"{n:02x}" * 20) for n in (0xA1, 0xB2, 0xC3))
AAVE = Path("@aave/core-v3/artifacts/contracts")
LOGIC = AAVE / "protocol/libraries/logic"
FEED = Path(__file__).resolve().parents[2] / "keeper/abi/WorldFeed.json"
VARIABLE, STABLE = 2, 1
CATEGORY = 1
DAY = 86_400
RESERVES = {  # decimals, price in 1e8 dollars, loan-to-value, threshold, bonus, in the e-mode category
    "WETH": (18, 3_000 * 10**8, 8_000, 8_250, 10_500, True),
    "WBTC": (8, 60_000 * 10**8, 7_000, 7_500, 11_000, False),
    "USDC": (6, 10**8, 7_700, 8_000, 10_450, False),
    "wstETH": (18, 3_540 * 10**8, 7_500, 8_000, 10_700, True),
}


@dataclass
class Market:
    """A deployed market with four reserves, and what was looked up of it."""

    chain: Any
    provider: str
    pool: Address
    configurator: str
    receiver: str
    feeds: dict[Address, str] = field(default_factory=dict)
    assets: tuple[Address, ...] = ()
    tokens: dict[Address, tuple[str, str]] = field(default_factory=dict)
    facts: Any = None

    def look_up(self) -> None:
        listed = self.chain.ask(aave_v3_reading.listing(self.pool, ACCOUNTS))
        self.facts = self.chain.ask(aave_v3_reading.facts(listed, self.assets))

    def read(self) -> AaveV3Market:
        market: AaveV3Market = self.chain.ask(aave_v3_reading.observe(self.facts))
        return market

    @property
    def now(self) -> Timestamp:
        return Timestamp(self.chain.timestamp)

    def do(self, action: MarketAction) -> None:
        """The action as a transaction of the account itself."""
        asset, amount, who = action.asset, action.amount_raw, action.account
        if action.verb == "supply":
            self.chain.send(self.pool, "supply(address,uint256,address,uint16)", asset, amount, who, 0, caller=who)
        elif action.verb == "withdraw":
            self.chain.send(self.pool, "withdraw(address,uint256,address)", asset, amount, who, caller=who)
        elif action.verb == "borrow":
            order = (asset, amount, VARIABLE, 0, who)
            self.chain.send(self.pool, "borrow(address,uint256,uint256,uint16,address)", *order, caller=who)
        elif action.verb == "repay":
            order = (asset, amount, VARIABLE, who)
            self.chain.send(self.pool, "repay(address,uint256,uint256,address)", *order, caller=who)
        else:
            order = (self.receiver, asset, amount, b"", 0)
            self.chain.send(self.pool, "flashLoanSimple(address,address,uint256,bytes,uint16)", *order, caller=who)

    def balances(self, account: Address, asset: Address) -> tuple[int, ...]:
        """aToken and variable debt, as the tokens themselves say."""
        if asset not in self.tokens:
            words = self.chain.view(self.pool, "getReserveData(address)", ",".join(["uint256"] * 15), asset)
            self.tokens[asset] = (f"0x{words[8]:040x}", f"0x{words[10]:040x}")
        return tuple(self.chain.view(token, "balanceOf(address)", "uint256", account) for token in self.tokens[asset])

    def configure(self, function: str, types: str, *values: Any) -> None:
        self.chain.send(self.configurator, f"{function}({types})", *values)


@pytest.fixture
def make_market(make_chain):
    def make(draw: random.Random, isolated: str = "") -> Market:
        chain = make_chain()
        market = _deploy(chain)
        _list(market, draw)
        if isolated:
            at = list(RESERVES).index(isolated)
            market.configure("setDebtCeiling", "address,uint256", market.assets[at], 10**9)
        for account in (*ACCOUNTS, LENDER, STRANGER):
            for asset in market.assets:
                chain.send(asset, "mint(address,uint256)", account, 10**32)
                chain.send(asset, "approve(address,uint256)", market.pool, UINT256_MAX, caller=account)
        _endow(market)
        for account in ACCOUNTS:
            chain.send(market.pool, "setUserEMode(uint8)", draw.choice([0, CATEGORY]), caller=account)
        market.look_up()
        return market

    return make


def _deploy(chain: Any) -> Market:
    links: dict[str, str] = {}
    for name in ("Borrow", "Bridge", "Configurator", "EMode", "FlashLoan", "Liquidation", "Pool", "Supply"):
        links[f"{name}Logic"] = chain.deploy(LOGIC / f"{name}Logic.sol/{name}Logic.json", links=links)
    market = AAVE / "protocol"
    provider = chain.deploy(_in(market / "configuration/PoolAddressesProvider"), "string,address", "test", ADMIN)
    chain.send(provider, "setACLAdmin(address)", ADMIN)
    acl = chain.deploy(_in(market / "configuration/ACLManager"), "address", provider)
    chain.send(provider, "setACLManager(address)", acl)
    chain.send(acl, "addPoolAdmin(address)", ADMIN)
    chain.send(acl, "addEmergencyAdmin(address)", ADMIN)
    pool = chain.deploy(_in(market / "pool/Pool"), "address", provider, links=links)
    chain.send(provider, "setPoolImpl(address)", pool)
    configurator = chain.deploy(_in(market / "pool/PoolConfigurator"), links=links)
    chain.send(provider, "setPoolConfiguratorImpl(address)", configurator)
    data_provider = chain.deploy(_in(AAVE / "misc/AaveProtocolDataProvider"), "address", provider)
    chain.send(provider, "setPoolDataProvider(address)", data_provider)
    receiver = chain.deploy(
        AAVE / "mocks/flashloan/MockSimpleFlashLoanReceiver.sol/MockFlashLoanSimpleReceiver.json", "address", provider
    )
    proxies = [chain.view(provider, f"get{name}()", "address") for name in ("Pool", "PoolConfigurator")]
    return Market(chain, provider, address(proxies[0]), proxies[1], receiver)


def _in(path: Path) -> Path:
    return path.with_suffix(".sol") / f"{path.name}.json"


def _list(market: Market, draw: random.Random) -> None:
    """Lists the reserves with random rate curves, and an e-mode category with a price source of its own."""
    chain, tokens = market.chain, AAVE / "protocol/tokenization"
    implementations = [
        chain.deploy(_in(tokens / name), "address", market.pool)
        for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    ]
    for symbol, (decimals, price, *_) in RESERVES.items():
        asset = address(chain.token(decimals, symbol))
        market.feeds[asset] = chain.deploy(FEED, "string,uint8,int256", symbol, 8, price)
        optimal = draw.choice([RAY // 2, RAY * 45 // 100, RAY * 9 // 10])
        curve = (optimal, draw.choice([0, RAY // 100]), RAY // draw.randint(10, 40), RAY * draw.randint(1, 3))
        strategy = chain.deploy(
            _in(AAVE / "protocol/pool/DefaultReserveInterestRateStrategy"),
            "address" + ",uint256" * 9,
            market.provider,
            *curve,
            *(RAY // 20, RAY, RAY // 50, RAY // 10, RAY // 5),
        )
        names = [f"{kind} {symbol}" for kind in ("a", "a", "v", "v", "s", "s")]
        listing = (*implementations, decimals, strategy, asset, ADMIN, NOBODY, *names, b"")
        kinds = "address,address,address,uint8,address,address,address,address" + ",string" * 6 + ",bytes"
        market.configure("initReserves", f"({kinds})[]", [listing])
        market.assets = (*market.assets, asset)
    own_price = address(chain.token(18, "ETH price"))
    market.feeds[own_price] = chain.deploy(FEED, "string,uint8,int256", "ETH", 8, 3_100 * 10**8)
    oracle = chain.deploy(
        _in(AAVE / "misc/AaveOracle"),
        "address,address[],address[],address,address,uint256",
        market.provider,
        list(market.feeds),
        list(market.feeds.values()),
        NOBODY,
        NOBODY,
        10**8,
    )
    chain.send(market.provider, "setPriceOracle(address)", oracle)
    category = (CATEGORY, 9_000, 9_300, 10_200, draw.choice([NOBODY, own_price]), "ETH")
    market.configure("setEModeCategory", "uint8,uint16,uint16,uint16,address,string", *category)
    for asset, (_, _, ltv, threshold, bonus, correlated) in zip(market.assets, RESERVES.values(), strict=True):
        market.configure(
            "configureReserveAsCollateral", "address,uint256,uint256,uint256", asset, ltv, threshold, bonus
        )
        for function in ("setReserveBorrowing", "setReserveFlashLoaning", "setReserveStableRateBorrowing"):
            market.configure(function, "address,bool", asset, True)
        market.configure("setReserveFactor", "address,uint256", asset, draw.choice([0, 1_000, 3_333]))
        if correlated:
            market.configure("setAssetEModeCategory", "address,uint8", asset, CATEGORY)
    if draw.random() < 0.5:
        market.configure("setSiloedBorrowing", "address,bool", market.assets[1], True)
    market.configure("updateFlashloanPremiumTotal", "uint128", draw.choice([0, 5, 9]))
    market.configure("updateFlashloanPremiumToProtocol", "uint128", draw.choice([0, 4_000, 10_000]))


def _endow(market: Market) -> None:
    """A lender supplies every reserve; a stranger owes some at both kinds of rate. Nobody follows them."""
    weth, _, usdc, wsteth = market.assets
    for asset, (decimals, *_) in zip(market.assets, RESERVES.values(), strict=True):
        market.do(MarketAction("supply", LENDER, asset, 10_000 * 10**decimals))
    market.do(MarketAction("supply", STRANGER, weth, 10_000 * 10**18))
    for asset, amount, mode in ((weth, 10**21, VARIABLE), (usdc, 500 * 10**6, STABLE), (wsteth, 2 * 10**21, VARIABLE)):
        order = (asset, amount, mode, 0, STRANGER)
        market.chain.send(market.pool, "borrow(address,uint256,uint256,uint16,address)", *order, caller=STRANGER)
        market.chain.wait(1_000)


def test_every_action_leaves_what_the_chain_leaves(make_market, deep):
    draw = random.Random(40_401)
    seen: Counter[str] = Counter()
    wanted = 10_000 if deep else 2_000
    while seen["done"] < wanted:
        market = make_market(draw)
        now = market.read()
        for _ in range(250):
            now = _one_step(market, now, draw, seen)
            _compare(market, now, seen)
    print(dict(seen))
    for verb in ("supply", "withdraw", "borrow", "repay", "flash"):
        assert seen[verb] > wanted // 20
    assert seen["in e-mode with debt"] > wanted // 20
    for code in ("26", "28", "29", "30", "32", "35", "36", "39", "50", "51", "58", "89", "91", "LIQUIDITY"):
        assert seen[f"refused {code}"], f"no refusal {code}: the draw no longer reaches it"


def _compare(market: Market, predicted: AaveV3Market, seen: Counter[str]) -> None:
    """Every balance and every account's data, predicted without reading since the last change from outside."""
    for account in ACCOUNTS:
        answer = market.chain.view(market.pool, "getUserAccountData(address)", ",".join(["uint256"] * 6), account)
        assert predicted.account_data(account, market.now) == answer
        assert predicted.health_factor(account, market.now) == answer[5]
        for asset in market.assets:
            expected = market.balances(account, asset)
            now = market.now
            assert (predicted.collateral(account, asset, now), predicted.debt(account, asset, now)) == expected
        modes = {a.address: a.category for a in predicted.accounts}
        seen.update({"accounts compared": 1, "in e-mode with debt": bool(modes[account] and answer[1])})


def _one_step(market: Market, before: AaveV3Market, draw: random.Random, seen: Counter[str]) -> AaveV3Market:
    """An action by an account, time passing, or a change from outside; the market as it then is."""
    kind = draw.random()
    if kind < 0.15:
        market.chain.wait(draw.choice([1, 2, 3, 12, 3_600, DAY, 30 * DAY, 900 * DAY]))
        return before
    if kind < 0.25:
        _change(market, draw)
        market.look_up()
        return market.read()
    action = _action(market, before, draw)
    after, code = _attempt(before, action, market.now)
    if after is None:
        with pytest.raises(market.chain.Reverted) as reverted:
            market.do(action)
        # Aave's reasons are Error(string): the length in a word, the digits at the start of the next.
        assert not code.isdigit() or f"{len(code):064x}{code.encode().hex()}00" in str(reverted.value), code
        seen[f"refused {code}"] += 1
        return before
    market.do(action)
    assert after == market.read()
    seen.update(["done", action.verb])
    return after


def _attempt(market: AaveV3Market, action: MarketAction, now: Timestamp) -> tuple[AaveV3Market | None, str]:
    try:
        return market.after(action, now), ""
    except errors.Refusal as refusal:
        return None, refusal.code


def _action(market: Market, before: AaveV3Market, draw: random.Random) -> MarketAction:
    verb = draw.choice(["supply", "withdraw", "borrow", "repay", "flash"])
    account, at = draw.choice(ACCOUNTS), draw.randrange(4)
    if verb == "repay" and draw.random() < 0.8:
        at = max(range(4), key=lambda i: before.debt(account, market.assets[i], market.now) > draw.randrange(9))
    asset, unit = market.assets[at], 10 ** list(RESERVES.values())[at][0]
    whole = {
        "supply": 1_000 * unit,
        "withdraw": before.collateral(account, asset, market.now),
        "borrow": draw.choice([unit, 100 * unit, before.available(asset)]),
        "repay": before.debt(account, asset, market.now),
        "flash": before.available(asset),
    }[verb]
    amount = draw.choice([whole, draw.randrange(whole + 1), draw.randrange(whole + 1), whole + 1, draw.randrange(3)])
    if verb in ("withdraw", "repay") and draw.random() < 0.1:
        amount = UINT256_MAX
    return MarketAction(verb, account, asset, amount)


def _change(market: Market, draw: random.Random) -> None:
    """Something that only reading again can tell: prices, e-modes, and what governance does."""
    asset = draw.choice(market.assets)
    what = draw.randrange(9)
    if what <= 2:
        feed = draw.choice(list(market.feeds.values()))
        last = market.chain.view(feed, "latestAnswer()", "int256")
        market.chain.send(feed, "pushRound(int256)", max(1, int(last * draw.uniform(0.7, 1.3))))
    elif what == 3:
        for function in ("setReserveFreeze", "setReservePause"):
            market.configure(function, "address,bool", asset, draw.random() < 0.3)
    elif what == 4:
        market.configure("setReserveFlashLoaning", "address,bool", asset, draw.random() < 0.6)
    elif what == 5:
        market.configure("setSupplyCap", "address,uint256", asset, draw.choice([0, 1, 20_000, 10**9]))
        market.configure("setBorrowCap", "address,uint256", asset, draw.choice([0, 1, 3_000, 10**9]))
    elif what == 6:
        figures = draw.choice([(0, 8_000, 10_500), (7_000, 7_500, 11_000), (7_000, 7_500, 11_000)])
        market.configure("configureReserveAsCollateral", "address,uint256,uint256,uint256", asset, *figures)
    elif what == 7:
        stable, borrowing = False, draw.random() < 0.8
        market.configure("setReserveStableRateBorrowing", "address,bool", asset, stable)
        market.configure("setReserveBorrowing", "address,bool", asset, borrowing)
    else:
        _switch_mode(market, draw)


def _switch_mode(market: Market, draw: random.Random) -> None:
    """An account turns e-mode on or off, where the market lets it."""
    try:
        order = draw.choice([0, CATEGORY])
        market.chain.send(market.pool, "setUserEMode(uint8)", order, caller=draw.choice(ACCOUNTS))
    except market.chain.Reverted:
        return


def _supplied(market: Market, account: Address, at: int, amount: int) -> MarketAction:
    action = MarketAction("supply", account, market.assets[at], amount)
    market.do(action)
    return action


def test_a_market_that_outgrew_its_facts_asks_to_be_looked_up_again(make_market):
    market = make_market(random.Random(5))
    market.assets = market.assets[:1]
    market.look_up()
    assert [reserve.asset for reserve in market.read().reserves] == list(market.assets)
    other = market.chain.view(market.pool, "getReservesList()", "address[]")[2]
    market.do(MarketAction("supply", ACCOUNTS[1], address(other), 10**9))
    with pytest.raises(errors.Retry, match="uses another reserve; look it up again"):
        market.read()
    market.look_up()
    assert len(market.read().reserves) == 2
    mode = market.chain.view(market.pool, "getUserEMode(address)", "uint256", ACCOUNTS[0])
    for account in ACCOUNTS:
        market.chain.send(market.pool, "setUserEMode(uint8)", 0, caller=account)
    market.look_up()
    market.chain.send(market.pool, "setUserEMode(uint8)", CATEGORY, caller=ACCOUNTS[0])
    assert mode in (0, CATEGORY)
    with pytest.raises(errors.Retry, match="is in another e-mode category; look it up again"):
        market.read()


def test_a_debt_at_the_stable_rate_is_named(make_market):
    market = make_market(random.Random(6))
    with pytest.raises(errors.BadInput, match="at the stable rate, which the keeper does not follow"):
        market.chain.ask(aave_v3_reading.observe(replace(market.facts, accounts=(STRANGER,))))


def test_an_asset_that_is_not_listed_is_named(make_market):
    market = make_market(random.Random(7))
    market.assets = (*market.assets, STRANGER)
    with pytest.raises(errors.BadInput, match=f"does not list {STRANGER}: check the vault's tokens"):
        market.look_up()


def test_an_account_that_is_no_market_is_named(make_chain):
    with pytest.raises(errors.BadInput, match="does not answer as an Aave V3 pool does"):
        make_chain().ask(aave_v3_reading.listing(STRANGER, ACCOUNTS))


def test_what_was_not_read_is_refused(make_market):
    market = make_market(random.Random(8)).read()
    with pytest.raises(errors.Refusal, match=f"the account {STRANGER} was not read"):
        market.health_factor(STRANGER, market.reserves[0].updated_at)
    with pytest.raises(errors.Refusal, match=f"the asset {STRANGER} was not read"):
        market.price(STRANGER)
    with pytest.raises(ValueError, match="asked for the earlier"):
        market.reserves[0].income_index(Timestamp(market.reserves[0].updated_at - 1))


def test_a_sentinel_that_forbids_borrowing_is_heard(make_market):
    """The sequencer is down: the sentinel answers no."""
    market = make_market(random.Random(9))
    sequencer = market.chain.deploy(_in(AAVE / "mocks/oracle/SequencerOracle"), "address", ADMIN)
    market.chain.send(sequencer, "setAnswer(bool,uint256)", True, 0)
    sentinel = market.chain.deploy(
        _in(AAVE / "protocol/configuration/PriceOracleSentinel"),
        "address,address,uint256",
        market.provider,
        sequencer,
        DAY,
    )
    _supplied(market, ACCOUNTS[0], 0, 10**20)
    borrow = MarketAction("borrow", ACCOUNTS[0], market.assets[3], 10**18)
    assert market.read().after(borrow, market.now)
    market.chain.send(market.provider, "setPriceOracleSentinel(address)", sentinel)
    market.look_up()
    with pytest.raises(errors.Refusal, match="the market's sentinel does not allow borrowing now"):
        market.read().after(borrow, market.now)
    with pytest.raises(market.chain.Reverted, match="3539"):
        market.do(borrow)


def test_isolation_mode_is_valued_and_repaid_in_but_not_borrowed_in(make_market):
    market = make_market(random.Random(10), isolated="WBTC")
    _, wbtc, usdc, _ = market.assets
    account = ACCOUNTS[0]
    market.chain.send(market.pool, "setUserEMode(uint8)", 0, caller=account)
    market.configure("setBorrowableInIsolation", "address,bool", usdc, True)
    market.look_up()
    with pytest.raises(errors.Refusal, match="collateral in isolation only"):
        market.read().after(MarketAction("supply", account, wbtc, 10**8), market.now)
    _supplied(market, account, 1, 10**8)
    assert market.read().health_factor(account, market.now) == UINT256_MAX
    market.chain.send(market.pool, "setUserUseReserveAsCollateral(address,bool)", wbtc, True, caller=account)
    borrow = MarketAction("borrow", account, usdc, 10**9)
    with pytest.raises(errors.Refusal, match="in isolation mode, in which the keeper does not borrow"):
        market.read().after(borrow, market.now)
    market.do(borrow)
    market.chain.wait(DAY)
    predicted = market.read()
    for action in (
        MarketAction("supply", account, usdc, 10**8),  # becomes no collateral beside an isolated one
        MarketAction("repay", account, usdc, 10**8),
        MarketAction("withdraw", account, wbtc, 10**7),
    ):
        predicted = predicted.after(action, market.now)
        market.do(action)
        assert predicted == market.read()
    _compare(market, predicted, Counter())
