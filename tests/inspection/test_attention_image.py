import builtins
import io
import re

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from looked_at import random_weights
from matplotlib import image as images

from nmt.errors import UsageError
from nmt.inspection.attention_image import attention_image


def drawn(target, source, weights=None, form="svg", **options):
    if weights is None:
        weights = random_weights(len(target), len(source))
    return attention_image(target, source, weights, form, **options)


def labels(image):
    """The texts of an SVG, each with its place."""
    found = re.findall(r"<text ([^>]*)>([^<]*)</text>", image.content.decode())
    return {text: attributes for attributes, text in found}


def test_every_form_begins_as_it_should():
    for form, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert drawn(["a"], ["x", "</s>"], form=form).content.startswith(magic)


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_matrix_is_the_same_file(form):
    one, two = (drawn(["a", "b"], ["x", "</s>"], form=form) for _ in range(2))
    assert one.content == two.content


def test_words_of_an_svg_are_text():
    image = drawn(["The", "$x^2$", "<&>"], ["Le", "chat"])
    assert image.warnings == ()
    assert {"The", "$x^2$", "&lt;&amp;&gt;", "Le", "chat"} <= set(labels(image))


def test_numbers_are_hundredths():
    image = drawn(["a"], ["x", "y", "z"], np.array([[0.25, 0.749, 0.001]]), numbers=True)
    assert {"25", "75"} <= set(labels(image))
    assert not {"0", "00"} & (set(labels(image)) - {"0", "0.5", "1"})


def test_darker_is_more():
    """The picture read back: the darkest square is where the weight is."""
    weights = np.eye(4, dtype=np.float32)[[2, 0, 3, 1]]
    pixels = images.imread(io.BytesIO(drawn(list("abcd"), list("wxyz"), weights, "png").content))
    blue = (pixels[..., 2] - pixels[..., 0] > 0.3) & (pixels[..., :3].sum(2) < 1.2)
    rows, columns = np.nonzero(blue)
    scale = columns > columns.min() + (columns.max() - columns.min()) * 0.8  # the bar at the right
    rows, columns = rows[~scale], columns[~scale]
    found = [
        (r, c)
        for r, c in {
            (
                4 * (y - rows.min()) // (np.ptp(rows) + 1),
                4 * (x - columns.min()) // (np.ptp(columns) + 1),
            )
            for y, x in zip(rows, columns, strict=True)
        }
    ]
    assert sorted(found) == [(0, 2), (1, 0), (2, 3), (3, 1)]


def place(attributes):
    x, y = re.search(r"translate\(([-0-9.]+) ([-0-9.]+)\)", attributes).groups()
    return float(x), float(y)


def test_a_source_from_the_right_begins_at_the_right():
    found = labels(drawn(["a"], ["שלום", "עולם"]))
    assert place(found["שלום"])[0] > place(found["עולם"])[0]
    found = labels(drawn(["a"], ["one", "two"]))
    assert place(found["one"])[0] < place(found["two"])[0]


def test_long_words_are_cut():
    assert "m" * 31 + "…" in labels(drawn(["m" * 500], ["x"]))


def test_wide_scripts_stand_upright():
    found = labels(drawn(["a"], ["日本", "x"]))
    assert "日本" not in found
    assert {"日", "本"} <= set(found)


def test_what_steers_is_drawn_as_a_sign():
    assert "\ufffd[2J" in labels(drawn(["\x1b[2J"], ["\u202ex"]))


def test_missing_characters_are_named(monkeypatch):
    monkeypatch.setattr("nmt.inspection.attention_image._regular_fonts", dict)
    monkeypatch.setattr(
        "nmt.inspection.attention_image._characters_of_font",
        lambda name: frozenset(map(ord, "abc")),
    )
    (warning,) = drawn(["abc"], ["日本ab"], form="png").warnings
    assert "日 (U+65E5), 本 (U+672C)" in warning
    assert "Install a font" in warning
    assert drawn(["abc"], ["日本ab"]).warnings == ()


def test_old_matplotlib_and_scripts_from_the_right(monkeypatch):
    from matplotlib import ft2font

    if hasattr(ft2font, "__libraqm_version__"):
        assert drawn(["שלום"], ["x"], form="png").warnings == ()
        monkeypatch.delattr(ft2font, "__libraqm_version__")
    (warning,) = drawn(["שלום"], ["x"], form="png").warnings
    assert "3.11" in warning


def test_settings_of_the_machine_do_not_matter():
    import matplotlib

    plain = drawn(["a"], ["x"], form="png").content
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "savefig.facecolor": "red"}):
        assert drawn(["a"], ["x"], form="png").content == plain


def test_without_matplotlib_one_is_told_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install matplotlib"):
        drawn(["a"], ["x"])
