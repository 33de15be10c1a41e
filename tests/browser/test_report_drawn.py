"""The page about a run in a real browser: whole runs, half ones, and hostile ones."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, requests, resize
from run_folders import CONFIG, dev, end, rollback, start, train, write_run
from selenium.webdriver.common.by import By

from nmt.config.serialize import dump_config
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.reports.run_report import gather_report, report_page
from nmt.reports.run_state import open_run
from nmt.runtime.run_directory import RunDirectory
from nmt.training.data_preparation import prepare_corpora

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;\u2028\u202eabc"


@pytest.fixture
def page(opened, tmp_path):
    """Opens the page about a run with these records."""

    def page(*records, log="", **more):
        folder = write_run(tmp_path / "run", *records, **more)
        if log:
            (folder / "train.log").write_text(log, encoding="utf-8")
        return opened(report_page(gather_report(open_run(folder))))

    return page


def whole():
    texts = ("a reference", "the reference", "the reference 0")
    records = [start(parameters=1234, runtime="device cpu", versions={"torch": "2.0"})]
    for i in range(1, 10):
        records.append(train(10 * i))
        if i % 3 == 0:
            records.append(dev(10 * i, hypotheses=(texts[i // 3 - 1], "always the same")))
    return records


def figures(browser):
    found = browser.find_elements(By.CSS_SELECTOR, "figure.chart")
    return {each.find_element(By.TAG_NAME, "figcaption").text: each for each in found}


def lines(figure, name):
    return figure.find_element(By.CSS_SELECTOR, f'g[data-name="{name}"] path').get_attribute("d")


def headings(browser):
    return [each.text for each in browser.find_elements(By.TAG_NAME, "h2")]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_whole_run(browser, page, width, scheme):
    prefer(browser, scheme)
    resize(browser, width)
    page(*whole(), end(90), log="2026-01-01 00:00:00 warning: the disk is full\n")
    assert not overflows(browser)
    charts = figures(browser)
    assert lines(charts["Perplexity"], "train").count("L") == 8
    assert lines(charts["Perplexity"], "dev").count("L") == 2
    assert charts["Scores of dev"].find_element(By.CSS_SELECTOR, ".best-text").text == "best 22.5"
    names = ["Curves", "Samples", "Data", "Faults and warnings", "Machine", "Settings"]
    assert headings(browser) == names
    links = browser.find_elements(By.CSS_SELECTOR, "nav a")
    assert [link.text for link in links] == names
    for link in links:
        target = link.get_attribute("href").partition("#")[2]
        assert browser.find_elements(By.ID, target)
    first, second = browser.find_elements(By.CSS_SELECTOR, ".sample")
    assert [row.text for row in first.find_elements(By.CSS_SELECTOR, "tbody tr")][-1].endswith(
        "100"
    )
    assert second.find_element(By.CSS_SELECTOR, "tbody td").text == "30 – 90"
    assert "the disk is full" in browser.find_element(By.ID, "events").text
    machine = browser.find_element(By.ID, "machine").text
    assert "torch 2.0" in machine and "device cpu" in machine
    settings = browser.find_element(By.ID, "settings").text
    assert "training.label_smoothing 0.2 0.1" in settings
    (only,) = [url for url in requests(browser) if not url.startswith("data:")]
    assert only.startswith("file:")


def test_a_run_that_was_rolled_back_and_gone_on(browser, page):
    page(*whole(), rollback(95, 60), train(70, loss=1.0), start(60), train(70, loss=2.0))
    loss = figures(browser)[next(name for name in figures(browser) if name.startswith("Loss"))]
    assert lines(loss, "train, label-smoothed").count("L") == 6
    assert lines(loss, "dev").count("L") == 1
    titles = browser.find_elements(By.CSS_SELECTOR, "line.mark title")
    marks = {each.get_attribute("textContent") for each in titles}
    assert "resumed from update 60" in marks
    assert "back to update 60" in browser.find_element(By.ID, "events").text


@pytest.mark.parametrize("records", [(start(),), (start(), train(10)), (start(), dev(10))])
def test_a_run_that_has_hardly_begun(browser, page, records):
    page(*records)
    assert figures(browser)
    assert not overflows(browser)
    shown = browser.find_element(By.TAG_NAME, "main").text
    assert ("nothing to show yet" in shown) and "NaN" not in shown and "undefined" not in shown


def test_hostile_texts_are_texts(browser, page):
    resize(browser, 400)
    record = dev(10)
    record["samples"] = [{"source": HOSTILE, "reference": HOSTILE, "hypothesis": HOSTILE}]
    long = {"source": "m" * 5000, "reference": "", "hypothesis": ""}
    record["samples"].append(long)
    page(
        start(runtime=HOSTILE, versions={HOSTILE: HOSTILE}, parameters=HOSTILE),
        train(10, loss=HOSTILE, learning_rate=-1e300, tokens_per_second=1e300),
        record,
        {"kind": "not_saved", "update": 10, "time": 1e300, "what": HOSTILE},
        end(10, HOSTILE),
        config=CONFIG + 'name: "<img src=x onerror=alert(1)>"\n',
        log=f"2026-01-01 00:00:00 warning: {HOSTILE}\n",
    )
    assert not overflows(browser)
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 2
    cell = browser.find_element(By.CSS_SELECTOR, ".sample td[dir=auto]")
    assert cell.get_attribute("textContent") == HOSTILE
    assert browser.find_element(By.TAG_NAME, "h1").text == "<img src=x onerror=alert(1)>"


def test_a_right_to_left_sample_is_set_from_the_right(browser, page):
    record = dev(10)
    record["samples"] = [{"source": "שלום עולם", "reference": "hello", "hypothesis": "مرحبا"}]
    page(start(), record)
    cell = browser.find_element(By.CSS_SELECTOR, ".sample td[dir=auto]")
    assert browser.execute_script("return getComputedStyle(arguments[0]).direction", cell) == "rtl"


def test_before_training_only_the_corpora_are_shown(browser, opened, tiny, tiny_config):
    config = tiny()
    run = RunDirectory(config.run_dir)
    prepare_corpora(config, run, prepare_tokenizers(config, run))
    file = tiny_config.parent / "prepared.yaml"
    file.write_text(dump_config(config), encoding="utf-8")
    opened(report_page(gather_report(open_run(file))))
    assert headings(browser) == ["Data", "Settings"]
    assert list(figures(browser)) == ["Sentence lengthspairs", "Length ratiospairs"]
    data = browser.find_element(By.ID, "data").text
    assert "source: Latin 100%; target: Latin 100%." in data
    assert "Suspicious pairs" in data
