"""A browser, and what tests of other areas have: servers that speak S3 and SMTP with their keys, a made month."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.conftest import authority
from tests.reports.conftest import make_month, render
from tests.s3.conftest import _credentials, bucket, proxy, s3, server

__all__ = ["_credentials", "authority", "bucket", "make_month", "proxy", "render", "s3", "server"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium: the machine's, else the one that `playwright install chromium` brought."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        own = started.chromium.executable_path
        path = next(filter(None, map(shutil.which, BROWSERS)), None) or (own if Path(own).exists() else None)
        if path is None:
            pytest.skip(
                f"no browser: none of {', '.join(BROWSERS)} on the path, and none of playwright's own"
            )
        chromium = started.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        chromium.close()
