"""Recurrent neural machine translation: one attention-based encoder-decoder, and its pipeline.

>>> from nmt import Translator
>>> translator = Translator.load("runs/demo/best")
>>> translator.translate(["Le chat noir est sur le tapis."])[0].text
'The black cat is on the mat.'
"""

from typing import TYPE_CHECKING, Any

from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.inspection.attention_page import draw_attention
    from nmt.search.constraints import Constraints
    from nmt.translation.translation import Translation
    from nmt.translation.translator import Translator

__all__ = ["Constraints", "Translation", "Translator", "__version__", "draw_attention"]


def __getattr__(name: str) -> Any:
    """Import torch only when the program uses a translator, so that `nmt --help` stays fast."""
    if name in ("Constraints", "Translation", "Translator"):
        from nmt.translation import translator

        return getattr(translator, name)
    if name == "draw_attention":
        from nmt.inspection.attention_page import draw_attention

        return draw_attention
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
