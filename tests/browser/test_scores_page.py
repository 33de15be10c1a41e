"""The page of `nmt score --html` in a real browser."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, requests, resize
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from nmt.evaluation.score_page import score_page
from nmt.evaluation.score_report import ReportOptions, System, compare_systems
from nmt.pages.page import render

REFERENCES = ["The black cat sat on it.", "A dog sleeps there.", "هناك قطة سوداء كبيرة"] * 25
GOOD = ["The black cat sat on it.", "A dog sleeps here.", "هناك قطة سوداء كبيرة"] * 25
POOR = ["A cat sits on it.", "A dog", "قطة"] * 25
SOURCES = ["Le chat noir y est assis.", "Un chien dort là.", "Il y a un grand chat noir"] * 25
COUNTS = {"cat": 1, "dog": 7, "A": 20}


@pytest.fixture
def page(opened):
    question = ReportOptions([REFERENCES], SOURCES, COUNTS, trials=20)
    return opened(
        render(score_page(compare_systems([System("a", GOOD), System("b", POOR)], question)))
    )


def cards(page):
    return page.find_elements(By.CSS_SELECTOR, "#list > li")


def count(page):
    return page.find_element(By.ID, "count").text


def test_it_is_whole_in_itself(page):
    assert [url for url in requests(page) if not url.startswith(("file:", "data:"))] == []
    assert len(cards(page)) == 50
    page.find_element(By.ID, "more").click()
    assert count(page) == "75 of 75"
    assert not page.find_element(By.ID, "more").is_displayed()


def test_what_differs_is_marked(page):
    second = cards(page)[1]
    assert [mark.text for mark in second.find_elements(By.CLASS_NAME, "extra")] == ["here"]
    assert [mark.text for mark in second.find_elements(By.CLASS_NAME, "missing")] == ["there"]


def test_right_to_left_text_begins_at_the_right(page):
    arabic = cards(page)[2].find_elements(By.CSS_SELECTOR, "dd[dir=auto]")[1]
    direction = "return getComputedStyle(arguments[0]).direction"
    assert page.execute_script(direction, arabic) == "rtl"


def test_sentences_are_found_and_put_in_order(page):
    find = page.find_element(By.ID, "find")
    find.send_keys("CHIEN")
    assert count(page) == "25 of 25"
    find.clear()
    find.send_keys("nowhere")
    assert count(page) == "0 of 0"
    find.clear()
    find.send_keys(" ")
    Select(page.find_element(By.ID, "order")).select_by_visible_text("worst first")
    Select(page.find_element(By.ID, "system")).select_by_visible_text("b")
    assert "قطة" in cards(page)[0].text
    Select(page.find_element(By.ID, "order")).select_by_visible_text("longest first")
    assert "The black cat" in cards(page)[0].text


def test_a_metric_is_chosen_by_keyboard(page):
    bleu, chrf, _ = page.find_elements(By.CSS_SELECTOR, "#metrics button")
    assert bleu.get_attribute("aria-pressed") == "true"
    chrf.send_keys(" ")
    assert chrf.get_attribute("aria-pressed") == "true"
    titles = [title.text for title in page.find_elements(By.CSS_SELECTOR, "#charts h3")]
    assert titles == [
        "chrF2 by length",
        "Words by frequency in the training text",
        "Sentences by their chrF2",
    ]


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_screen(page, browser, width):
    resize(browser, width)
    assert not overflows(browser)
