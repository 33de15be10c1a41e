"""The page of `nmt attention --html` in a real browser."""

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, requests, resize
from looked_at import TREE, made_up, random_weights, sentence
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from nmt.inspection.attention_data import (
    InspectedTranslation,
    ModelOutput,
    Sentence,
    merge_words,
    with_views,
)
from nmt.inspection.attention_page import attention_page, draw_attention
from nmt.search.head_attentions import HeadAttention

HOSTILE = "</script><img/src=x/onerror=window.hurt=1>"


def one_hot(rows, columns):
    return np.eye(rows, columns, dtype=np.float32) + np.eye(rows, columns, -columns, np.float32)


SENTENCES = [
    sentence(
        1,
        "Le ch+at noir",
        made_up("The bl+ack cat", "Le ch+at noir", -0.5, tree=TREE),
        made_up("The dark cat", "Le ch+at noir", -0.9, seed=1),
        made_up("A cat", "Le ch+at noir", -1.7, seed=2),
        reference="A black cat",
    ),
    sentence(2, "Un chien", made_up("A dog", "Un chien", -2.5, one_hot(3, 3)), reference=""),
    sentence(3, "", made_up("", "")),
    sentence(4, HOSTILE, made_up(HOSTILE, HOSTILE, -0.1)),
    sentence(5, "שלום עולם", made_up("Hello world e\u0301", "שלום עולם", -1.2, seed=5)),
]


@pytest.fixture
def page(opened):
    return opened(attention_page(SENTENCES, ["runs/a"], about="beam 3"))


def rows(browser):
    return browser.find_elements(By.CSS_SELECTOR, ".row")


def numbers(browser):
    return [int(row.text.split("\n")[-1].split()[0]) for row in rows(browser)]


def texts(browser, selector):
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, selector)]


def find(browser, selector):
    """What is there, or comes: a page draws some things only when they are opened."""
    wait = WebDriverWait(browser, 20)
    return wait.until(lambda found: found.find_element(By.CSS_SELECTOR, selector))


def press(browser, name):
    (button,) = [b for b in browser.find_elements(By.CSS_SELECTOR, ".bar button") if b.text == name]
    button.click()


def choose(browser, number):
    rows(browser)[numbers(browser).index(number)].click()


def heading(browser):
    return find(browser, ".bar h2").text


def cells(browser):
    return np.array(
        browser.execute_script(
            """return [...document.querySelectorAll(".matrix tbody tr")].map((row) =>
                 [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.weight)));"""
        )
    )


def test_nothing_is_asked_for_and_hostile_text_is_harmless(page):
    for number in range(1, 6):
        choose(page, number)
        assert heading(page) == f"Sentence {number}"
    assert page.execute_script("return window.hurt === undefined")
    (only,) = [url for url in requests(page) if not url.startswith("data:")]
    assert only.startswith("file:")
    choose(page, 4)
    assert texts(page, ".token[data-source]")[0] == HOSTILE


def test_search_looks_into_all_texts(page):
    search = find(page, 'input[type="search"]')
    for wanted, found in (
        ("CHIEN", [2]),
        ("dark", [1]),
        ("a ", [1, 2]),
        ("nothing", []),
        ("", [1, 2, 3, 4, 5]),
    ):
        search.clear()
        search.send_keys(wanted or Keys.BACKSPACE)
        page.execute_script("arguments[0].dispatchEvent(new Event('input'))", search)
        assert numbers(page) == found
    search.send_keys("e\u0301")
    assert numbers(page) == [5]
    assert find(page, ".count").text == "1 of 5 sentences"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("order", [1, 2, 3, 4, 5]),
        ("low", [2, 5, 3, 1, 4]),
        ("high", [4, 1, 3, 5, 2]),
        ("long", [1, 2, 5, 4, 3]),
        ("short", [3, 4, 2, 5, 1]),
    ],
)
def test_orders(page, order, expected):
    Select(find(page, "select")).select_by_value(order)
    assert numbers(page) == expected


def test_order_by_entropy(page):
    Select(find(page, "select")).select_by_value("focused")
    bits = [float(row.text.split(" bits")[0].split()[-1]) for row in rows(page)]
    assert bits == sorted(bits)
    assert bits[0] == 0.0
    Select(find(page, "select")).select_by_value("spread")
    assert [float(row.text.split(" bits")[0].split()[-1]) for row in rows(page)] == bits[::-1]
    assert [option.get_attribute("value") for option in Select(find(page, "select")).options][
        -1
    ] != "differ"


def test_the_list_by_keyboard(page):
    box = find(page, ".rows")
    box.send_keys(Keys.ARROW_DOWN)
    assert heading(page) == "Sentence 2"
    box.send_keys(Keys.END)
    assert heading(page) == "Sentence 5"
    box.send_keys(Keys.ARROW_DOWN)
    assert heading(page) == "Sentence 5"
    box.send_keys(Keys.HOME)
    assert heading(page) == "Sentence 1"
    chosen = box.find_elements(By.CSS_SELECTOR, '[aria-selected="true"]')
    assert [each.get_attribute("id") for each in chosen] == [
        box.get_attribute("aria-activedescendant")
    ]


def test_previous_and_next_follow_the_order(page):
    Select(find(page, "select")).select_by_value("low")
    choose(page, 5)
    press(page, "Next")
    assert heading(page) == "Sentence 3"
    press(page, "Previous")
    press(page, "Previous")
    press(page, "Previous")
    assert heading(page) == "Sentence 2"


def test_words_or_subwords(page):
    assert texts(page, ".token[data-target]") == ["The", "black", "cat"]
    press(page, "Subwords")
    assert texts(page, ".token[data-target]") == ["▁The", "▁bl", "ack", "▁cat", "</s>"]
    best = SENTENCES[0].outputs[0].best
    np.testing.assert_allclose(cells(page), best.attention, atol=1e-3)
    choose(page, 2)
    assert texts(page, ".token[data-target]") == ["▁A", "▁dog", "</s>"]
    press(page, "Words")
    choose(page, 1)
    merged = merge_words(best)[2]
    np.testing.assert_allclose(cells(page), merged, atol=2e-3)


def test_it_can_begin_with_subwords_and_numbers(opened):
    page = opened(attention_page(SENTENCES[:1], [""], subwords=True, numbers=True))
    assert texts(page, ".token[data-target]")[0] == "▁The"
    cell = find(page, ".matrix td[data-weight]")
    assert (
        page.execute_script("return getComputedStyle(arguments[0]).color", cell) == "rgb(0, 0, 0)"
    )
    assert not page.find_elements(By.CSS_SELECTOR, ".list")


def test_numbers_show_in_the_cells(page):
    cell = find(page, ".matrix td[data-weight]")
    colour = "return getComputedStyle(arguments[0]).color"
    assert page.execute_script(colour, cell) == "rgba(0, 0, 0, 0)"
    press(page, "Numbers")
    assert page.execute_script(colour, find(page, ".matrix td[data-weight]")) == "rgb(0, 0, 0)"
    choose(page, 2)
    assert texts(page, ".matrix td[data-weight]") == ["100", "", "", "", "100", ""]


def test_alternatives(page):
    looks = page.find_elements(By.CSS_SELECTOR, ".look")
    assert [look.text.split("\n") for look in looks] == [
        ["1", "-0.500", "The black cat"],
        ["2", "-0.900", "The dark cat"],
        ["3", "-1.700", "A cat"],
    ]
    assert [mark.text for mark in page.find_elements(By.CSS_SELECTOR, ".look mark")] == [
        "dark",
        "A",
    ]
    assert texts(page, ".reference mark") == ["A"]
    looks[1].click()
    assert texts(page, ".token[data-target]") == ["The", "dark", "cat"]
    second = SENTENCES[0].outputs[0].translations[1].translation
    merged = merge_words(second)[2]
    np.testing.assert_allclose(cells(page), merged, atol=2e-3)
    assert texts(page, ".reference mark") == ["A", "black"]
    looks[2].send_keys(Keys.ENTER)
    assert texts(page, ".token[data-target]") == ["A", "cat"]
    assert [look.get_attribute("aria-pressed") for look in looks] == ["false", "false", "true"]


def test_a_reference_that_the_model_was_asked_about(opened):
    reading = ModelOutput(
        (
            InspectedTranslation(made_up("A cat", "Le chat")),
            InspectedTranslation(made_up("The cat", "Le chat", -3.0), "reference"),
        )
    )
    page = opened(attention_page([Sentence(1, "Le chat", (reading,), "The cat")], [""]))
    _, reference = page.find_elements(By.CSS_SELECTOR, ".look")
    assert reference.text.split("\n") == ["Reference", "-3.000", "The cat"]
    assert texts(page, ".reference .text") == ["The cat"]
    reference.click()
    assert texts(page, ".token[data-target]") == ["The", "cat"]
    assert texts(page, ".reference .text") == []
    assert texts(page, ".attention .side") == ["Reference", "Source"]


def test_the_search(page):
    assert not page.find_elements(By.CSS_SELECTOR, ".tree li")
    find(page, "details.search > summary").click()
    assert find(page, ".told").text.startswith(
        "10 hypotheses in 4 steps, 2 finished, 1 pruned, 1 cut off by the length limit, "
        "2 not expanded."
    )
    main = [
        row.text.replace("\n", " ")
        for row in page.find_elements(By.CSS_SELECTOR, ".tree > ul > li.run")
    ]
    assert main == ["The -0.10", "cat -0.30", "</s> -0.40 no. 1"]
    sides = page.find_elements(By.CSS_SELECTOR, ".tree > ul > li.side")
    assert [" ".join(side.text.split()) for side in sides] == [
        "pruned A -2.00",
        "do -0.90 </s> -1.10 no. 2 g -3.50 z -5.50 cut off, no. 3 not expanded y -4.50",
        "not expanded x -3.00",
    ]
    find(page, ".tree summary").send_keys(Keys.ENTER)
    assert "no. 2" not in find(page, ".tree").text


def two_models():
    one = [made_up("A cat", "Le ch+at", -0.5, seed=1), made_up("A dog", "Un chien", -0.5, seed=2)]
    two = [
        made_up("A cat", "Le chat", -0.7, seed=3),
        made_up("One hound", "Un chien", -0.1, seed=4),
    ]
    return [
        Sentence(
            number,
            text,
            (ModelOutput((InspectedTranslation(a),)), ModelOutput((InspectedTranslation(b),))),
        )
        for number, (text, a, b) in enumerate(
            zip(["Le chat", "Un chien"], one, two, strict=True), 1
        )
    ]


def test_two_models_side_by_side(opened):
    page = opened(attention_page(two_models(), ["runs/a", "runs/b"]))
    assert texts(page, ".model") == ["runs/a", "runs/b"]
    left, right = page.find_elements(By.CSS_SELECTOR, ".reading")
    assert left.location["y"] == right.location["y"]
    assert left.location["x"] < right.location["x"]
    press(page, "Subwords")
    assert [word.text for word in left.find_elements(By.CSS_SELECTOR, ".token[data-source]")] == [
        "▁Le",
        "▁ch",
        "at",
        "</s>",
    ]
    assert [word.text for word in right.find_elements(By.CSS_SELECTOR, ".token[data-source]")] == [
        "▁Le",
        "▁chat",
        "</s>",
    ]
    Select(find(page, "select")).select_by_value("differ")
    assert numbers(page) == [2, 1]
    assert "100% differ" not in rows(page)[1].text


def test_heads_of_a_reading(opened):
    one, two = random_weights(3, 3, 1), random_weights(3, 3, 2)
    reading = ModelOutput(
        (InspectedTranslation(made_up("A cat", "Le chat", weights=(one + two) / 2)),)
    )
    reading = with_views(reading, [[HeadAttention("head 1", one), HeadAttention("head 2", two)]])
    page = opened(attention_page([Sentence(1, "Le chat", (reading,))], [""], subwords=True))
    assert texts(page, ".view") == ["all together", "head 1", "head 2"]
    page.find_elements(By.CSS_SELECTOR, ".view")[1].click()
    np.testing.assert_allclose(cells(page), one, atol=1e-3)
    for picture in page.find_elements(By.CSS_SELECTOR, ".view i"):
        assert "data:image/png" in picture.value_of_css_property("mask-image")


def test_right_to_left_texts(page):
    choose(page, 5)
    assert find(page, ".tokens[aria-label='Source']").get_attribute("dir") == "rtl"
    assert find(page, ".tokens[aria-label='Translation']").get_attribute("dir") == "ltr"
    direction = "return getComputedStyle(arguments[0]).direction"
    (row,) = [row for row in rows(page) if "שלום" in row.text]
    assert page.execute_script(direction, row.find_element(By.CSS_SELECTOR, ".text")) == "rtl"


def test_a_blank_line_and_a_line_in_pieces(opened):
    whole = made_up("a b", "x y")
    pieces = made_up("a b", "x y", pieces=2)
    object.__setattr__(pieces, "attention", None)
    page = opened(
        attention_page(
            [sentence(1, "", made_up("", "")), sentence(2, "x y", pieces), sentence(3, "x", whole)],
            [""],
        )
    )
    assert "A blank line." in find(page, ".reading").text
    choose(page, 2)
    assert "2 segments" in find(page, ".reading").text
    assert texts(page, ".token[data-target]") == ["a", "b"]
    assert not page.find_elements(By.CSS_SELECTOR, ".matrix")


def test_no_sentences(opened):
    page = opened(attention_page([], [""]))
    assert "There are no sentences." in find(page, "main").text


def test_what_is_impossible_has_a_sign(opened):
    best = made_up("a", "x", float("-inf"))
    page = opened(
        attention_page([sentence(1, "x", best, made_up("b", "x")), sentence(2, "y", best)], [""])
    )
    assert "-∞" in find(page, ".look").text
    Select(find(page, "select")).select_by_value("low")
    assert numbers(page) == [1, 2]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window(opened, browser, width, scheme):
    resize(browser, width)
    prefer(browser, scheme)
    page = opened(attention_page(SENTENCES, ["runs/" + "a" * 200]))
    for number in (1, 2, 4):
        choose(page, number)
        for details in page.find_elements(By.CSS_SELECTOR, "details.search > summary"):
            details.click()
        assert not overflows(page)
    page = opened(attention_page(two_models(), ["runs/" + "a" * 200, "b"]))
    assert not overflows(page)
    ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) > 380) == (scheme == "light")


def test_it_is_printed_without_what_cannot_be_pressed(page):
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [dark]})
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert page.execute_script(ground) == "rgb(255, 255, 255)"
    shown = lambda selector: find(page, selector).is_displayed()  # noqa: E731
    assert not shown(".list")
    assert not shown(".bar button")
    assert shown(".matrix") and shown(".tokens") and shown(".look")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_many_sentences_are_listed_some_at_a_time(opened):
    best = made_up("A cat", "Le chat")
    page = opened(attention_page([sentence(i, f"Le chat {i}", best) for i in range(1, 1001)], [""]))
    assert find(page, ".count").text == "1,000 sentences"
    assert len(rows(page)) == 200
    find(page, ".more").click()
    assert len(rows(page)) == 400
    find(page, ".rows").send_keys(Keys.END)
    assert heading(page) == "Sentence 1000"
    assert find(page, '[aria-selected="true"]').is_displayed()


def test_in_a_frame_of_a_notebook(opened):
    frame = draw_attention([made_up("A cat", "Le chat"), made_up("A dog", "Un chien")])
    page = opened(f"<!DOCTYPE html><title>n</title>{frame._repr_html_()}")
    page.switch_to.frame(page.find_element(By.TAG_NAME, "iframe"))
    assert texts(page, ".token[data-target]") == ["A", "cat"]
    ActionChains(page).move_to_element(find(page, ".token[data-target]")).perform()
    assert find(page, ".said").text.startswith("A attends to ")
    page.switch_to.default_content()
