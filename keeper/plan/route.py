"""A list of sales in, legs with their exact fills and costs out, over direct pools or one token in between."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from keeper.errors import Unquotable
from keeper.model import ALL_RECEIVED, Cost, Fill, Leg, Snapshot, Venue
from keeper.plan.split import split
from keeper.units import Address, bps_down


@dataclass(slots=True)
class Market:
    """The pools as the legs so far have left them, and what those legs cost; the planner's working copy.

    Prices are quote currency per raw unit; `gas_value` is a unit of gas in quote currency.
    """

    venues: dict[Address, Venue]
    prices: dict[Address, float]
    base: Address
    gas_value: float
    max_slippage: int
    legs: list[Leg] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    gas: int = 0
    fees: float = 0.0
    impact: float = 0.0
    basis: float = 0.0

    def sell(self, token_in: Address, token_out: Address, amount_in: int, held: Iterable[Address]) -> int:
        """Sell exactly `amount_in` raw, splitting over direct pools; one intermediate token where there is none.

        Returns the raw output. Raises Unquotable when no path can take it.
        """
        direct = self._between(token_in, token_out)
        if direct:
            return self._split(direct, token_in, token_out, amount_in)
        middle = self._middle(token_in, token_out, amount_in)
        received = self._split(self._between(token_in, middle), token_in, middle, amount_in)
        if middle in set(held):
            return self._split(self._between(middle, token_out), middle, token_out, received)
        return self._spend_all(middle, token_out, received)

    def cost(self, base_gas: int) -> Cost:
        """What the legs cost in raw units of the base asset; L1 data is free where the chain is its own L1."""
        base_price = self.prices[self.base]
        return Cost(
            fees=self.fees / base_price,
            impact=self.impact / base_price,
            basis=self.basis / base_price,
            gas=(self.gas + base_gas) * self.gas_value / base_price,
        )

    def _between(self, a: Address, b: Address) -> list[Venue]:
        return [v for v in self.venues.values() if set(v.tokens) == {a, b} and v.mid(a) > 0.0]

    def _middle(self, token_in: Address, token_out: Address, amount_in: int) -> Address:
        """The token between whose two best single pools give most."""
        tokens = {t for v in self.venues.values() for t in v.tokens} - {token_in, token_out}
        best: tuple[int, Address] | None = None
        for token in sorted(tokens):
            try:
                first = _best_quote(self._between(token_in, token), token_in, amount_in)
                second = _best_quote(self._between(token, token_out), token, first.amount_out)
            except Unquotable:
                continue
            best = max(best or (0, token), (second.amount_out, token))
        if best is None or best[0] == 0:
            raise Unquotable(f"no pool on the allow-list sells {token_in} for {token_out}, directly or in two hops")
        return best[1]

    def _split(self, venues: Sequence[Venue], token_in: Address, token_out: Address, amount_in: int) -> int:
        fills = split(venues, token_in, amount_in, self.gas_value / self.prices[token_out])
        return sum(self._take(fill, fill.amount_in) for fill in fills)

    def _spend_all(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        return self._take(_best_quote(self._between(token_in, token_out), token_in, amount_in), ALL_RECEIVED)

    def _take(self, fill: Fill, amount_in: int) -> int:
        venue = self.venues[fill.pool]
        p_in, p_out, net = self.prices[fill.token_in], self.prices[fill.token_out], fill.amount_in - fill.fee_raw
        at_mid = net * venue.mid(fill.token_in) * p_out
        self.fees += fill.fee_raw * p_in
        self.basis += net * p_in - at_mid
        self.impact += at_mid - fill.amount_out * p_out
        self.gas += venue.gas
        self.venues[fill.pool] = venue.after(fill.token_in, fill.amount_in)
        min_out = fill.amount_out - bps_down(fill.amount_out, self.max_slippage)
        self.legs.append(Leg(venue.adapter, fill.pool, fill.token_in, amount_in, min_out))
        self.fills.append(fill)
        return fill.amount_out


def _best_quote(venues: Sequence[Venue], token_in: Address, amount_in: int) -> Fill:
    quotes = []
    for venue in venues:
        try:
            quotes.append(venue.quote(token_in, amount_in))
        except Unquotable:
            continue
    if not quotes:
        raise Unquotable(f"no pool takes {amount_in} of {token_in}")
    return max(quotes, key=lambda f: f.amount_out)


def opener(
    snapshot: Snapshot, pools: Sequence[Address], base: Address, gas_price: int, max_slippage: int
) -> Callable[[], Market]:
    """A function that opens a fresh working copy of `pools` at the snapshot's oracle prices."""
    venues = {p: snapshot.venue(p) for p in pools}
    prices = {r.token: r.price_x36 / 1e36 for r in snapshot.rounds}
    gas_value = gas_price * snapshot.native.price_x36 / 1e36
    return lambda: Market(dict(venues), prices, base, gas_value, max_slippage)
