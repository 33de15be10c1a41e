"""What all pages share, in a real browser."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, requests, resize
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from nmt.pages.page import Page, escape_html, render

TABLE = """<div class="wide"><table data-sortable>
<thead><tr><th>word</th><th>count</th></tr></thead>
<tbody><tr><td>b</td><td data-value="10">10</td></tr><tr><td>c</td><td data-value="9">9</td></tr>
<tr><td>a</td><td data-value="100">100</td></tr></tbody></table></div>"""


@pytest.fixture
def page(opened):
    return opened(render(Page(title="A page", body=TABLE, about="about it")))


def ground(browser):
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def test_a_page_asks_for_nothing_else(page):
    (only,) = [url for url in requests(page) if not url.startswith("data:")]
    assert only.startswith("file:")


def test_the_reader_chooses_light_or_dark(page):
    prefer(page, "light")
    light = ground(page)
    prefer(page, "dark")
    dark = ground(page)
    assert light != dark
    button = page.find_element(By.ID, "theme")
    WebDriverWait(page, 10).until(lambda _: button.text == "Light")  # the page hears of it later
    button.click()
    assert ground(page) == light


def words(browser):
    return [row.text.split()[0] for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")]


def test_tables_sort_by_keyboard_and_by_number(page):
    by_word, by_count = page.find_elements(By.CSS_SELECTOR, "th button")
    by_word.send_keys(Keys.ENTER)
    assert words(page) == ["a", "b", "c"]
    by_count.click()
    assert words(page) == ["c", "b", "a"]
    by_count.click()
    assert words(page) == ["a", "b", "c"]
    sorts = [th.get_attribute("aria-sort") for th in page.find_elements(By.TAG_NAME, "th")]
    assert sorts == [None, "descending"]


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(opened, browser, width):
    resize(browser, width)
    long_word = "m" * 300
    opened(render(Page(title=long_word, body=f"{TABLE}<p>{escape_html(long_word)}</p>")))
    assert not overflows(browser)
