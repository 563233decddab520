"""Eight Chromium browsers read and click while every process is replaced: nothing that they ask for fails."""

import asyncio
import os
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.factories import PASSWORD
from tests.production.bed import ADA
from tests.production.front import HOST
from tests.production.processes import until

pytestmark = [pytest.mark.timeout(900), pytest.mark.browser]
_BROWSERS = 8
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
)
_LEFT = "net::ERR_ABORTED"  # the browser itself went to another page before


class Journey:
    """What the browsers asked for, and what came of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.pages = 0
        self.stopping = threading.Event()

    def go(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        rules = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{self.port}"
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=path, args=[*_FLAGS, rules])
            await asyncio.gather(*(self._one(chromium) for _ in range(_BROWSERS)))
            await chromium.close()

    async def _one(self, chromium: Browser) -> None:
        context = await chromium.new_context(base_url=f"https://{HOST}", ignore_https_errors=True)
        context.set_default_timeout(60_000)
        page = await context.new_page()
        page.on("response", lambda answer: self._answered(answer.status, answer.url))
        page.on("requestfailed", lambda request: self._failed(request.failure or "", request.url))
        await page.goto("/login")
        await page.get_by_label("E-mail address").fill(ADA)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("button", name="Sign out").wait_for()
        while not self.stopping.is_set():
            await self._look_around(page)
        await context.close()

    async def _look_around(self, page: Page) -> None:
        for path in ("/", "/billing/usage", "/invoices", "/account"):
            answer = await page.goto(path)
            assert answer is not None
            if answer.status != 200:
                self.failures.append(f"{answer.status} {path}")
            self.pages += 1

    def _answered(self, status: int, url: str) -> None:
        self.answers[str(status)] += 1
        if status >= 400:
            self.failures.append(f"{status} {url}")

    def _failed(self, reason: str, url: str) -> None:
        if reason != _LEFT:
            self.failures.append(f"{reason} {url}")


def test_a_rolling_restart_under_eight_browsers_loses_nothing(bed, proves):
    journey = Journey(bed.front.port)

    def go_on(pages: int) -> None:
        wanted = journey.pages + pages
        until(lambda: journey.pages >= wanted or travelling.done(), f"{pages} more pages", 120)

    with ThreadPoolExecutor(1) as pool:
        travelling = pool.submit(journey.go)
        try:
            go_on(_BROWSERS)
            for _ in range(2):
                for port in bed.ports:
                    assert bed.stop_web(port) == 0
                    go_on(_BROWSERS)
                    bed.start_web(port)
                    bed.wait_for_web(port)
                    go_on(_BROWSERS)
        finally:
            journey.stopping.set()
        travelling.result()
    assert journey.failures == []
    proves(
        f"S26 both processes restarted twice under {_BROWSERS} Chromium browsers: {journey.pages} pages,"
        f" {journey.answers.total()} answers, 0 failed"
    )
