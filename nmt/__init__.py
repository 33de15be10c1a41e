"""Recurrent neural machine translation: one attention-based encoder-decoder, and its pipeline.

>>> import nmt
>>> run = nmt.train("configs/demo.yaml")
>>> translator = nmt.Translator.load(run)
>>> translator.translate(["Le chat noir est sur le tapis."])[0].text
'The black cat is on the mat.'
"""

from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.version import __version__

if TYPE_CHECKING:
    from nmt.alignment.links import WordAlignment
    from nmt.evaluation.scores import score
    from nmt.inspection.attention_page import draw_attention
    from nmt.search.constraints import Constraints
    from nmt.tokenizers.source_tags import TagSelection
    from nmt.translation.translation import Translation
    from nmt.translation.translator import Translator

__all__ = [
    "Constraints",
    "TagSelection",
    "Translation",
    "Translator",
    "__version__",
    "align",
    "draw_attention",
    "score",
    "train",
]

_MODULES = {
    "Constraints": "nmt.search.constraints",
    "TagSelection": "nmt.tokenizers.source_tags",
    "Translation": "nmt.translation.translation",
    "Translator": "nmt.translation.translator",
    "draw_attention": "nmt.inspection.attention_page",
    "score": "nmt.evaluation.scores",
}


def __getattr__(name: str) -> Any:
    """Import a module only when the program uses it, so that `nmt --help` stays fast."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def train(
    config: str | PathLike[str],
    settings: Sequence[str] = (),
    *,
    resume: bool = False,
    restart: bool = False,
) -> Path:
    """Train a configuration, or resume its training, as `nmt train` does.

    Args:
        config: The configuration file.
        settings: Changes of its values, such as `training.max_updates=2000`.
        resume: Whether to resume although settings differ, where they may.
        restart: Whether to move an earlier run aside and start from scratch.

    Returns:
        The folder of the run.

    Raises:
        NmtError: The configuration, the texts or the machine do not allow it. The message says why.
    """
    from nmt.config.load import load_config
    from nmt.errors import UsageError
    from nmt.training.run import train as train_run

    if not isinstance(config, str | PathLike) or isinstance(settings, str):
        raise UsageError("train takes a path and a list of settings: train('my.yaml', ['seed=2'])")
    return train_run(load_config(Path(config), list(settings)), resume, restart).path


def align(
    sources: Sequence[str], targets: Sequence[str], aligner: str = "hmm"
) -> "list[WordAlignment]":
    """Link the words of texts and their translations by an aligner that learns from them.

    Args:
        sources: The source texts.
        targets: The target texts, as many.
        aligner: `hmm` or `ibm1`.

    Returns:
        The aligned words of each pair. `links()` of one gives its links, counted from 0.

    Raises:
        DataError: No pair has words on both sides.
        UsageError: The numbers of texts differ, or there is no such aligner.
    """
    from nmt.alignment.aligners import align_texts
    from nmt.config.registry import ALIGNERS
    from nmt.errors import UsageError

    for texts in (sources, targets):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UsageError("align takes two lists of texts: align([source], [target])")
    if len(sources) != len(targets):
        raise UsageError(
            f"sources: {len(sources)}, targets: {len(targets)}. Give one target for each source."
        )
    if aligner not in ALIGNERS.kinds:
        raise UsageError(f"{aligner!r} is not an aligner; choose {' or '.join(ALIGNERS.names())}.")
    pairs = zip(sources, targets, strict=True)
    return [aligned for _, aligned, _ in align_texts(aligner, pairs)]
