"""The page of `nmt serve` in a real browser, with a translator that writes words in capitals."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import uvicorn
from browsing import overflows, requests, resize
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from nmt.data.manifest import LengthRatio
from nmt.serving.api_schema import ApiResponses, RequestLimits
from nmt.serving.app import Service, make_application, render_page
from nmt.serving.request_queue import RequestQueue
from nmt.serving.server import address, open_listener
from nmt.translation.alternatives import Alternative
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.translation import Translation

INFO = {
    "version": "1.2",
    "model": "capitals",
    "source_language": "en",
    "target_language": "de",
    "target_languages": ["de"],
    "tags": [],
    "requires_tag": False,
    "to": None,
    "tag": None,
    "beam_size": 3,
    "attention": True,
}
SAID = {"shalom": "שלום", "olam": "עולם", "tag": "<img src=x onerror=alert(1)>"}


@dataclass
class Capitals:
    """Each word in capitals, or as `SAID`; what is to begin otherwise takes the place of the words
    that it has.
    """

    model: Any = None

    def with_model(self, model):
        return self

    def with_tags(self, to, tag):
        return self

    def translate(self, lines, constraints, **overrides):
        return [
            self._translation(line, wish.prefix.split())
            for line, wish in zip(lines, constraints, strict=True)
        ]

    def alternatives(self, text, prefix, count, words, **overrides):
        before = [token.removeprefix("▁") for token in prefix]
        found = [self._translation(text, before)]
        found += [self._translation(text, [*before, other]) for other in ("ONE", "TWO")]
        place = len(before)
        return [
            Alternative(each.tokens[place], probability, each)
            for each, probability in zip(found, (0.6, 0.25, 0.001), strict=True)
        ]

    def _translation(self, text, beginning):
        given = text.split()
        made = [*beginning, *(SAID.get(word, word.upper()) for word in given[len(beginning) :])]
        if not given:
            return Translation("", 0.0, 0.0, [], [], [], None, True)
        weights = np.eye(len(made) + 1, len(given) + 1, dtype=np.float32)
        weights[len(given) + 1 :, -1] = 1.0
        return Translation(
            text=" ".join(made),
            score=-0.1,
            log_probability=-0.1,
            tokens=[*(f"▁{word}" for word in made), "</s>"],
            source_tokens=[*(f"▁{word}" for word in given), "</s>"],
            token_log_probabilities=[-0.1] * (len(made) + 1),
            attention=weights,
            finished=True,
        )


@pytest.fixture(scope="module")
def home():
    """The address of a server."""
    listener = open_listener("127.0.0.1", 0)
    desk = RequestQueue(Capitals(), 8, 8)
    limits = RequestLimits(characters=300)
    service = Service(
        desk,
        ApiResponses(QualityEstimator(LengthRatio(1.0, 0.3))),
        limits,
        render_page(INFO),
        INFO,
        3,
    )
    app = make_application(service)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield address(listener)
    server.should_exit = True
    thread.join(30)
    desk.close()


@pytest.fixture
def page(browser, home):
    browser.get(home)
    return browser


def wait(page, condition):
    return WebDriverWait(page, 20, 0.05).until(lambda _: condition())


def typed(page, text):
    page.find_element(By.ID, "source").send_keys(text)


def shown(page):
    return page.find_element(By.ID, "target").text


def words(page):
    return page.find_elements(By.CSS_SELECTOR, "#target .word")


def items(page):
    return page.find_elements(By.CSS_SELECTOR, ".menu button")


def translated(page, text, result):
    typed(page, text)
    wait(page, lambda: shown(page) == result)


def test_what_is_typed_is_translated_and_drawn(page, home):
    assert page.title == "English → German"
    assert "capitals" in page.find_element(By.CSS_SELECTOR, ".about").text
    assert not page.find_element(By.ID, "looked").is_displayed()
    translated(page, "a red bike", "A RED BIKE")
    cells = page.find_elements(By.CSS_SELECTOR, "#attention td[data-weight='1.0000']")
    assert len(cells) == 3
    assert page.find_element(By.ID, "looked").is_displayed()
    assert all(url.startswith((home, "data:")) for url in requests(page))


def test_the_last_answer_counts(page):
    for letter in "a bike and a man":
        typed(page, letter)
    wait(page, lambda: shown(page) == "A BIKE AND A MAN")
    typed(page, Keys.CONTROL + "a")
    typed(page, Keys.DELETE)
    wait(page, lambda: "Click a word" in shown(page))
    assert not page.find_element(By.ID, "looked").is_displayed()


def test_another_word_is_chosen_by_keyboard(page):
    translated(page, "a red bike", "A RED BIKE")
    words(page)[0].send_keys(Keys.ARROW_RIGHT)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    wait(page, lambda: len(items(page)) == 3)
    assert [item.text.replace("\n", " ") for item in items(page)] == [
        "RED BIKE 60%",
        "ONE BIKE 25%",
        "TWO BIKE <1%",
    ]
    assert items(page)[0].get_attribute("aria-checked") == "true"
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert items(page) == []
    assert page.switch_to.active_element.text == "RED"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    wait(page, lambda: len(items(page)) == 3)
    page.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert shown(page) == "A ONE BIKE"
    assert page.switch_to.active_element.text == "ONE"
    assert [word.text for word in words(page) if "fixed" in word.get_attribute("class")] == [
        "A",
        "ONE",
    ]
    assert page.find_element(By.ID, "prefix").get_attribute("value") == "A ONE"
    translated(page, " now", "A ONE BIKE NOW")  # what was chosen stays
    page.find_element(By.ID, "free").click()
    wait(page, lambda: shown(page) == "A RED BIKE NOW")


def test_a_click_elsewhere_closes_the_menu(page):
    translated(page, "a red bike", "A RED BIKE")
    words(page)[1].click()
    wait(page, lambda: len(items(page)) == 3)
    page.find_element(By.TAG_NAME, "h1").click()
    assert items(page) == []
    assert words(page)[1].get_attribute("aria-expanded") == "false"


def test_a_beginning_is_completed(page):
    translated(page, "a red bike", "A RED BIKE")
    page.find_element(By.ID, "prefix").send_keys("One two")
    wait(page, lambda: shown(page) == "One two BIKE")
    assert page.find_element(By.ID, "prefix").get_attribute("value") == "One two"


def test_each_line_is_its_own(page):
    typed(page, "a bike\n\ncopied text\na man")
    wait(page, lambda: shown(page).split("\n") == ["A BIKE", "COPIED TEXT", "A MAN"])
    rows = page.find_elements(By.CSS_SELECTOR, "#target .row")
    assert [row.text for row in rows] == ["A BIKE", "", "COPIED TEXT", "A MAN"]
    assert page.find_element(By.ID, "prefix-name").text == "Line 1 starts with"
    words(page)[4].click()
    wait(page, lambda: len(items(page)) == 3)
    items(page)[1].click()
    assert shown(page).split("\n")[-1] == "ONE MAN"
    assert page.find_element(By.ID, "prefix-name").text == "Line 4 starts with"
    flags = [chip.text for chip in page.find_elements(By.CLASS_NAME, "flag")]
    assert "line 3: copies the source" in flags


def test_right_to_left(page):
    translated(page, "shalom olam", "שלום עולם")
    row = page.find_element(By.CSS_SELECTOR, "#target .row")
    assert row.get_attribute("dir") == "rtl"
    first, second = words(page)
    assert first.location["x"] > second.location["x"]
    first.send_keys(Keys.ARROW_LEFT)
    assert page.switch_to.active_element.text == "עולם"


def test_text_is_no_html(page):
    translated(page, "tag", SAID["tag"])
    assert page.find_elements(By.CSS_SELECTOR, "main img") == []


def test_what_the_server_refuses_is_told(page):
    page.execute_script("document.getElementById('source').value = 'x'.repeat(400)")
    typed(page, "y")
    state = page.find_element(By.ID, "state")
    wait(page, lambda: "the limit is 300" in state.text)
    entries = [entry["message"] for entry in page.get_log("browser")]
    assert all("413" in entry for entry in entries)  # which the browser itself notes


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(page, width):
    resize(page, width)
    typed(page, f"a red bike {'m' * 120}\n" + "many words " * 12)
    wait(page, lambda: shown(page).endswith("WORDS"))
    assert not overflows(page)
    for place in (0, 2, -1):
        words(page)[place].click()
        wait(page, lambda: len(items(page)) == 3)
        assert not overflows(page)
        menu, column = (
            page.find_element(By.CSS_SELECTOR, name).rect for name in (".menu", ".made")
        )
        assert column["x"] <= menu["x"]
        assert menu["x"] + menu["width"] <= column["x"] + column["width"]
        page.switch_to.active_element.send_keys(Keys.ESCAPE)
