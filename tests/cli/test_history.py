"""What `keeper history` holds, fetches and imports, and what it refuses."""

from pathlib import Path

from keeper.world import market
from tests.cli.conftest import Desk

HOUR = 3_600


def test_a_newcomer_holds_nothing(desk: Desk) -> None:
    said = desk.run("history")
    assert said.code == 0, said.err
    assert "nothing is held yet" in said.out


def test_it_fetches_what_the_node_tells_and_shows_it(desk: Desk) -> None:
    market.mine(desk.running, HOUR)
    market.move(desk.running, {"WETH": 2_950.0})
    market.mine(desk.running, HOUR)
    said = desk.run("history", "fetch", "--days", "2")
    assert said.code == 0, said.err
    assert "rounds, " in said.out
    assert "candles; hours from" in said.out
    page = " ".join(desk.run("history").out.split())
    for wanted in ("WETH prices feed 0x", "WETH candles pool 0x", "gas levels hours"):
        assert wanted in page, page
    assert all(len(line) <= 100 for line in desk.run("history").out.splitlines())


def test_it_imports_bars_and_levels_and_tells_gaps_and_outliers(desk: Desk, tmp_path: Path) -> None:
    start = market.now(desk.running) // HOUR * HOUR - 100 * HOUR
    rows = [f"{start + HOUR * k},{v},{v * 1.002},{v * 0.998},{v}" for k in range(90) if (v := 10.0 + k % 2 / 100)]
    rows[40] = rows[40].replace(rows[40].split(",")[2], "30.0")
    del rows[50:60]
    (tmp_path / "bars.csv").write_text("timestamp,open,high,low,close\n" + "\n".join(rows) + "\n")
    said = desk.run("history", "import", str(tmp_path / "bars.csv"), "--token", "weth")
    assert said.code == 0, said.err
    assert "80 rows of bars.csv kept" in said.out
    (tmp_path / "gas.csv").write_text(f"time,value\n{start},30\n{start + HOUR},20\n")
    assert desk.run("history", "import", str(tmp_path / "gas.csv"), "--level", "gas").code == 0
    page = " ".join(desk.run("history").out.split())
    assert "WETH candles file bars.csv 80" in page
    assert "10 h, 10 in a row" in page
    assert "1 ranges that no market made" in page
    assert "gas levels hours 2" in page


def test_what_cannot_be_imported_is_a_sentence(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("time,price\n1,2\n")
    assert "name the one that the file is about" in desk.run("history", "import", str(file)).line
    assert "expected one of USDC" in desk.run("history", "import", str(file), "--token", "DOGE").line
    refused = desk.run("history", "import", str(file), "--token", "WETH", "--stamped", "middle")
    assert refused.code == 2
    assert "expected start or end" in refused.line
    assert "cannot be read" in desk.run("history", "import", str(tmp_path / "none.csv"), "--token", "WETH").line
