"""What is known of a chain and its vaults in, a commented keeper.toml out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keeper.units import BPS, Address, Bps

STABLE = ("USDC", "USDT", "DAI", "USDS", "GHO", "FRAX", "LUSD", "PYUSD")
VOLATILITY = {"WETH": 0.65, "wstETH": 0.65, "weETH": 0.65, "rETH": 0.65, "cbETH": 0.65, "WBTC": 0.5, "cbBTC": 0.5}
"""A year, rounded from some years of daily prices: what to assume until the journal knows better."""


COMMENTS_AT = 32
"""Column of the comments, where what they are about leaves room."""
MAX_LOSS = Bps(30)
_NO_BAND = Bps(0)


@dataclass(frozen=True, slots=True)
class VaultDraft:
    """One vault as found.

    `weights` by symbol; `health` is low, target, high; `half_width` a range's; `venues` with a description each.
    """

    name: str
    address: Address
    kind: str
    symbols: tuple[str, ...]
    weights: tuple[tuple[str, Bps], ...] = ()
    band: Bps = _NO_BAND
    health: tuple[float, float, float] = (0.0, 0.0, 0.0)
    half_width: Bps = _NO_BAND
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
    max_gas_price_urgent_gwei: int = 300
    max_head_age_s: int = 60


def text(draft: Draft) -> str:
    """The file's text: valid TOML whatever the tokens call themselves."""
    return "\n".join([*_head(draft), *(line for one in draft.vaults for line in _vault(one))]) + "\n"


def _head(draft: Draft) -> list[str]:
    native = f'{{ aggregator = "{draft.native_feed}", heartbeat_s = {draft.native_heartbeat_s} }}'
    keystore = f"keystore = {_quoted(draft.keystore)}" if draft.keystore else '# keystore = "keeper-key.json"'
    return [
        "# The keeper's configuration. `keeper check` examines it, `keeper plan` explains what it leads to.",
        *(f"# {_plain(note)}" for note in draft.notes),
        "",
        "[chain]",
        f"id = {draft.chain_id}",
        _said(
            f"rpc = [{', '.join(map(_quoted, draft.rpc))}]",
            "names of environment variables; a URL only of this machine",
        ),
        _said("timeout_s = 10", "for one question, over all providers"),
        _said(
            f"max_head_age_s = {draft.max_head_age_s}", "an older head is not acted on; 0: the chain is its own clock"
        ),
        _said(f"native_feed = {native}", "price of gas"),
        "",
        "[key]",
        _said(f'address = "{draft.keeper}"', "holds the vaults' keeper role"),
        _said(keystore, "for `run --live` alone, which asks for its passphrase"),
        "",
        "[gas]",
        _said(f"max_gas_price_gwei = {draft.max_gas_price_gwei}", "nothing is sent while gas costs more"),
        "priority_fee_gwei = 1",
        _said(
            f"max_gas_price_urgent_gwei = {draft.max_gas_price_urgent_gwei}", "the same for a rescue, which bids sooner"
        ),
        "priority_fee_urgent_gwei = 3",
        _said(
            "# l1_data_gwei_per_byte = 0.02", "what a byte of calldata costs beside gas; an OP Stack rollup is asked"
        ),
        "",
        "[run]",
        _said("poll_s = 2", "seconds between looks at the head"),
        _said('stop_file = ".keeper/STOP"', "while it exists, only rescues are signed"),
        "",
        "[journal]",
        _said('url = "sqlite:///.keeper/journal.sqlite"', "or a variable that holds a postgresql:// URL"),
    ]


def _vault(one: VaultDraft) -> list[str]:
    sigmas = ", ".join(f"{_key(symbol)} = {_volatility(symbol)}" for symbol in dict.fromkeys(one.symbols))
    base = one.symbols[0] if one.symbols else ""
    least = _least(base)
    return [
        "",
        "[[vault]]",
        f"name = {_quoted(one.name)}",
        f'address = "{one.address}"',
        f"kind = {_quoted(one.kind)}",
        *_GOALS[one.kind](one),
        "",
        "[vault.policy]",
        _said('kind = "threshold"', "act outside the band; the other kinds are below"),
        _said('settle = "cheapest"', 'how far to go back: what costs least, to the "target" or the "edge"'),
        _said('horizon = "24h"', "a trade must be worth more than waiting this long"),
        _said("risk_aversion = 10.0", "price of being off target; higher trades earlier"),
        _said(f"max_loss_bps = {min(MAX_LOSS, one.max_loss)}", f"an action; the vault allows {one.max_loss}"),
        _said("max_slippage_bps = 10", "a leg's least output under its exact quote"),
        _said("deadline_s = 300", "a transaction not mined by then does nothing"),
        _said(f"min_trade = {least}", f"least worth of a leg, in {_plain(base) or 'the base asset'}"),
        _said(f"volatility = {{ {sigmas} }}", "a year, until the journal knows"),
        *_venues(one.venues),
        *_ways(least or 1.0),
        *_limits(one, least or 1.0),
        '# blackouts = [{ start = 2026-01-31T18:00:00Z, end = 2026-01-31T20:00:00Z, reason = "fork", rescues = true }]',
    ]


def _least(base: str) -> float:
    """A leg that is worth its gas, in the base asset; 0 where nothing is known of that."""
    return 100 if base in STABLE else 0.05 if base in VOLATILITY else 0


def _ways(least: float) -> list[str]:
    """Other ways to act, to be uncommented; amounts in the base asset by what is `least` worth a leg."""
    return [
        _said('# kind = "preventative"', "act before a band breaks, while forecasts have proven themselves"),
        _said("# act_above = 0.3", "... from this chance to leave the band within the horizon"),
        _said("# stop_below = 0.1", "... until it is under this one"),
        _said("# stress = 2.0", "... a trade at the band's edge costs so many times one now"),
        _said('# kind = "dynamic"', "act where it costs less than waiting, inside the band too"),
        _said('# kind = "calendar"', 'act once in every period; "periodic" looks once, "continuous" always acts'),
        _said('# every = "24h"', "... the period"),
        _said("# release = 0.25", "come back so far inside the band, as a share of the way to the target"),
        _said(f"# min_gain = {least / 20:g}", "least that acting must save, in the base asset"),
        _said('# payback = "7d"', "costs must be earned back within"),
        _said("# gas_below_gwei = 20", "dearer gas is waited for; a rescue never waits"),
        _said('# gas_wait = "6h"', "... at most so long"),
        _said("# gas_unless = 0.3", "... and while the chance to leave the band is lower"),
        _said("# max_chunks = 4", "split a trade that moves its pools into so many parts at most"),
    ]


def _limits(one: VaultDraft, least: float) -> list[str]:
    """Limits on the size of an action, to be uncommented: as many times what is `least` worth a leg as hold it."""
    limits = [_said("# max_turnover = 0.1", "most that an action sells, of the vault's value; no urgent rescue waits")]
    if one.symbols:
        last = one.symbols[-1]
        most = 50_000 if last in STABLE else 20 if last in VOLATILITY else 1_000
        trade = f"# max_trade = {{ {_key(last)} = {most} }}"
        limits.append(_said(trade, "... of a token, sold or bought, in whole units; likewise"))
    if one.venues:
        paid = f'# venue_limits = {{ "{one.venues[0][0]}" = {1_000 * least:.12g} }}'
        limits.append(_said(paid, "... paid into a pool, in the base asset; likewise"))
    return limits


def _basket(one: VaultDraft) -> list[str]:
    weights = ", ".join(f"{_key(symbol)} = {weight / BPS:g}" for symbol, weight in one.weights)
    stated = [_said(f"weights = {{ {weights} }}", "as the vault's curator set them")] if one.weights else []
    return [*stated, _said(f"band = {one.band / BPS:g}", "act when a weight is further than this from its target")]


def _leverage(one: VaultDraft) -> list[str]:
    low, target, high = one.health
    health = f"health = {{ low = {low:g}, target = {target:g}, high = {high:g} }}"
    careful = health.replace(" }", ', tolerance = 0.001, react = "10m" }')
    return [
        _said(health, "act outside, come back to the target"),
        "# Low and target may rise with volatility, for this chance to be liquidated before an action lands:",
        f"# {careful}",
    ]


def _range(one: VaultDraft) -> list[str]:
    widest, narrowest = one.half_width / BPS, max(1, one.half_width // 4) / BPS
    wanted = f"range = {{ half_width = {widest:g}, trigger = 0.9, idle = 0.1 }}"
    free = wanted.replace(" }", f", narrowest = {narrowest:g}, widest = {widest:g} }}")
    return [
        _said(wanted, "of the price; act at 90 % of the way to an end, or with 10 % idle"),
        "# The width may be whatever earns most, fees less what arbitrage takes and moving costs, between two bounds:",
        f"# {free}",
    ]


_GOALS: dict[str, Callable[[VaultDraft], list[str]]] = {"basket": _basket, "leverage": _leverage, "range": _range}


def _venues(venues: Sequence[tuple[Address, str]]) -> list[str]:
    """The allow-list, commented out: without it all the vault's own pools may be used."""
    if not venues:
        return []
    listed = [f'#   "{pool}",  # {_plain(name)}' for pool, name in venues]
    return [_said("# venues = [", "pools that may be used; without this, all the vault allows"), *listed, "# ]"]


def _said(assignment: str, comment: str) -> str:
    return f"{assignment:<{COMMENTS_AT}}  # {comment}"


def _volatility(symbol: str) -> float:
    return 0.02 if symbol in STABLE else VOLATILITY.get(symbol, 0.8)


def _key(symbol: str) -> str:
    """A TOML key: bare where it may be."""
    return symbol if symbol and all(c.isascii() and (c.isalnum() or c in "-_") for c in symbol) else _quoted(symbol)


def _quoted(value: str) -> str:
    """A TOML basic string: a contract may answer any text as its symbol."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value) + '"'


def _plain(value: str) -> str:
    """The same for a comment, which a line break would end."""
    return "".join(c if c.isprintable() else "?" for c in value)
