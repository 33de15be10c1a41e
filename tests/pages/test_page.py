import json
import re

from nmt.pages.page import Page, escape_html, json_for_script, read_asset, render

NASTY = "</script><img src=x onerror=alert(1)> & \u2028 'quoted' \"twice\""


def test_text_cannot_become_html():
    page = render(Page(title=NASTY, body="", about=NASTY, data={"text": NASTY}))
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert escape_html(NASTY) in page


def test_data_reads_back_as_it_was():
    page = render(Page(title="t", body="", data={"text": NASTY, "numbers": (1, 2.5)}))
    (written,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(written) == {"text": NASTY, "numbers": [1, 2.5]}


def test_what_is_no_number_is_null():
    assert json_for_script([float("nan"), float("inf"), {"a": (float("-inf"),)}]) == (
        '[null,null,{"a":[null]}]'
    )


def test_a_page_names_no_address():
    page = render(Page(title="t", body="<p>text</p>"))
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z]+:", page)
    assert "http://" not in page and "https://" not in page


def test_styles_and_scripts_are_in_the_page():
    page = render(Page(title="t", body=""))
    assert read_asset("base.css") in page and read_asset("base.js") in page


def test_only_a_page_that_asks_its_server_may_connect():
    assert "connect-src" not in render(Page(title="t", body=""))
    page = Page(title="t", body="", may_connect=True)
    assert "connect-src 'self'" in page.policy
    assert f'content="{page.policy}"' in render(page)
