"""Numbers in, the words of a terminal out: amounts in human units, percentages, ages, and bands as small bars."""

from datetime import UTC, datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from keeper.model import Quantity, Snapshot, Token
from keeper.units import NO_DEBT, SECONDS_PER_DAY, WAD, Address

BAR = 25
"""Characters of a bar; its band takes the middle three fifths."""
HEALTH = "health factor"
GAS = "gas"


def figure(value: float, like: float | None = None) -> str:
    """A number with as many decimals as `like` (itself, unless given) is small."""
    size = abs(value if like is None else like)
    return f"{value:,.{2 if size >= 10 or size == 0 else 4 if size >= 0.01 else 8}f}"


def amount(raw: int | float | None, token: Token) -> str:
    if raw is None:
        return "an unknown amount"
    return f"{figure(raw / 10**token.decimals)} {token.symbol}"


def per_cent(value: float) -> str:
    return f"{value:.2%}".replace("%", " %")


def gwei(wei: int) -> str:
    return f"{wei / 1e9:,.2f} gwei"


def short(text: str) -> str:
    """An address or hash as 0x1234…abcd."""
    return f"{text[:6]}…{text[-4:]}"


def clock(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """In the largest unit that it is a multiple of, or that leaves a number over 2."""
    for unit, size in (("d", SECONDS_PER_DAY), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def level(quantity: Quantity, value: float | None = None) -> str:
    """The value of a watched quantity, or another one in its words: a weight as a percentage, a health factor as is."""
    shown = quantity.value if value is None else value
    if quantity.name == HEALTH:
        return "no debt" if shown >= NO_DEBT else f"{shown:.3f}"
    return per_cent(shown)


def inside(quantity: Quantity) -> bool:
    return quantity.low <= quantity.value <= quantity.high


def bar(quantity: Quantity) -> Text:
    """The band as a line from low to high with its target, and the value as a dot, outside where it is outside."""
    edge, last = BAR // 5, BAR - 1

    def column(value: float) -> int:
        scaled = (value - quantity.low) / (quantity.high - quantity.low)
        return max(0, min(last, round(edge + scaled * (last - 2 * edge))))

    cells = [" "] * edge + ["─"] * (BAR - 2 * edge) + [" "] * edge
    cells[edge], cells[last - edge], cells[column(quantity.target)] = "├", "┤", "┼"
    text = Text("".join(cells), style="dim")
    at = column(quantity.value)
    dot = Text("●", style="green" if inside(quantity) else "bold red")
    return text[:at] + dot + text[at + 1 :]


def band(quantity: Quantity) -> str:
    return f"{level(quantity, quantity.low)} … {level(quantity, quantity.high)}"


def symbol(snapshot: Snapshot, token: Address) -> str:
    return snapshot.token(token).symbol


def health(wad: int) -> str:
    return "no debt" if wad >= NO_DEBT * WAD else f"{wad / WAD:.4f}"


def inset(content: RenderableType) -> Padding:
    """Content under its headline, with a line of air below."""
    return Padding(content, (0, 0, 1, 2), expand=False)
