"""What is known of a chain and its vaults in, a commented keeper.toml out."""

from collections.abc import Sequence
from dataclasses import dataclass

from keeper.units import BPS, Address, Bps

STABLE = ("USDC", "USDT", "DAI", "USDS", "GHO", "FRAX", "LUSD", "PYUSD")
VOLATILITY = {"WETH": 0.65, "wstETH": 0.65, "weETH": 0.65, "rETH": 0.65, "cbETH": 0.65, "WBTC": 0.5, "cbBTC": 0.5}
"""A year, rounded from some years of daily prices: what to assume until the journal knows better."""


MAX_LOSS = Bps(30)
_NO_BAND = Bps(0)


@dataclass(frozen=True, slots=True)
class VaultDraft:
    """One vault as found. `weights` by symbol; `health` is low, target, high; `venues` with a description each."""

    name: str
    address: Address
    kind: str
    symbols: tuple[str, ...]
    weights: tuple[tuple[str, Bps], ...] = ()
    band: Bps = _NO_BAND
    health: tuple[float, float, float] = (0.0, 0.0, 0.0)
    max_loss: Bps = MAX_LOSS
    venues: tuple[tuple[Address, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole configuration. `rpc` are names of environment variables, or URLs of this machine."""

    chain_id: int
    rpc: tuple[str, ...]
    native_feed: Address
    native_heartbeat_s: int
    keeper: Address
    keystore: str
    vaults: tuple[VaultDraft, ...]
    notes: tuple[str, ...] = ()
    max_gas_price_gwei: int = 60


def text(draft: Draft) -> str:
    """The file's text: valid TOML whatever the symbols are."""
    return "\n".join([_head(draft), *(_vault(one) for one in draft.vaults)])


def _head(draft: Draft) -> str:
    keystore = f"keystore = {_quoted(draft.keystore)}" if draft.keystore else '# keystore = "keeper-key.json"'
    notes = "".join(f"# {note}\n" for note in draft.notes)
    return f"""\
# The keeper's configuration. `keeper check` examines it, `keeper plan` explains what it would lead to.
{notes}
[chain]
id = {draft.chain_id}
rpc = [{", ".join(map(_quoted, draft.rpc))}]        # names of environment variables that hold the URLs, in order
timeout_s = 10                  # for one question, over all providers
native_feed = {{ aggregator = "{draft.native_feed}", heartbeat_s = {draft.native_heartbeat_s} }}  # gas token

[key]
address = "{draft.keeper}"  # holds the vaults' keeper role
{keystore}    # needed by `run --live` alone; its passphrase is asked for

[gas]
max_gas_price_gwei = {draft.max_gas_price_gwei}         # nothing is sent while gas costs more
priority_fee_gwei = 1

[run]
poll_s = 2                      # seconds between looks at the head
stop_file = ".keeper/STOP"      # while this file exists nothing is signed

[journal]
url = "sqlite:///.keeper/journal.sqlite"   # or the name of an environment variable with a postgresql:// URL
"""


def _vault(one: VaultDraft) -> str:
    lines = [
        "",
        "[[vault]]",
        f"name = {_quoted(one.name)}",
        f'address = "{one.address}"',
        f"kind = {_quoted(one.kind)}",
        *(_basket(one) if one.kind == "basket" else _leverage(one)),
        "",
        "[vault.policy]",
        'settle = "cheapest"             # how far to go back: as costs least, to the "target" or the "edge"',
        'horizon = "24h"                 # over which a trade must be worth more than waiting',
        "risk_aversion = 2.0             # price of being off target; higher trades earlier",
        f"max_loss_bps = {min(MAX_LOSS, one.max_loss):<3}              # an action; the vault allows {one.max_loss}",
        "max_slippage_bps = 10           # a leg's least output under its exact quote",
        "deadline_s = 300                # a transaction not mined by then does nothing",
        *_min_trade(one),
        f"volatility = {{ {', '.join(f'{_key(s)} = {_volatility(s)}' for s in one.symbols)} }}"
        "  # a year, until the journal knows",
        *_venues(one.venues),
        '# blackouts = [{ start = 2026-01-31T18:00:00Z, end = 2026-01-31T20:00:00Z, reason = "upgrade" }]',
        "",
    ]
    return "\n".join(lines)


def _basket(one: VaultDraft) -> list[str]:
    weights = ", ".join(f"{_key(symbol)} = {weight / BPS:g}" for symbol, weight in one.weights)
    return [
        f"weights = {{ {weights} }}  # fractions, as the vault's curator set them",
        f"band = {one.band / BPS:g}                   # act when a weight is further than this from its target",
    ]


def _leverage(one: VaultDraft) -> list[str]:
    low, target, high = one.health
    return [f"health = {{ low = {low:g}, target = {target:g}, high = {high:g} }}  # act outside, come back to target"]


def _min_trade(one: VaultDraft) -> list[str]:
    base = one.symbols[0] if one.symbols else ""
    least = 100 if base in STABLE else 0.05 if base in VOLATILITY else 0
    return [f"min_trade = {least:<20} # least worth of a leg, in {base or 'the base asset'}"]


def _venues(venues: Sequence[tuple[Address, str]]) -> list[str]:
    """The allow-list, commented out: without it all the vault's own pools may be used."""
    if not venues:
        return []
    listed = [f'#   "{pool}",  # {name}' for pool, name in venues]
    return [
        "# venues = [                    # pools that may be used; without this, all the vault allows:",
        *listed,
        "# ]",
    ]


def _volatility(symbol: str) -> float:
    return 0.02 if symbol in STABLE else VOLATILITY.get(symbol, 0.8)


def _key(symbol: str) -> str:
    """A TOML key: bare where it may be."""
    return symbol if symbol and all(c.isascii() and (c.isalnum() or c in "-_") for c in symbol) else _quoted(symbol)


def _quoted(value: str) -> str:
    """A TOML basic string: a token's symbol may be any text."""
    safe = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in value)
    return f'"{safe}"'
