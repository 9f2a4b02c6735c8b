"""The sections of keeper.toml as frozen settings."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from keeper.config.fields import (
    VARIABLE,
    AddressField,
    Duration,
    FileField,
    Fraction,
    NotNegative,
    Positive,
    Seconds,
    Text,
    beside,
    url,
    variable,
)
from keeper.errors import BadInput
from keeper.model import Lane, Lanes, Preventative, Settle
from keeper.units import BPS, SECONDS_PER_YEAR, Address, Wei

GWEI = 10**9
MIN_LEAD = 1.125
"""A bid replaces another that is an eighth lower on every client (K-11)."""

PolicyKind = Literal["threshold", "calendar", "periodic", "continuous", "dynamic", "preventative"]
OWN_KEYS: dict[str, tuple[str, ...]] = {
    "calendar": ("every",),
    "periodic": ("every",),
    "preventative": ("act_above", "stop_below", "stress"),
}
"""Keys that only some kinds of policy have."""
Chance = Annotated[float, Strict(), Field(gt=0, lt=1)]
Volatility = Annotated[float, Strict(), Field(gt=0, le=10)]
"""A year, of log prices, as a fraction: 0.65 is 65 %; beyond ten times that a percentage was meant."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NativeFeed(Section):
    """The gas token's price in the quote currency of the vaults' feeds."""

    aggregator: AddressField
    heartbeat_s: Seconds


class Chain(Section):
    """`rpc` holds the providers' URLs, which are secrets: `urls` gives them in clear."""

    id: Annotated[int, Strict(), Field(gt=0)]
    rpc: tuple[SecretStr, ...]
    timeout_s: Positive = 10.0
    quorum: Annotated[int, Strict(), Field(ge=1)] = 1
    max_head_age_s: Annotated[int, Strict(), Field(ge=0)] = 60
    native_feed: NativeFeed

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(one.get_secret_value() for one in self.rpc)

    @field_validator("rpc", mode="before")
    @classmethod
    def _resolve(cls, value: Any, info: ValidationInfo) -> list[SecretStr]:
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise ValueError(
                'cannot be used: expected a list of names of environment variables, such as ["KEEPER_RPC_URL"]'
            )
        return [SecretStr(url(one, info)) for one in value]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if len(set(self.urls)) < len(self.rpc):
            raise ValueError("found one provider's URL twice in rpc; a provider can be no witness of itself")
        if self.quorum > len(self.rpc):
            raise ValueError(f"found a quorum of {self.quorum} over {len(self.rpc)} providers; name more in rpc")
        return self


class Journal(Section):
    """`url` is SQLAlchemy's, or the name of an environment variable that holds it."""

    url: SecretStr

    @field_validator("url", mode="before")
    @classmethod
    def _resolve(cls, value: Any, info: ValidationInfo) -> SecretStr:
        if not isinstance(value, str):
            raise ValueError('cannot be used: expected a URL, such as "sqlite:///.keeper/journal.sqlite"')
        text = variable(info, value) if VARIABLE.fullmatch(value) else value
        if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
            return SecretStr(f"sqlite:///{beside(info, text.removeprefix('sqlite:///'))}")
        if not text.startswith(("postgresql://", "postgresql+")):
            raise ValueError("cannot be used: expected sqlite:///FILE or a postgresql:// URL")
        return SecretStr(text)


class Key(Section):
    """Who signs. Reading needs the address alone."""

    address: AddressField
    keystore: FileField | None = None


class GasPrices(Section):
    """Two lanes: housekeeping's, and the `urgent` one of rescues. Times are of blocks, until a higher bid.

    `l1_data_gwei_per_byte` is what a byte of calldata costs beside gas; where it is not said, what the chain's own
    contract says: of an OP Stack rollup, and nothing elsewhere.
    """

    max_gas_price_gwei: Positive = 60.0
    priority_fee_gwei: NotNegative = 1.0
    resubmit_s: Seconds = 48
    max_gas_price_urgent_gwei: Positive = 300.0
    priority_fee_urgent_gwei: NotNegative = 3.0
    resubmit_urgent_s: Seconds = 24
    l1_data_gwei_per_byte: NotNegative | None = None

    @model_validator(mode="after")
    def _passing(self) -> Self:
        for key, least in (
            ("max_gas_price", self.max_gas_price_gwei * MIN_LEAD),
            ("priority_fee", self.priority_fee_gwei),
        ):
            found = getattr(self, f"{key}_urgent_gwei")
            if found < least:
                raise ValueError(
                    f"found {key}_urgent_gwei = {found:g}, expected at least {least:g}: a rescue must be able to "
                    "replace housekeeping that bids its most"
                )
        return self


class Run(Section):
    """While `stop_file` exists nothing but rescues is signed; not even they while it says "everything"."""

    poll_s: Positive = 2.0
    stop_file: FileField


class Health(Section):
    """Act below `low` or above `high`, come back to `target`; with a `tolerance` both rise with volatility."""

    low: Positive
    target: Positive
    high: Positive
    tolerance: Annotated[float, Strict(), Field(ge=0, le=0.5)] = 0.0
    react: Duration = 600

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 1.0 < self.low < self.target < self.high:
            raise ValueError(
                f"found low {self.low:g}, target {self.target:g}, high {self.high:g}; "
                "expected 1 < low < target < high (liquidation begins at 1)"
            )
        return self


class RangeWidth(Section):
    """Fractions: a range from the price down and up by `half_width`; act past `trigger` of the way to its ends.

    Act too when more than `idle` of the value is in no range. With `narrowest` and `widest` the half-width is whatever
    earns most between the two.
    """

    half_width: Fraction
    trigger: Fraction = 0.9
    idle: Fraction = 0.1
    narrowest: Fraction | None = None
    widest: Fraction | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.narrowest or self.half_width, self.widest or self.half_width
        if not low <= self.half_width <= high:
            raise ValueError(
                f"found narrowest {low:g}, half_width {self.half_width:g}, widest {high:g}; "
                "expected narrowest <= half_width <= widest"
            )
        return self


class Blackout(Section):
    start: AwareDatetime
    end: AwareDatetime
    reason: Text
    rescues: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"found an end, {self.end}, that is not after the start, {self.start}")
        return self


class PolicySettings(Section):
    """When and how to act. Without a value of its own a key of one kind of policy is as `model.policy` says.

    `min_trade`, `min_gain` and `venue_limits` are in whole units of the vault's base asset, `max_trade` of the token it
    names, `max_turnover` is a share of the vault's value; no `venues`: all that the vault allows.
    """

    kind: PolicyKind = "threshold"
    settle: Settle | None = None
    every: Annotated[Duration | None, Field(validate_default=True)] = None
    act_above: Chance | None = None
    stop_below: Chance | None = None
    stress: Annotated[float, Strict(), Field(ge=1, le=100)] | None = None
    release: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.0
    min_gain: NotNegative = 0.0
    payback: Duration | None = None
    gas_below_gwei: Positive | None = None
    gas_wait: Duration | None = None
    gas_unless: Chance | None = None
    max_chunks: Annotated[int, Strict(), Field(ge=1, le=100)] = 1
    refill: Duration = 600
    confirmations: Annotated[int, Strict(), Field(ge=0, le=100)] = 2
    horizon: Annotated[Duration, Field(le=SECONDS_PER_YEAR)] = 86_400
    risk_aversion: Positive = 10.0
    max_loss_bps: Annotated[int, Strict(), Field(ge=1, le=1_000)] = 30
    max_slippage_bps: Annotated[int, Strict(), Field(ge=0, le=1_000)] = 10
    deadline_s: Annotated[int, Strict(), Field(ge=12, le=600)] = 300
    min_trade: NotNegative = 0.0
    max_turnover: Annotated[float | None, Strict(), Field(ge=1e-4, le=10)] = None
    max_trade: dict[Text, Positive] = Field(default_factory=dict)
    venues: tuple[AddressField, ...] | None = None
    venue_limits: dict[AddressField, Positive] = Field(default_factory=dict)
    volatility: dict[Text, Volatility] = Field(default_factory=dict)
    blackouts: tuple[Blackout, ...] = ()

    @field_validator("every", "act_above", "stop_below", "stress")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Checked a key at a time, so that every fault of a section is told."""
        kind, key = info.data.get("kind"), info.field_name
        own = [k for k, keys in OWN_KEYS.items() if key in keys]
        if value is not None and kind is not None and kind not in own:
            raise ValueError(f"is of a policy of kind {_either(own)}, this one is {_quoted(kind)}; remove it")
        if value is None and key == "every" and kind in own:
            raise ValueError(f'missing: a policy of kind {_quoted(kind)} needs it; add it, such as "24h"')
        return value

    @field_validator("stop_below")
    @classmethod
    def _stops_lower(cls, value: float | None, info: ValidationInfo) -> float | None:
        act = info.data.get("act_above") or Preventative().act_above
        if value is not None and value >= act:
            raise ValueError(f"expected less than act_above, {act:g}: it must stop at a lower chance than it acts at")
        return value

    @field_validator("venues")
    @classmethod
    def _some(cls, value: tuple[Address, ...] | None) -> tuple[Address, ...] | None:
        if value is not None and not value:
            raise ValueError("found no pool, expected at least one; leave it out to use all that the vault allows")
        return value

    @field_validator("gas_wait", "gas_unless")
    @classmethod
    def _with_a_gas_price(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and "gas_below_gwei" in info.data and info.data["gas_below_gwei"] is None:
            raise ValueError("has no effect without gas_below_gwei; add that or remove this")
        return value


class VaultSettings(Section):
    """One vault; tokens by symbol or address, weights and band as fractions. Without weights, the chain's hold."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    address: AddressField
    kind: Literal["basket", "leverage", "range"]
    weights: dict[Text, Fraction] | None = None
    band: Annotated[Fraction, Field(lt=1)] | None = None
    health: Health | None = None
    range: RangeWidth | None = None
    policy: PolicySettings = PolicySettings()

    @field_validator("weights")
    @classmethod
    def _sum(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and (total := sum(round(weight * BPS) for weight in value.values())) != BPS:
            raise ValueError(f"found weights that sum to {total / BPS:g}, expected 1")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        own = {"basket": ("weights", "band"), "leverage": ("health",), "range": ("range",)}
        required = own[self.kind][-1]
        wrong = [f'"{required}" is missing'] if getattr(self, required) is None else []
        foreign = [key for kind, keys in own.items() if kind != self.kind for key in keys]
        wrong += [f'"{key}" is for another kind; remove it' for key in foreign if getattr(self, key) is not None]
        if wrong:
            raise ValueError(f"found a vault of kind {self.kind!r}: " + ", and ".join(wrong))
        return self


class Config(Section):
    """A whole keeper.toml. Its `path` is where it was read from; `vault` is in the order of the file."""

    path: Path
    chain: Chain
    journal: Journal
    key: Key
    gas: GasPrices = GasPrices()
    run: Run
    vault: tuple[VaultSettings, ...]

    @property
    def vaults(self) -> tuple[VaultSettings, ...]:
        return self.vault

    @property
    def journal_url(self) -> str:
        return self.journal.url.get_secret_value()

    @property
    def lanes(self) -> Lanes:
        gas = self.gas
        return Lanes(
            Lane("normal", gwei(gas.max_gas_price_gwei), gwei(gas.priority_fee_gwei), gas.resubmit_s),
            Lane(
                "urgent",
                gwei(gas.max_gas_price_urgent_gwei),
                gwei(gas.priority_fee_urgent_gwei),
                gas.resubmit_urgent_s,
            ),
        )

    def named(self, name: str) -> VaultSettings:
        """The vault called `name`. Raises BadInput."""
        names = [vault.name for vault in self.vault]
        if name not in names:
            raise BadInput(f"found no vault {name!r} in {self.path.name}, expected one of {', '.join(names)}")
        return self.vault[names.index(name)]

    @field_validator("vault")
    @classmethod
    def _distinct(cls, value: tuple[VaultSettings, ...]) -> tuple[VaultSettings, ...]:
        for what in ("name", "address"):
            seen = [getattr(vault, what) for vault in value]
            for twice in (one for one in seen if seen.count(one) > 1):
                raise ValueError(f"found two vaults with the {what} {twice}, expected each once")
        return value


def gwei(value: float) -> Wei:
    """Wei a unit of gas, exact in decimals."""
    return Wei(int(Decimal(repr(value)) * GWEI))


def _quoted(text: str) -> str:
    return f'"{text}"'


def _either(words: list[str]) -> str:
    return " or ".join(map(_quoted, words))
