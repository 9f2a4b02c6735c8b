"""What `keeper forecast` says: today's forecast in plain words, its record, and where it is not to be used."""

import json

import numpy as np

from keeper.journal import Journal, open_journal
from keeper.model import Beliefs, Forecast, LevelSeries, Resolved, Series
from keeper.run.record import CODEC
from keeper.units import Address, Timestamp
from keeper.world import RunningWorld, market
from tests.cli.conftest import Desk
from tests.forecast.worlds import storms

HOUR = 3_600
HOURS = 3_000
DAY = 86_400


def journal_of(desk: Desk) -> Journal:
    return open_journal(str(desk.folder / ".keeper" / "journal.sqlite"), CODEC)


def token(running: RunningWorld, symbol: str) -> Address:
    return next(Address(t.address) for t in running.world.tokens if t.symbol == symbol)


def fill(desk: Desk, gas: bool = True) -> None:
    """Four months of hourly prices that end at the feeds' own, and of gas."""
    running = desk.running
    end = market.now(running) // HOUR * HOUR
    times = tuple(Timestamp(end - HOUR * k) for k in range(HOURS, 0, -1))
    with journal_of(desk) as journal:
        for seed, (symbol, usd) in enumerate((("WETH", 3_000.0), ("WBTC", 60_000.0))):
            close = storms(HOURS, seed + 3).close
            prices = tuple((close / close[-1] * usd).tolist())
            journal.past.add_prices(running.world.chain_id, Series(token(running, symbol), times, prices), "file x.csv")
        steady = Series(token(running, "USDC"), times, tuple(1.0 + 1e-4 * (k % 2) for k in range(HOURS)))
        journal.past.add_prices(running.world.chain_id, steady, "file x.csv")
        if gas:
            level = np.zeros(HOURS)
            for k, shock in enumerate(np.random.default_rng(1).standard_normal(HOURS)[1:], 1):
                level[k] = 0.8 * level[k - 1] + 0.2 * shock
            values = tuple(np.exp(level).tolist())
            journal.past.add_levels(running.world.chain_id, LevelSeries("gas", times, values, values))


def lose(journal: Journal, desk: Desk, model: str, skilful: bool, count: int = 400) -> None:
    """A live record of hourly forecasts, of a model that knows or one that does not."""
    rng, vault, now = np.random.default_rng(1), desk.running.world.vault("basket").address, market.now(desk.running)
    for k in range(count):
        likely = rng.random() < 0.5
        hit = bool(rng.random() < (0.7 if likely else 0.1))
        told = (0.7 if likely else 0.1) if skilful else (0.1 if likely else 0.7)
        issued = Timestamp(now - DAY - HOUR * (count - k))
        touches = (("WETH", "low", told, hit),)
        moved = Resolved(model, issued, DAY, ((token(desk.running, "WETH"), 1e-3, 0.03, True),), touches)
        made = _told(model)
        journal.forecasts.issue(desk.running.world.chain_id, Address(vault), issued, made)
        (open_one,) = journal.forecasts.due(desk.running.world.chain_id, Timestamp(now), 1)
        journal.forecasts.resolve(open_one.id, moved)


def _told(model: str) -> Forecast:
    return Forecast(model, DAY, (), ())


def lines(out: str, start: str) -> list[str]:
    return [line for line in out.splitlines() if line.strip().startswith(start)]


def test_a_newcomer_is_told_that_nothing_is_known_yet(desk: Desk) -> None:
    said = desk.run("forecast")
    assert said.code == 0, said.err
    assert "the next 1 d" in said.out
    assert "no: only the bands count" in said.out
    assert "nothing yet: a running keeper fits once a day" in said.out
    assert "none yet: a running keeper journals a forecast an hour" in said.out
    assert not (desk.folder / ".keeper" / "journal.sqlite").exists()


def test_fitted_it_tells_prices_bands_gas_and_the_record(desk: Desk) -> None:
    fill(desk)
    assert desk.run("run", "--once").code in (0, 3)
    said = desk.run("forecast", "--fit", "basket")
    assert said.code == 0, said.err
    page = said.out
    assert "walk-forward" in page
    assert " against ewma, qlike" in page
    assert "empirical against frequency, brier" in page
    assert "gas: " in page
    assert "gwei now, in 1 d about" in page
    assert "to reach" in page
    for line in lines(page, "WETH") + lines(page, "WBTC"):
        if "lost: ewma speaks" in line:
            assert "-0." in line
    assert "125 d of prices, data 0x" in page
    assert all(len(line) <= 100 for line in page.splitlines())
    with journal_of(desk) as journal:
        (fit,) = journal.forecasts.latest_beliefs(desk.running.world.chain_id)
        beliefs = journal.blobs.load(Beliefs, fit.value)
    assert beliefs.fingerprint == fit.fingerprint
    assert {f.model for f in beliefs.pooled} == {"learned"}
    held = {t.token: t for t in beliefs.tokens}
    assert held[token(desk.running, "WETH")].knowledge == "fitted"


def test_a_lost_live_record_switches_off_and_says_so(desk: Desk) -> None:
    fill(desk, gas=False)
    assert desk.run("run", "--once").code in (0, 3)
    tree = json.loads(desk.run("forecast", "--fit", "basket", "--json").out)[0]
    model = tree["forecast"]["model"]
    with journal_of(desk) as journal:
        lose(journal, desk, model, skilful=False)
    said = desk.run("forecast", "basket").out
    words = " ".join(said.split())
    assert f"{model} switched off by its live record, Brier skill -" in words
    assert "no: only the bands count" in words
    assert "400 resolved" in words
    assert "chance told → what came" in words
    tree = json.loads(desk.run("forecast", "basket", "--json").out)[0]
    assert tree["forecast"]["trusted"] is False
    (record,) = tree["beliefs"]["records"]
    assert record["trusted"] is False
    assert tree["live"]["known"] == 400


def test_a_live_record_that_wins_stands(desk: Desk) -> None:
    fill(desk, gas=False)
    assert desk.run("run", "--once").code in (0, 3)
    model = json.loads(desk.run("forecast", "--fit", "basket", "--json").out)[0]["forecast"]["model"]
    with journal_of(desk) as journal:
        lose(journal, desk, model, skilful=True)
    tree = json.loads(desk.run("forecast", "basket", "--json").out)[0]
    (record,) = tree["beliefs"]["records"]
    assert record["trusted"] is True
    assert "switched off" not in desk.run("forecast", "basket").out


def test_a_dead_feed_is_named_and_the_others_are_still_told(desk: Desk) -> None:
    fill(desk, gas=False)
    market.mine(desk.running, 40 * HOUR)
    market.push_price(desk.running, "WETH", 3_000.0)
    said = desk.run("forecast", "basket")
    words = " ".join(said.out.split())
    assert said.code == 0, said.err
    assert "no forecast of them: " in words or "C-17" in words
    assert "WBTC: no price for 42 h: feed is dead; the larger of its last volatility and its prior" in words
