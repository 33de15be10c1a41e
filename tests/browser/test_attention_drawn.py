"""`drawAttention` in a real browser: what lights up, against the numbers it was given."""

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, resize
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from nmt.inspection.attention_data import attention_record, merge_words
from nmt.pages.page import Page, render
from nmt.search.head_attentions import HeadAttention
from nmt.translation.translation import Translation

TARGET = ["▁The", "▁bl", "ack", "▁cat", ".", "</s>"]
SOURCE = ["▁Le", "▁ch", "at", "▁noir", ".", "</s>"]
STRENGTH = {"light": 0.85, "dark": 0.66}


def attended(target, source, weights):
    return Translation("", -1.0, -1.0, target, source, [-0.1] * len(target), weights, True)


def random_weights(rows, columns, seed=0):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(columns, 0.3), rows).astype(np.float32)


@pytest.fixture
def drawn(opened):
    def drawn(target=TARGET, source=SOURCE, weights=None, views=(), options="{}"):
        if weights is None:
            weights = random_weights(len(target), len(source))
        record = attention_record(attended(target, source, weights), views)
        styles, scripts = ("attention.css",), ("attention.js",)
        page = Page("A page", '<div id="here"></div>', record, styles, scripts)
        browser = opened(render(page))
        browser.execute_script(
            "window.drawing = drawAttention(document.getElementById('here'), pageData(),"
            f" {options})"
        )
        return browser

    return drawn


def tokens(browser, side):
    return browser.find_elements(By.CSS_SELECTOR, f".token[data-{side}]")


def texts(browser, side):
    return [token.text for token in tokens(browser, side)]


def lit(browser, side):
    """The weight of each word of a line, as it is drawn: 0 where it is dark."""
    return browser.execute_script(
        """const scheme = Number(getComputedStyle(document.documentElement)
             .getPropertyValue("--strength"));
           return [...document.querySelectorAll(`.token[data-${arguments[0]}]`)].map((token) => {
             const parts = getComputedStyle(token).backgroundColor.match(/[0-9.]+/g);
             const alpha = parts.length === 4 ? Number(parts[3]) : 1;
             return alpha / scheme;
           });""",
        side,
    )


def cells(browser):
    return np.array(
        browser.execute_script(
            """return [...document.querySelectorAll(".matrix tbody tr")].map((row) =>
                 [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.weight)));"""
        )
    )


def hover(browser, element):
    ActionChains(browser).move_to_element(element).perform()


def said(browser):
    return browser.find_element(By.CSS_SELECTOR, ".said").text


def test_a_word_lights_up_what_it_looked_at(drawn):
    weights = random_weights(len(TARGET), len(SOURCE))
    browser = drawn(weights=weights)
    target, source, merged = merge_words(attended(TARGET, SOURCE, weights))
    assert texts(browser, "target") == target == ["The", "black", "cat", "."]
    assert texts(browser, "source") == source
    for place, token in enumerate(tokens(browser, "target")):
        hover(browser, token)
        np.testing.assert_allclose(lit(browser, "source"), merged[place], atol=0.005)
        assert lit(browser, "target") == [0.0] * len(target)
        assert said(browser).startswith(f"{target[place]} attends to ")


def test_a_source_word_lights_up_what_looked_at_it(drawn):
    weights = random_weights(len(TARGET), len(SOURCE))
    browser = drawn(weights=weights)
    _, source, merged = merge_words(attended(TARGET, SOURCE, weights))
    for place, token in enumerate(tokens(browser, "source")):
        hover(browser, token)
        np.testing.assert_allclose(lit(browser, "target"), merged[:, place], atol=0.005)
        assert said(browser).startswith(f"{source[place]} is attended to by ")


def test_away_from_the_words_nothing_is_lit(drawn):
    browser = drawn()
    hover(browser, tokens(browser, "target")[1])
    hover(browser, browser.find_element(By.TAG_NAME, "h1"))
    assert lit(browser, "source") == [0.0] * 5


@pytest.mark.parametrize("seed", range(5))
def test_merged_weights_sum_to_one(drawn, seed):
    weights = random_weights(len(TARGET), len(SOURCE), seed)
    browser = drawn(weights=weights)
    np.testing.assert_allclose(cells(browser).sum(1), 1.0, atol=1e-3)
    merged = merge_words(attended(TARGET, SOURCE, weights))[2]
    np.testing.assert_allclose(cells(browser), merged, atol=2e-3)
    browser.execute_script("drawing.update({ subwords: true })")
    assert texts(browser, "target") == TARGET
    np.testing.assert_allclose(cells(browser), weights, atol=1e-3)
    np.testing.assert_allclose(cells(browser).sum(1), 1.0, atol=1e-6)


def test_the_cells_are_as_dark_as_their_weights(drawn):
    browser = drawn()
    alphas = browser.execute_script(
        """return [...document.querySelectorAll(".matrix td[data-weight]")].map((cell) => {
             const parts = getComputedStyle(cell).backgroundColor.match(/[0-9.]+/g);
             return [Number(cell.dataset.weight), parts.length === 4 ? Number(parts[3]) : 1];
           });"""
    )
    for weight, alpha in alphas:
        assert alpha == pytest.approx(weight * STRENGTH["light"], abs=0.005)


def test_words_and_heat_map_point_at_the_same_place(drawn):
    browser = drawn()
    hover(browser, browser.find_elements(By.CSS_SELECTOR, ".matrix tbody tr")[1])
    cell = browser.find_element(By.CSS_SELECTOR, 'td[data-target="1"][data-source="2"]')
    hover(browser, cell)
    on = browser.find_elements(By.CSS_SELECTOR, ".token.on, .matrix th.on")
    assert sorted(element.text for element in on) == ["black", "black", "noir", "noir"]
    assert said(browser).startswith("black attends to noir ")
    assert len(browser.find_elements(By.CSS_SELECTOR, "td.across")) == 5
    assert len(browser.find_elements(By.CSS_SELECTOR, "td.down")) == 4
    hover(browser, tokens(browser, "source")[2])
    assert not browser.find_elements(By.CSS_SELECTOR, "td.across")
    assert len(browser.find_elements(By.CSS_SELECTOR, "td.down")) == 4


def test_a_tap_holds_a_word(drawn):
    browser = drawn()
    word = tokens(browser, "target")[2]
    word.click()
    hover(browser, browser.find_element(By.TAG_NAME, "h1"))
    held = lit(browser, "source")
    assert sum(held) > 0.9
    assert word.get_attribute("aria-pressed") == "true"
    hover(browser, tokens(browser, "target")[0])
    assert lit(browser, "source") != held
    hover(browser, browser.find_element(By.TAG_NAME, "h1"))
    assert lit(browser, "source") == held
    word.click()
    hover(browser, browser.find_element(By.TAG_NAME, "h1"))
    browser.execute_script("document.activeElement.blur()")
    assert sum(lit(browser, "source")) == 0.0


def tap(browser, element):
    """With a finger: nothing hovers before, and the click comes when the browser has made it."""
    seen = "return window.clicks ?? 0"
    if browser.execute_script("return window.clicks === undefined"):
        browser.execute_script("addEventListener('click', () => clicks++); window.clicks = 0")
    before = browser.execute_script(seen)
    actions = ActionBuilder(browser, mouse=PointerInput("touch", "finger"))
    actions.pointer_action.move_to(element).pointer_down().pointer_up()
    actions.perform()
    WebDriverWait(browser, 10).until(lambda _: browser.execute_script(seen) > before)


def test_a_finger_holds_and_lets_go(drawn):
    browser = drawn(weights=np.eye(6, dtype=np.float32))
    tap(browser, tokens(browser, "target")[2])
    assert said(browser).startswith("cat attends to noir 100%")
    tap(browser, tokens(browser, "source")[0])
    assert said(browser).startswith("Le is attended to by The 100%")
    tap(browser, tokens(browser, "source")[0])
    assert not browser.find_elements(By.CSS_SELECTOR, '[aria-pressed="true"]')


def test_by_keyboard_alone(drawn):
    browser = drawn(weights=np.eye(6, dtype=np.float32))
    focused = lambda: browser.switch_to.active_element  # noqa: E731
    tokens(browser, "target")[0].send_keys(Keys.ARROW_RIGHT)
    assert focused().text == "black"
    assert lit(browser, "source") == pytest.approx([0.0, 1.0, 0.0, 0.0, 0.0], abs=0.01)
    focused().send_keys(Keys.ARROW_DOWN)
    assert (focused().text, focused().get_attribute("data-source")) == ("chat", "1")
    focused().send_keys(Keys.END)
    assert focused().text == "</s>"
    focused().send_keys(Keys.HOME, Keys.ARROW_LEFT)
    assert focused().text == "Le"
    focused().send_keys(Keys.ENTER)
    assert focused().get_attribute("aria-pressed") == "true"
    focused().send_keys(Keys.ESCAPE)
    assert focused().get_attribute("aria-pressed") == "false"


def test_each_line_has_one_stop_for_the_tab_key(drawn):
    browser = drawn()
    tokens(browser, "target")[0].send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    stops = browser.find_elements(By.CSS_SELECTOR, '.token[tabindex="0"]')
    assert [stop.text for stop in stops] == ["cat", "Le"]


def test_right_to_left(drawn):
    source = ["▁שלום", "▁עולם", "</s>"]
    browser = drawn(source=source, weights=random_weights(6, 3))
    first, second = tokens(browser, "source")[:2]
    assert first.location["x"] > second.location["x"]
    columns = browser.find_elements(By.CSS_SELECTOR, ".matrix thead th")
    assert columns[0].location["x"] > columns[1].location["x"]
    first.send_keys(Keys.ARROW_LEFT)
    assert browser.switch_to.active_element.text == "עולם"
    end = tokens(browser, "source")[2]
    assert end.value_of_css_property("direction") == "ltr"
    assert end.value_of_css_property("unicode-bidi") == "isolate"


def test_hostile_text_is_text(drawn):
    source = [
        "▁</script><script>window.hurt=1</script>",
        "▁<img/src=x/onerror=window.hurt=1>",
        "▁" + "m" * 3000,
        "▁\u202egnorw\u2066",
        "▁\0\x1b[2J",
        "▁\u0301\u0302",
        "▁👩‍👩‍👧",
        "▁\u200d",
        "</s>",
    ]
    browser = drawn(source=source, weights=random_weights(6, len(source)))
    assert browser.execute_script("return window.hurt === undefined")
    assert texts(browser, "source")[0] == source[0].removeprefix("▁")
    assert texts(browser, "source")[3] == "gnorw"
    assert texts(browser, "source")[4] == "\ufffd\ufffd[2J"
    assert texts(browser, "source")[5] == "\u25cc\u0301\u0302"
    assert texts(browser, "source")[6] == "👩‍👩‍👧"
    assert not overflows(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_on_the_darkest_cell_can_be_read(drawn, browser, scheme):
    prefer(browser, scheme)
    weights = np.eye(6, dtype=np.float32)
    drawn(weights=weights, options="{ numbers: true }")
    hover(browser, tokens(browser, "target")[0])
    for selector in (".token.lit", 'td[data-weight="1.0000"]'):
        assert contrast(browser, selector) >= 4.5


def contrast(browser, selector):
    """Of text and ground, as WCAG 2 reckons it; the ground is half transparent above the card."""
    text, ground, below = browser.execute_script(
        """const style = getComputedStyle(document.querySelector(arguments[0]));
           const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
           return [style.color, style.backgroundColor,
                   getComputedStyle(document.body).backgroundColor].map(numbers);""",
        selector,
    )
    alpha = ground[3] if len(ground) == 4 else 1.0
    mixed = [alpha * over + (1 - alpha) * under for over, under in zip(ground, below, strict=False)]
    light, dark = sorted((luminance(text), luminance(mixed)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_heads_are_chosen_by_their_pictures(drawn):
    one, two = random_weights(6, 6, 1), random_weights(6, 6, 2)
    browser = drawn(
        weights=(one + two) / 2, views=[HeadAttention("head 1", one), HeadAttention("head 2", two)]
    )
    browser.execute_script("drawing.update({ subwords: true })")
    np.testing.assert_allclose(cells(browser), (one + two) / 2, atol=1e-3)
    views = browser.find_elements(By.CSS_SELECTOR, ".view")
    assert [view.text for view in views] == ["all together", "head 1", "head 2"]
    views[2].click()
    np.testing.assert_allclose(cells(browser), two, atol=1e-3)
    chosen = browser.switch_to.active_element
    assert (chosen.text, chosen.get_attribute("aria-pressed")) == ("head 2", "true")
    chosen.send_keys(Keys.SHIFT, Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    np.testing.assert_allclose(cells(browser), one, atol=1e-3)


def test_without_attention_there_are_the_words(drawn):
    record = attention_record(attended(TARGET, SOURCE, None))
    browser = drawn()
    browser.execute_script(
        "drawAttention(document.getElementById('here'), arguments[0])",
        record,
    )
    assert texts(browser, "target") == ["The", "black", "cat", "."]
    hover(browser, tokens(browser, "target")[0])
    assert not browser.find_elements(By.CSS_SELECTOR, ".matrix")


@pytest.mark.parametrize("width", [400, 1400])
def test_a_long_sentence_fits_the_window(drawn, browser, width):
    resize(browser, width)
    source, target = ["▁extraordinary"] * 59 + ["</s>"], ["▁w"] * 50
    drawn(target=target, source=source, weights=random_weights(50, 60))
    assert not overflows(browser)
