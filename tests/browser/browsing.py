"""What tests do in a browser, and read off it."""

import json

from selenium.webdriver import Chrome


def resize(browser: Chrome, width: int, height: int = 900) -> None:
    """Make the page so many CSS pixels wide, as on a phone or a large screen."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(browser: Chrome, scheme: str) -> None:
    """The reader's own choice: light or dark."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def requests(browser: Chrome) -> list[str]:
    """The addresses that pages asked for since the test began, or since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def overflows(browser: Chrome) -> bool:
    """Whether the page is wider than the window, so that one has to scroll sideways."""
    return bool(
        browser.execute_script(
            "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )
