"""Debian's Chromium under Playwright, when the machine has one."""

import contextlib
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
# Names for pages of other origins than the gateway's: all of them are this machine.
ELSEWHERE = "--host-resolver-rules=MAP *.example 127.0.0.1"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def needed_chromium() -> str:
    """Its path; the test is skipped without one, unless this machine must have one."""
    if found := chromium():
        return found
    if os.environ.get("TOLLGATE_REQUIRE_BROWSER"):
        pytest.fail("no Chromium was found, and TOLLGATE_REQUIRE_BROWSER says that there must be one")
    pytest.skip("no Chromium on this machine")


@contextlib.contextmanager
def open_page(
    program: str, *, dark: bool = False, width: int = 1280, height: int = 800, locale: str = "en-GB"
) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, ELSEWHERE])
        try:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                locale=locale,
            )
            yield context.new_page()
        finally:
            browser.close()


def log_in(page: Page, url: str, *, user: str, password: str) -> None:
    page.goto(f"{url}/admin/")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector("text=Latest charges")
