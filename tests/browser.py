"""A real browser for tests of pages: what is opened must load nothing, report nothing and run nothing but its own script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

_ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def open_browser(profile: Path, javascript: bool = True) -> Iterator[BrowserContext]:
    """A browser with an empty profile. Skips the test where none is installed; at the end, nothing must have gone wrong."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed, looked for {', '.join(_NAMES)}")
    wrong: list[str] = []

    def watch(page: Page) -> None:
        def complain(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                wrong.append(f"console: {message.text}")

        def request(request: Request) -> None:
            if not request.url.startswith(("file:", "data:")):
                wrong.append(f"request: {request.url}")

        def dialog(dialog: Dialog) -> None:
            wrong.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", complain)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("request", request)
        page.on("dialog", dialog)

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=_ARGS, java_script_enabled=javascript, viewport={"width": 1300, "height": 900},
            color_scheme="light",
        )  # fmt: skip
        try:
            context.on("page", watch)
            yield context
        finally:
            context.close()
    assert not wrong, wrong
