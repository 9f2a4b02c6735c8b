"""Files of prices: what they hold is kept as it is, and what is wrong with one is said in a sentence."""

import gzip
from pathlib import Path

import pytest

from keeper.errors import BadInput
from keeper.run import files
from keeper.units import Address

A = Address("0x" + "a" * 40)
HOUR = 3_600
BARS = """timestamp,open,high,low,close,volume
2022-01-01T00:00:00Z,1.0,1.5,0.9,1.2,10
2022-01-01T01:00:00Z,1.2,1.3,1.1,1.25,11
"""
START = 1_640_995_200


def written(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["prices.csv", "prices.csv.gz"])
def test_bars_are_stamped_by_their_ends(tmp_path: Path, name: str) -> None:
    table = files.read(written(tmp_path, BARS, name))
    found = files.candles(table, A)
    assert found.source == f"file {name}"
    assert found.ends == (START + HOUR, START + 2 * HOUR)
    assert (found.opens, found.highs, found.lows, found.closes) == ((1.0, 1.2), (1.5, 1.3), (0.9, 1.1), (1.2, 1.25))
    assert files.read(written(tmp_path, BARS), "end").times == (START, START + HOUR)
    assert files.series(table, A).prices == (1.2, 1.25)


def test_shorter_bars_become_hours_and_single_prices_any_spacing(tmp_path: Path) -> None:
    minutes = "time,open,high,low,close\n" + "".join(
        f"{START + 60 * k},{1 + k},{3 + k},{0.5 + k},{2 + k}\n" for k in range(120)
    )
    found = files.candles(files.read(written(tmp_path, minutes)), A)
    assert found.ends == (START + HOUR, START + 2 * HOUR)
    assert (found.opens[0], found.highs[0], found.lows[0], found.closes[0]) == (1.0, 62.0, 0.5, 61.0)
    singles = files.read(written(tmp_path, "Date,Price\n2022-01-01 00:00:10,5\n2022-01-01 00:00:05,4\n"))
    assert files.series(singles, A).timestamps == (START + 5, START + 10)
    assert files.read(written(tmp_path, f"time,price\n{START * 1000},5\n")).times == (START,)


def test_a_level_keeps_each_hour_s_last_and_least(tmp_path: Path) -> None:
    table = files.read(written(tmp_path, f"time,value\n{START + 60},30\n{START + 120},20\n{START + 180},25\n"))
    found = files.level(table, "gas")
    assert (found.ends, found.values, found.lows) == ((START + HOUR,), (25.0,), (20.0,))


def test_parquet_says_the_same(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is absent: Parquet is not tested")
    from datetime import UTC, datetime

    from pyarrow import parquet

    stamps = [datetime.fromtimestamp(START + HOUR * k, UTC) for k in range(2)]
    columns = {"timestamp": stamps, "open": [1.0, 1.2], "high": [1.5, 1.3], "low": [0.9, 1.1], "close": [1.2, 1.25]}
    path = tmp_path / "prices.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    plain = files.read(written(tmp_path, BARS))
    found = files.read(path)
    assert (found.times, found.values, found.bar) == (plain.times, plain.values, True)
    path.write_bytes(b"not parquet")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        files.read(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"prices.csv is empty: expected a line that names the columns"),
        ("time,price\n", r"prices.csv holds no rows"),
        ("when,price\n1,2\n", r"has the columns when, price: expected one of times, called timestamp or time"),
        ("time,volume\n1,2\n", r"expected one of prices, called price or close"),
        ("time,price\nyesterday,2\n", r"prices.csv, row 2: Invalid isoformat string: 'yesterday'; expected a time"),
        ("time,price\n1,two\n", r"row 2: could not convert string to float: 'two'"),
        ("time,price\n1\n", r"row 2: list index out of range"),
        ("time,price\n1,nan\n", r"row 2: found \(nan,\), expected finite numbers"),
        (f"time,open,high,low,close\n{START},1,1,1,1\n{START + 7200},1,1,1,1\n", r"holds bars of 2 hours"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        files.read(written(tmp_path, text))


def test_a_bar_that_cannot_be_is_named(tmp_path: Path) -> None:
    table = files.read(written(tmp_path, f"time,open,high,low,close\n{START},1,0.9,0.8,1\n"))
    with pytest.raises(BadInput, match=r"ends at 2022-01-01 01:00 has open 1, high 0.9, low 0.8, close 1; expected"):
        files.candles(table, A)


def test_bytes_and_absence_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="no text in UTF-8"):
        files.read(tmp_path / "x.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        files.read(tmp_path / "none.csv")
    (tmp_path / "x.csv.gz").write_bytes(b"plain")
    with pytest.raises(BadInput, match="cannot be read"):
        files.read(tmp_path / "x.csv.gz")
