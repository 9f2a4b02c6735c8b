"""Blocks in, beliefs brought up to date out: the series in memory, and the last fit seen from the last price.

A tick pays for what has changed alone: fits are values, made elsewhere, and a token without a new round in the same
hour keeps what was believed of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from keeper import forecast
from keeper.forecast.bars import HOUR_S
from keeper.forecast.levels import GAS, borrow, supply
from keeper.journal import Journal
from keeper.model import Beliefs, Candles, History, LevelSeries, Mandate, Round, Series, Snapshot, TokenBelief, Vault
from keeper.units import SECONDS_PER_DAY, Address, Hash, Timestamp
from keeper.vaults.leverage import LeverageVault

WINDOW_S = 32 * SECONDS_PER_DAY
"""What a refresh looks back: thirty days, and two for gaps."""
MOST_POINTS = 50_000
"""Of one token in memory: a round a minute for the window."""
AT_ONCE = 32
"""Tokens brought up to a new hour in one block, beside those with a new round: an hour's figures can wait a minute."""
GWEI = 10**9
NOTHING = Hash("0x" + 64 * "0")


@dataclass(slots=True)
class _Prices:
    """One token's prices of the window, oldest first."""

    times: list[Timestamp] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    last_round: int | None = None

    def add(self, at: Timestamp, price: float) -> None:
        if self.times and at <= self.times[-1]:
            return
        self.times.append(at)
        self.prices.append(price)
        if len(self.times) > 1_024 and (
            len(self.times) > MOST_POINTS or self.times[len(self.times) // 4] < at - WINDOW_S
        ):
            gone = len(self.times) // 4
            del self.times[:gone], self.prices[:gone]

    def series(self, token: Address) -> Series:
        return Series(token, tuple(self.times), tuple(self.prices))


class Foresight:
    """What one keeper knows of the past and believes of the future. Call `see` with every block, then `beliefs`."""

    def __init__(self, mandates: Sequence[Mandate]) -> None:
        self.fitted: Beliefs | None = None
        """The last fit; None until there is one."""
        self.priors = _priors(mandates)
        self._prices: dict[Address, _Prices] = {}
        self._candles: dict[Address, Candles] = {}
        self._now: Beliefs | None = None
        self._seen: Hash | None = None
        self._hours: dict[str, tuple[Timestamp, float, float]] = {}
        self._hour: int | None = None
        self._waiting: dict[Address, None] = {}
        self._slim: dict[Address, tuple[TokenBelief, TokenBelief]] = {}
        self._views: dict[Address, Beliefs] = {}

    def see(self, snapshot: Snapshot, memory: Journal | None) -> tuple[tuple[Round, ...], tuple[LevelSeries, ...]]:
        """Brings beliefs up to `snapshot`: the rounds that are new, and the hours of levels that have ended with it."""
        if self._seen == snapshot.head.hash:
            return (), ()
        now = snapshot.head.timestamp
        fresh = [r.token for r in snapshot.rounds if r.token not in self._prices]
        if self._now is None:
            self._load(memory, snapshot.chain_id)
        self._remember(memory, snapshot, fresh)
        rounds = tuple(r for r in snapshot.rounds if self._is_new(r))
        for one in rounds:
            self._prices[one.token].add(one.updated_at, one.answer / 10**one.decimals)
        if self._hour != now // HOUR_S:
            self._turn_hour(memory, snapshot)
        changed = dict.fromkeys((*fresh, *(r.token for r in rounds), *list(self._waiting)[: self._share()]))
        for token in changed:
            self._waiting.pop(token, None)
        if changed or self._now is None:
            series = tuple(self._prices[token].series(token) for token in changed)
            candles = tuple(self._candles[token] for token in changed if token in self._candles)
            known = self._now or _nothing(now)
            self._now = forecast.refresh(known, History(snapshot, series, candles), self.priors)
        self._seen = snapshot.head.hash
        return rounds, tuple(self._levels(snapshot))

    def beliefs(self, vault: Vault) -> Beliefs:
        """What a decision about `vault` needs, and no more; the same object while nothing of it has changed."""
        assert self._now is not None, "see a block first"
        tokens = [t.address for t in vault.tokens]
        found = _about(self._now, vault.address, tokens, self._slimmed)
        known = self._views.get(vault.address)
        if known is not None and replace(known, seen_at=found.seen_at) == found:
            return known
        self._views[vault.address] = found
        return found

    def about(self, vault: Vault) -> Beliefs:
        """All that is believed of a vault's tokens, fits and scores too, for a person to read."""
        return _about(self.now, vault.address, [t.address for t in vault.tokens], lambda belief: belief)

    @property
    def now(self) -> Beliefs:
        """Everything believed, as of the last block seen."""
        assert self._now is not None, "see a block first"
        return self._now

    def adopt(self, fitted: Beliefs) -> None:
        """Believe a new fit, from the next block on."""
        self.fitted, self._seen, self._hour = fitted, None, None
        self._now = replace(fitted, seen_at=Timestamp(0))

    def _turn_hour(self, memory: Journal | None, snapshot: Snapshot) -> None:
        """A bar has ended: all tokens wait to be looked at anew, with the candles that the journal has by now."""
        self._hour = snapshot.head.timestamp // HOUR_S
        self._waiting = dict.fromkeys(self._prices)
        if memory is not None:
            found = memory.past.candles(snapshot.chain_id, list(self._prices), _since(snapshot.head.timestamp))
            self._candles = {c.token: c for c in found}

    def _share(self) -> int:
        """How many tokens' new hour is looked at in one block: all of them at first, then a few at a time."""
        return len(self._waiting) if self._now is None or self._now.seen_at == 0 else AT_ONCE

    def _load(self, memory: Journal | None, chain_id: int) -> None:
        found = memory.forecasts.latest_beliefs(chain_id) if memory is not None else ()
        if memory is not None and found:
            self.adopt(memory.blobs.load(Beliefs, found[0].value))

    def _remember(self, memory: Journal | None, snapshot: Snapshot, fresh: Sequence[Address]) -> None:
        """The past of tokens not met before, from the journal."""
        for token in fresh:
            self._prices[token] = _Prices()
        if memory is not None and fresh:
            now = snapshot.head.timestamp
            for one in memory.past.series(snapshot.chain_id, fresh, now, _since(now)):
                held = self._prices[one.token]
                held.times, held.prices = list(one.timestamps), list(one.prices)

    def _is_new(self, seen: Round) -> bool:
        held = self._prices[seen.token]
        if seen.problem or held.last_round == seen.round_id:
            return False
        held.last_round = seen.round_id
        return True

    def _levels(self, snapshot: Snapshot) -> Iterable[LevelSeries]:
        """Follows gas and the rates of loans; yields each one's hour once it has ended."""
        end = Timestamp((snapshot.head.timestamp // HOUR_S + 1) * HOUR_S)
        for name, value in levels_of(snapshot):
            hour, last, low = self._hours.get(name, (end, value, value))
            if hour < end:
                yield LevelSeries(name, (hour,), (last,), (low,))
                low = value
            self._hours[name] = end, value, min(low, value)

    def _slimmed(self, belief: TokenBelief) -> TokenBelief:
        """Without what only a fit or a refresh needs; the same object for the same belief."""
        known = self._slim.get(belief.token)
        if known is None or known[0] is not belief:
            known = self._slim[belief.token] = belief, replace(belief, fits=(), scores=())
        return known[1]


def levels_of(snapshot: Snapshot) -> Iterable[tuple[str, float]]:
    """Gas in gwei, and what each levered vault's collateral earns and its debt costs, a year."""
    yield GAS, snapshot.head.base_fee / GWEI
    told = set()
    for vault in snapshot.vaults:
        if isinstance(vault, LeverageVault):
            market, (collateral, debt) = snapshot.market(vault.market), vault.tokens
            told.add((supply(collateral.address), market.rates(collateral.address)[0]))
            told.add((borrow(debt.address), market.rates(debt.address)[1]))
    yield from sorted(told)


def _about(
    beliefs: Beliefs, vault: Address, tokens: Sequence[Address], slimmed: Callable[[TokenBelief], TokenBelief]
) -> Beliefs:
    held, wanted = set(tokens), {GAS, *map(supply, tokens), *map(borrow, tokens)}
    return replace(
        beliefs,
        volatility=tuple(pair for pair in beliefs.volatility if pair[0] in held),
        correlation=tuple(one for one in beliefs.correlation if one[0] in held and one[1] in held),
        tokens=tuple(slimmed(t) for t in beliefs.tokens if t.token in held),
        pooled=(),
        levels=tuple(one for one in beliefs.levels if one.name in wanted),
        records=tuple(one for one in beliefs.records if one.vault == vault),
    )


def _priors(mandates: Sequence[Mandate]) -> tuple[tuple[Address, float], ...]:
    """Annual volatilities to assume; where two mandates state one of a token, the larger."""
    found: dict[Address, float] = {}
    for mandate in mandates:
        for token, sigma in mandate.volatility_priors:
            found[token] = max(sigma, found.get(token, 0.0))
    return tuple(sorted(found.items()))


def _nothing(now: Timestamp) -> Beliefs:
    """Before the first fit."""
    return Beliefs("prior", (), (), now, 0, NOTHING)


def _since(now: Timestamp) -> Timestamp:
    return Timestamp(now - WINDOW_S)
