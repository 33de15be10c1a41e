"""A real browser, headless, for pages that people look at."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from browsing import resize  # noqa: E402
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402

Browser = webdriver.Chrome

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_DRIVER = shutil.which("chromedriver")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if _CHROMIUM is None or _DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = _CHROMIUM
    for argument in (*_ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """Chromium with an empty page of 1400 x 900; after the test its console must be clean."""
    _chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    resize(_chromium, 1400)
    _chromium.get("about:blank")
    _chromium.get_log("browser")
    _chromium.get_log("performance")
    yield _chromium
    complaints = [entry["message"] for entry in _chromium.get_log("browser")]
    assert complaints == []


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Callable[[str], Browser]:
    """Opens a page given as HTML, from a file; it may ask for nothing else."""

    def opened(page: str) -> Browser:
        file = tmp_path / "page.html"
        file.write_text(page, encoding="utf-8")
        browser.get(file.as_uri())
        return browser

    return opened
