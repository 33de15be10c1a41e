"""The HTML page of the server: translation as one types, attention, and alternatives."""

from typing import Any

from nmt.pages.page import Page, render

_BODY = """<section class="card desk">
<div class="sides">
<div class="given">
<label for="source" id="source-name"></label>
<textarea id="source" rows="5" spellcheck="false" dir="auto" autofocus></textarea>
</div>
<div class="made">
<div class="heading"><h2 id="target-name"></h2>
<span class="muted" id="state" role="status"></span></div>
<div id="target" aria-labelledby="target-name"></div>
</div>
</div>
<div class="below">
<div class="beginning"><label for="prefix" id="prefix-name">Begins with</label>
<input id="prefix" type="text" dir="auto" autocomplete="off" spellcheck="false"
placeholder="its first words">
<button type="button" class="quiet" id="free" hidden>Clear</button></div>
<div id="flags" aria-live="polite"></div>
</div>
</section>
<section class="card" id="more" hidden>
<h2>Other translations</h2>
<ol id="others"></ol>
</section>
<section class="card" id="looked" hidden>
<div class="heading"><h2>Where it looked</h2>
<button type="button" class="quiet" id="subwords" aria-pressed="false">Subwords</button></div>
<div id="attention"></div>
</section>
"""


def served_page(info: dict[str, Any]) -> Page:
    """Return the page.

    Args:
        info: The response of `GET /api/info`.
    """
    return Page(
        title=f"{info['source_language']} → {info['target_language']}",
        about=f"{info['model']} · nmt {info['version']}",
        body=_BODY,
        data=info,
        styles=("attention.css", "serve.css"),
        scripts=("attention.js", "serve.js"),
        connects=True,
    )


PAGE_POLICY = f"{Page(title='', body='', connects=True).policy}; frame-ancestors 'none'"
"""The content security policy as a header, which also forbids frames around the page."""


def rendered(info: dict[str, Any]) -> str:
    """Return the page as an HTML document."""
    return render(served_page(info))
