"""Several runs in one page, in a real browser."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, requests, resize
from run_folders import CONFIG, dev, start, train, write_run
from selenium.webdriver.common.by import By

from nmt.evaluation.score_report import ReportOptions, System, compare_systems
from nmt.reports.comparison import RunScores, compare_runs, comparison_page
from nmt.reports.run_state import open_run

HOSTILE = "</script><img src=x onerror=alert(1)>\"'"


@pytest.fixture
def runs(tmp_path):
    records = [start(), train(10), dev(10), train(20), dev(20)]
    one = write_run(tmp_path / "one", *records, config=CONFIG + "name: first\n")
    hostile = CONFIG + f"name: '{HOSTILE.replace('/', '-')}'\nseed: 3\n".replace("\"'", '"')
    two = write_run(tmp_path / "two", *records[:3], config=hostile)
    return [open_run(one), open_run(two)]


def judged(names):
    texts = [["a b c d", HOSTILE], ["a b c", "x"]]
    systems = [System(*each) for each in zip(names, texts, strict=True)]
    return RunScores(
        "dev", compare_systems(systems, ReportOptions([["a b c d", HOSTILE]], ["s", HOSTILE]))
    )


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_over_each_other_settings_and_translations(browser, opened, runs, width, scheme):
    prefer(browser, scheme)
    resize(browser, width)
    found = compare_runs(runs, judged)
    opened(comparison_page(found))
    assert not overflows(browser)
    assert browser.find_elements(By.TAG_NAME, "img") == []
    bleu = browser.find_element(By.CSS_SELECTOR, "figure.chart")
    assert bleu.find_element(By.TAG_NAME, "figcaption").text == "BLEU of dev"
    groups = bleu.find_elements(By.CSS_SELECTOR, "g.series")
    assert [group.get_attribute("data-name") for group in groups] == list(found.names)
    first = groups[0].find_element(By.CSS_SELECTOR, "path.curve")
    assert first.get_attribute("d").count("L") == 1
    colours = {
        browser.execute_script("return getComputedStyle(arguments[0].firstChild).stroke", group)
        for group in groups
    }
    assert len(colours) == 2
    settings = browser.find_element(By.ID, "settings").text
    assert "seed 1 3" in " ".join(settings.split())
    assert browser.find_elements(By.CSS_SELECTOR, "#list li")
    (only,) = [url for url in requests(browser) if not url.startswith("data:")]
    assert only.startswith("file:")


def test_without_translations_the_page_says_why(browser, opened, runs):
    opened(comparison_page(compare_runs(runs, lambda names: "They are not compared.")))
    assert "They are not compared." in browser.find_element(By.ID, "translations").text
