"""Deploys Aave V3 from its published bytecode, lists the content's reserves, and fills them with real positions."""

from fractions import Fraction

from keeper.model import Token
from keeper.units import RAY, Address
from keeper.world import artefacts, calls
from keeper.world.batch import Batch
from keeper.world.content import ETH_CORRELATED, FEED_DECIMALS, FLASH_PREMIUM_BPS, RESERVES, ReserveSpec
from keeper.world.roles import ROLES
from keeper.world.tokens import approve
from keeper.world.world import AaveV3, Feed, Reserve

ADMIN = ROLES["admin"]
NOBODY = Address("0x" + "00" * 20)
VARIABLE = 2
"""Aave's number of the variable interest rate mode."""

INIT_RESERVES = (
    "initReserves((address,address,address,uint8,address,address,address,address,"
    "string,string,string,string,string,string,bytes)[])"
)


def open_market(batch: Batch, tokens: tuple[Token, ...], feeds: tuple[Feed, ...]) -> AaveV3:
    """Deploys the market, lists its reserves, supplies and borrows; everything is mined when it returns."""
    listed = {token.symbol: token for token in tokens}
    core = _deploy_core(batch, tokens, feeds)
    strategies = {spec.symbol: _deploy_strategy(batch, core.provider, spec) for spec in RESERVES}
    _list_reserves(batch, core, listed, strategies)
    for spec in RESERVES:
        _configure(batch, core.configurator, listed[spec.symbol].address, spec)
    batch.flush()
    _fill(batch, core.pool, listed)
    batch.flush()
    reserves = tuple(_reserve(batch, core, listed[spec.symbol], strategies[spec.symbol]) for spec in RESERVES)
    return AaveV3(
        core.provider, core.pool, core.configurator, core.acl_manager, core.oracle, core.data_provider, reserves
    )


def _deploy_core(batch: Batch, tokens: tuple[Token, ...], feeds: tuple[Feed, ...]) -> AaveV3:
    libraries: dict[str, Address] = {}
    for name in artefacts.AAVE_LIBRARIES:
        libraries[name] = batch.deploy(f"Aave {name}", ADMIN, artefacts.creation_code(name, libraries))

    def deploy(name: str, types: str, *values: object) -> Address:
        code = artefacts.creation_code(name, libraries) + calls.arguments(types, *values)
        return batch.deploy(f"Aave {name}", ADMIN, code)

    provider = deploy("PoolAddressesProvider", "(string,address)", "Keeper World Market", ADMIN)
    batch.send(ADMIN, provider, "setACLAdmin(address)", ADMIN)
    acl_manager = deploy("ACLManager", "(address)", provider)
    batch.send(ADMIN, provider, "setACLManager(address)", acl_manager)
    batch.send(ADMIN, acl_manager, "addPoolAdmin(address)", ADMIN)
    batch.send(ADMIN, acl_manager, "addEmergencyAdmin(address)", ADMIN)
    pool_implementation = deploy("Pool", "(address)", provider)
    batch.send(ADMIN, pool_implementation, "initialize(address)", provider)
    batch.send(ADMIN, provider, "setPoolImpl(address)", pool_implementation)
    configurator_implementation = batch.deploy(
        "Aave PoolConfigurator", ADMIN, artefacts.creation_code("PoolConfigurator", libraries)
    )
    batch.send(ADMIN, configurator_implementation, "initialize(address)", provider)
    batch.send(ADMIN, provider, "setPoolConfiguratorImpl(address)", configurator_implementation)
    oracle = deploy(
        "AaveOracle",
        "(address,address[],address[],address,address,uint256)",
        provider,
        [token.address for token in tokens],
        [feed.address for feed in feeds],
        NOBODY,  # no fallback oracle
        NOBODY,  # the base currency is the US dollar
        10**FEED_DECIMALS,
    )
    batch.send(ADMIN, provider, "setPriceOracle(address)", oracle)
    data_provider = deploy("AaveProtocolDataProvider", "(address)", provider)
    batch.send(ADMIN, provider, "setPoolDataProvider(address)", data_provider)
    batch.flush()
    pool = Address(calls.view(batch.url, provider, "getPool()", "(address)"))
    configurator = Address(calls.view(batch.url, provider, "getPoolConfigurator()", "(address)"))
    return AaveV3(provider, pool, configurator, acl_manager, oracle, data_provider, ())


def _deploy_strategy(batch: Batch, provider: Address, spec: ReserveSpec) -> Address:
    variable = (_ray(spec.optimal_usage), 0, _ray(spec.slope1), _ray(spec.slope2))
    # Nobody borrows at the stable rate, which the reserves do not allow; these are mainnet's numbers all the same.
    stable = (_ray(spec.slope1), _ray(spec.slope2), RAY // 100, RAY * 8 // 100, RAY // 5)
    return batch.deploy(
        f"Aave rate strategy of {spec.symbol}",
        ADMIN,
        artefacts.creation_code("DefaultReserveInterestRateStrategy")
        + calls.arguments("(address" + ",uint256" * 9 + ")", provider, *variable, *stable),
    )


def _list_reserves(batch: Batch, core: AaveV3, listed: dict[str, Token], strategies: dict[str, Address]) -> None:
    at_pool = calls.arguments("(address)", core.pool)
    implementations = [
        batch.deploy(f"Aave {name}", ADMIN, artefacts.creation_code(name) + at_pool)
        for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    ]
    for spec in RESERVES:
        symbol = spec.symbol
        names = (
            *(f"Aave World {symbol}", f"aWorld{symbol}"),
            *(f"Aave World Variable Debt {symbol}", f"variableDebtWorld{symbol}"),
            *(f"Aave World Stable Debt {symbol}", f"stableDebtWorld{symbol}"),
        )
        asset = (listed[symbol].decimals, strategies[symbol], listed[symbol].address)
        listing = (*implementations, *asset, ADMIN, NOBODY, *names, b"")  # ADMIN is the treasury, NOBODY gives rewards
        batch.send(ADMIN, core.configurator, INIT_RESERVES, [listing], gas=8_000_000)
    category = (ETH_CORRELATED, 9_300, 9_500, 10_100, NOBODY, "ETH correlated")
    batch.send(ADMIN, core.configurator, "setEModeCategory(uint8,uint16,uint16,uint16,address,string)", *category)
    batch.send(ADMIN, core.configurator, "updateFlashloanPremiumTotal(uint128)", FLASH_PREMIUM_BPS)


def _configure(batch: Batch, configurator: Address, asset: Address, spec: ReserveSpec) -> None:
    def send(function: str, *values: object) -> None:
        batch.send(ADMIN, configurator, function, asset, *values, gas=500_000)

    send("configureReserveAsCollateral(address,uint256,uint256,uint256)", spec.ltv, spec.threshold, spec.bonus)
    send("setReserveBorrowing(address,bool)", True)
    send("setReserveFlashLoaning(address,bool)", True)
    send("setReserveFactor(address,uint256)", spec.factor)
    send("setLiquidationProtocolFee(address,uint256)", 1_000)
    send("setSupplyCap(address,uint256)", spec.supply_cap)
    send("setBorrowCap(address,uint256)", spec.borrow_cap)
    if spec.emode:
        send("setAssetEModeCategory(address,uint8)", spec.emode)


def _fill(batch: Batch, pool: Address, listed: dict[str, Token]) -> None:
    """The lp supplies every reserve; the borrower posts collateral and owes what gives each of them a rate."""
    tokens = tuple(listed[spec.symbol] for spec in RESERVES)
    for role in ("lp", "borrower"):
        approve(batch, role, tokens, (pool,))
        for spec, token in zip(RESERVES, tokens, strict=True):
            amount = (spec.supplied if role == "lp" else spec.collateral) * 10**token.decimals
            if amount:
                order = (token.address, amount, ROLES[role], 0)
                batch.send(ROLES[role], pool, "supply(address,uint256,address,uint16)", *order)
    for spec, token in zip(RESERVES, tokens, strict=True):
        loan = (token.address, spec.borrowed * 10**token.decimals, VARIABLE, 0, ROLES["borrower"])
        batch.send(ROLES["borrower"], pool, "borrow(address,uint256,uint256,uint16,address)", *loan)


def _reserve(batch: Batch, core: AaveV3, token: Token, strategy: Address) -> Reserve:
    a_token, stable_debt, variable_debt = calls.view(
        batch.url,
        core.data_provider,
        "getReserveTokensAddresses(address)",
        "(address,address,address)",
        token.address,
    )
    return Reserve(token.symbol, Address(a_token), Address(stable_debt), Address(variable_debt), strategy)


def _ray(fraction: Fraction) -> int:
    return int(fraction * RAY)
