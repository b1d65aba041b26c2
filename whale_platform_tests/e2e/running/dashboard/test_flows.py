"""What an analyst does with the dashboard, in a real browser on the running platform."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from whale_platform.bench.harness.platform import Platform, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
ROWS = "#tape-body tr"
SLOW_WHALES = """
const get = window.fetch;
window.fetch = async (url, ...rest) => {
  if (String(url).includes("/whales?")) await new Promise((done) => setTimeout(done, 700));
  return get(url, ...rest);
};
"""

MANY = 500
_ANSWER_MANY = """answers => {
    const get = window.fetch;
    window.fetch = async (url, ...rest) => {
        const answer = answers[new URL(url, location).pathname];
        return answer ? new Response(JSON.stringify(answer)) : get(url, ...rest);
    };
}"""
_FOCUSED = """() => {
    const scroll = document.querySelector("#markets .scroll").getBoundingClientRect();
    const row = document.activeElement.closest("tr").getBoundingClientRect();
    return [scroll.top, scroll.bottom, row.bottom];
}"""
ENDS = """
select to_char(min(window_start), 'YYYY-MM-DD'), to_char(max(window_start), 'YYYY-MM-DD') from trade_windows
where exchange = 'bench'
"""
DAY = "day => new Date(day).toLocaleDateString('en-GB', {day: 'numeric', month: 'short', timeZone: 'UTC'}) + ','"


def keys(page: Page) -> list[str]:
    """The whales of the tape, newest first."""
    return list(page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.dataset.whale)"))


def pid(platform: Platform, service: str) -> int:
    """The service's process."""
    return int(platform.status()["services"][service]["pid"])


def answers_of(names: list[str]) -> dict[str, object]:
    """What the API answers where it has these markets of the exchange `many`, the first the busiest."""
    window = {"start": "2026-11-21T10:00:00Z", "open": "1.5", "high": "1.5", "low": "1.5"}
    state = {"exchange": "many", "price": "1.5", "window": window, "stale": False, "quiet": False, "reason": None}
    day = {"since": "2026-11-20T00:00:00Z", "change": "0.01"}
    return {
        "/symbols": {"items": [{"exchange": "many", "symbol": name, "usd_via": "USD"} for name in names]},
        "/latest": {
            "symbols": [
                state | {"symbol": name, "day": day | {"notional": str(len(names) - rank)}}
                for rank, name in enumerate(names)
            ]
        },
        "/sparklines": {"items": []},
    }


def choose(page: Page, symbol: str) -> None:
    """Find a market and open it, by the keyboard alone."""
    page.wait_for_selector("#markets-body tr")
    page.keyboard.press("/")
    page.keyboard.type(symbol)
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text(f"{symbol} price")


def test_a_symbol_is_picked_and_its_candle_moves(page: Page, said: list[str]) -> None:
    page.goto("/")
    choose(page, "BTCUSDT")
    assert "market=sim_binance:BTCUSDT" in page.url
    expect(page.locator("#link")).to_have_text("● Live")
    trades = page.locator("#legend div").filter(has_text="Trades").locator("dd")
    expect(trades).to_have_text(re.compile(r"\d"))
    first = trades.inner_text()
    expect(trades).not_to_have_text(first)
    expect(page.locator("#chips")).to_contain_text("sim_coinbase")
    expect(page.locator("#chips")).to_contain_text("gaps 0 open")
    assert not said


def test_hundreds_of_markets_are_walked_by_keys_with_few_rows_in_the_page(page: Page, said: list[str]) -> None:
    names = [f"MANY{number:03d}" for number in range(MANY)]
    page.add_init_script(f"({_ANSWER_MANY})({json.dumps(answers_of(names))})")
    page.goto("/#market=many:MANY000")
    expect(page.locator("#markets .panel-head .note")).to_have_text(f"{MANY} of {MANY}")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    for _ in range(100):
        page.keyboard.press("j")
    expect(page.locator("#markets-body :focus b")).to_have_text("MANY100")
    assert page.locator("#markets-body tr").count() < 60
    top, bottom, under = page.evaluate(_FOCUSED)
    assert bottom - 2 <= under <= bottom + 2, f"the row in focus is the last in sight: {top}, {bottom}, {under}"
    page.mouse.move(100, 500)
    page.mouse.wheel(0, 5_000)
    expect(page.locator("#markets-body")).to_contain_text("MANY200")
    expect(page.locator("#markets-body :focus b")).to_have_text("MANY100")
    page.keyboard.press("k")
    expect(page.locator("#markets-body :focus b")).to_have_text("MANY099")
    page.keyboard.press("End")
    expect(page.locator("#markets-body :focus b")).to_have_text(names[-1])
    expect(page.locator("#markets-body tr").last).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text(f"{names[-1]} price")
    assert not [line for line in said if "422" not in line], "the API knows none of these markets"


def test_whales_arrive_are_filtered_and_open_with_their_lineage(
    page: Page, platform: Platform, said: list[str]
) -> None:
    page.goto("/")
    page.wait_for_selector(ROWS)
    newest = keys(page)[0]
    page.wait_for_function("newest => document.querySelector('#tape-body tr').dataset.whale !== newest", arg=newest)
    page.select_option("#f-side", "sell")
    page.select_option("#f-kind", "single_trade")
    page.wait_for_function("() => !document.querySelector('#tape-body tr.buy')")
    page.wait_for_function("() => !document.querySelector('#tape-body tr:not(.single_trade)')")
    page.wait_for_selector(f"{ROWS}.sell")
    assert "side=sell" in page.url and "kind=single_trade" in page.url
    chosen = keys(page)[0]
    number = chosen.rpartition("/")[2].partition(":")[0]
    wait_for("its row", lambda: platform.sql(f"select 1 from whale_alerts where trade_id = {number}"))
    dialog = page.locator("#context")

    def placed() -> bool:
        page.locator(f'{ROWS}[data-whale="{chosen}"]').click()
        expect(dialog.locator(".lineage")).to_contain_text("stream-")
        found = re.search(r"raw_crypto_trades, partition \d+, offset \d+", dialog.locator(".lineage").inner_text())
        if found is None:  # it says that Kafka had no time for it, and to ask again
            page.keyboard.press("Escape")
        return found is not None

    wait_for("its place in Kafka", placed)
    expect(dialog.locator(".lineage")).to_contain_text(re.compile(r"stream-\d{8}T\d{6}Z"))
    expect(dialog.locator(".around tr.here")).to_have_count(1)
    opened = page.url
    assert "whale=" in opened
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.goto("about:blank")
    page.goto(opened)
    expect(dialog.locator(".lineage")).to_contain_text("offset")
    assert not said


def test_scrolling_back_loads_the_past(page: Page, platform: Platform, said: list[str]) -> None:
    page.add_init_script(SLOW_WHALES)  # so that the reader is always faster than what is loaded
    page.goto("/#market=bench:SYM1")
    oldest, newest = (page.evaluate(DAY, day) for day in platform.sql(ENDS)[0])
    legend = page.locator("#legend")
    expect(legend).to_contain_text(newest)
    page.locator("#canvas").focus()

    def at_the_oldest() -> bool:
        page.keyboard.press("Home")
        page.wait_for_timeout(300)
        return oldest in legend.inner_text()

    wait_for("the oldest bar", at_the_oldest)
    page.keyboard.press("End")
    expect(legend).to_contain_text(newest)
    assert not said


def test_the_server_is_lost_and_comes_back_without_a_missing_whale(page: Page, platform: Platform) -> None:
    page.goto("/")
    page.wait_for_selector(ROWS)
    began = keys(page)
    killed = pid(platform, "api")
    os.kill(killed, signal.SIGKILL)
    expect(page.locator("#banner")).to_contain_text("The server is gone since")
    expect(page.locator("#link")).to_have_text("○ Disconnected")
    wait_for("another process", lambda: (platform.status()["services"]["api"]["pid"] or killed) != killed)
    expect(page.locator("#link")).to_have_text("● Live", timeout=300_000)
    expect(page.locator("#banner")).to_be_hidden()
    after = keys(page)
    page.wait_for_function("newest => document.querySelector('#tape-body tr').dataset.whale !== newest", arg=after[0])
    page.wait_for_timeout(3_000)  # the tables are a moment behind the stream

    def missing() -> set[str]:
        rows = platform.sql(
            "select exchange || '/' || symbol || '/' || trade_id || ':' || kind from whale_orders "
            "where exchange like 'sim%' "
            "order by event_time desc offset 3 limit 140"  # the newest may not be on the page yet
        )
        return {row[0] for row in rows} - set(keys(page))

    shown = keys(page)
    assert len(shown) == len(set(shown))
    assert set(shown) > set(began[:50])
    assert not missing()


def test_old_data_is_said_to_be_old(page: Page, platform: Platform) -> None:
    page.goto("/")
    expect(page.locator("#link")).to_have_text("● Live")
    stopped = pid(platform, "ingester")
    os.kill(stopped, signal.SIGSTOP)
    try:
        expect(page.locator("#banner")).to_contain_text("ingester is silent", timeout=300_000)
        expect(page.locator("#chips")).to_contain_text("silent")
    finally:
        os.kill(stopped, signal.SIGCONT)
    expect(page.locator("#link")).to_have_text("● Live", timeout=300_000)


def test_a_key_is_asked_for_and_used(page: Page, platform: Platform) -> None:
    key = re.findall(r"whale_\S+", platform.run_command("api-key", "add", "desk").stdout)[0]
    try:
        page.wait_for_timeout(3_000)
        page.goto("/")
        expect(page.locator("#key-dialog")).to_be_visible()
        page.fill("#key", key)
        page.click("#key-use")
        expect(page.locator("#link")).to_have_text("● Live")
        page.wait_for_selector(ROWS)
        assert key not in page.url
    finally:
        platform.run_command("api-key", "remove", "desk")
    logs = Path(platform.status()["home"]) / "logs"
    assert all(key not in log.read_text() for log in logs.glob("api*"))
