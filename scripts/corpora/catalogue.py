"""The corpora that get_data.py knows, with their downloads, texts and configurations.

Checksums and numbers of lines are given where we have seen the texts (Multi30k, tst2012 of
IWSLT'15). Numbers of lines are also given where the publishers state them. All other checksums are
recorded at the first download (checksums.py). Sizes are approximate sizes of downloads.
"""

import re
from collections.abc import Iterable

from corpora.corpus_types import MEGABYTE, Corpus, Download, Reader, SacrebleuSet, Side, Text
from corpora.splitting import Split, by_sentence, every_23rd
from nmt.errors import UsageError


def known_corpora() -> list[Corpus]:
    """Return all corpora with a fixed name, and Tatoeba's of one language for all of its kind."""
    return [
        _multi30k(),
        _iwslt14(),
        _iwslt15(),
        _wmt14_en_de(),
        _wmt14_en_fr(),
        _wmt16_en_de(),
        _wmt17_en_de(),
        _tatoeba("fra"),
    ]


def corpus_of(name: str) -> Corpus:
    """Return the corpus of a name. `tatoeba.XXX-eng` and `sacrebleu:SET:PAIR` are names too.

    Raises:
        UsageError: There is no such corpus.
    """
    for corpus in known_corpora():
        if corpus.name == name:
            return corpus
    if name.startswith("tatoeba."):
        return _tatoeba(_tatoeba_language(name))
    if name.startswith("sacrebleu:"):
        return _sacrebleu(name)
    raise UsageError(f"{name}: no such corpus. `python scripts/get_data.py --list` tells them.")


def _tatoeba_language(name: str) -> str:
    language = name.removeprefix("tatoeba.").removesuffix("-eng")
    if name != f"tatoeba.{language}-eng" or not re.fullmatch("[a-z]{3}", language):
        raise UsageError(
            f"{name}: name the language by its three letters, such as tatoeba.deu-eng; "
            "https://www.manythings.org/anki/ has the list."
        )
    return language


def _sacrebleu(name: str) -> Corpus:
    _, test_set, pair = [*name.split(":"), "", ""][:3]
    if name.count(":") != 2 or not test_set or pair.count("-") != 1:
        raise UsageError(
            f"{name}: write sacrebleu:SET:PAIR, such as sacrebleu:wmt14/full:en-de; "
            "`sacrebleu --list` tells the sets."
        )
    return Corpus(
        name="sacrebleu",
        about=f"test set {test_set}, {pair}",
        licence="that of the test set",
        site="https://github.com/mjpost/sacrebleu",
        texts=(_test_text(f"{test_set}.{pair}".replace("/", "."), test_set, pair, needed=True),),
    )


def _test_text(
    name: str, test_set: str, pair: str, lines: int | None = None, needed: bool = False
) -> Text:
    origin = SacrebleuSet(test_set, pair)
    source, target = pair.split("-")
    sides = (Side(source, origin, "src"), Side(target, origin, "ref"))
    return Text(name, sides, lines, needed=needed)


def _multi30k() -> Corpus:
    base = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"

    def texts() -> Iterable[Text]:
        for name, lines in (("train", 29_000), ("val", 1_014), ("test_2016_flickr", 1_000)):
            for other in ("de", "fr"):
                sides = (side(name, "en"), side(name, other))
                yield Text(name, sides, lines, needed=False)

    def side(name: str, language: str) -> Side:
        file = f"{name}.{language}.gz"
        size = MEGABYTE // 2 if name == "train" else MEGABYTE // 50
        origin = Download(f"multi30k.{file}", (f"{base}/{file}",), size)
        return Side(language, origin, sha256=_MULTI30K[name, language])

    return Corpus(
        name="multi30k",
        about="described pictures (task 1), raw: 29,000 pairs of en with de and fr",
        licence="research use (captions of Flickr pictures)",
        site="https://github.com/multi30k/dataset",
        texts=tuple(texts()),
        configs=("multi30k.en-de.yaml", "multi30k.en-de.quick.yaml"),
    )


# The checksums of the unpacked texts that the published figures were measured on.
_MULTI30K = {
    ("train", "en"): "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    ("train", "de"): "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    ("train", "fr"): "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    ("val", "en"): "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    ("val", "de"): "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    ("val", "fr"): "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    ("test_2016_flickr", "en"): "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    ("test_2016_flickr", "de"): "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    ("test_2016_flickr", "fr"): "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
}


def _iwslt14() -> Corpus:
    archive = Download(
        "iwslt14.de-en.tgz",
        ("https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz",),
        19 * MEGABYTE,
    )

    def text(name: str, member: str, read: Reader, split: Split | None = None) -> Text:
        first, second = (Side(each, archive, member.format(each), read) for each in ("de", "en"))
        return Text(name, (first, second), split=split, needed=split is not None)

    def test(name: str) -> Text:
        return text(name, f"de-en/IWSLT14.{name}.de-en.{{}}.xml", iwslt_segment)

    names = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")
    return Corpus(
        name="iwslt14.de-en",
        about="TED talks, raw: 170,000 pairs; dev is each 23rd of train, as is the custom",
        licence="CC BY-NC-ND 4.0 (TED talks)",
        site="https://wit3.fbk.eu",
        texts=(
            text("train", "de-en/train.tags.de-en.{}", iwslt_line, every_23rd),
            *(test(name) for name in names),
        ),
        configs=("iwslt14.de-en.yaml",),
    )


def _iwslt15() -> Corpus:
    base = "https://nlp.stanford.edu/projects/nmt/data/iwslt15.en-vi"

    def text(name: str, lines: int, size: int) -> Text:
        def side(language: str) -> Side:
            file = f"{name}.{language}"
            origin = Download(f"iwslt15.{file}", (f"{base}/{file}",), size)
            return Side(language, origin, sha256=_IWSLT15.get((name, language)))

        return Text(name, (side("en"), side("vi")), lines, needed=name == "train")

    return Corpus(
        name="iwslt15.en-vi",
        about="TED talks, tokenized by Stanford: 133,317 pairs; dev tst2012, test tst2013",
        licence="CC BY-NC-ND 4.0 (TED talks)",
        site="https://nlp.stanford.edu/projects/nmt/",
        texts=(
            text("train", 133_317, 15 * MEGABYTE),
            text("tst2012", 1_553, MEGABYTE // 6),
            text("tst2013", 1_268, MEGABYTE // 7),
        ),
        configs=(
            "iwslt15.en-vi.yaml",
            "iwslt15.en-vi.luong2015.yaml",
        ),
    )


_IWSLT15 = {
    ("tst2012", "en"): "b8fbcd0d4199d41276421d1f7228298df67dd9e2c5c134c2ee8cdf3ec27801e2",
    ("tst2012", "vi"): "01004078b3f36b0c46e81b65fc6851230b3c823405c76d1d82ef3b786b512ff0",
}

_STATMT = "https://www.statmt.org"
_DATA_STATMT = "https://data.statmt.org"
_EUROPARL = Download(
    "training-parallel-europarl-v7.tgz",
    (f"{_STATMT}/wmt13/training-parallel-europarl-v7.tgz",),
    658 * MEGABYTE,
)
_COMMON_CRAWL = Download(
    "training-parallel-commoncrawl.tgz",
    (f"{_STATMT}/wmt13/training-parallel-commoncrawl.tgz",),
    918 * MEGABYTE,
)
_UN = Download(
    "training-parallel-un.tgz",
    (f"{_STATMT}/wmt13/training-parallel-un.tgz",),
    2_370 * MEGABYTE,
)
_GIGA = Download(
    "training-giga-fren.tar",
    (f"{_STATMT}/wmt10/training-giga-fren.tar",),
    2_595 * MEGABYTE,
)
_NEWS_V9 = Download(
    "training-parallel-nc-v9.tgz", (f"{_STATMT}/wmt14/training-parallel-nc-v9.tgz",), 80 * MEGABYTE
)
_NEWS_V11 = Download(
    "training-parallel-nc-v11.tgz",
    (f"{_DATA_STATMT}/wmt16/translation-task/training-parallel-nc-v11.tgz",),
    76 * MEGABYTE,
)
_NEWS_V12 = Download(
    "training-parallel-nc-v12.tgz",
    (f"{_DATA_STATMT}/wmt17/translation-task/training-parallel-nc-v12.tgz",),
    88 * MEGABYTE,
)
_RAPID = Download(
    "rapid2016.tgz", (f"{_DATA_STATMT}/wmt17/translation-task/rapid2016.tgz",), 160 * MEGABYTE
)

_WMT_LICENCE = "research use; each corpus has its own terms"


def _wmt_text(name: str, origin: Download, member: str, target: str) -> Text:
    """Return a text of WMT. `member` has {} for the language."""
    return Text(
        name,
        (Side("en", origin, member.format("en")), Side(target, origin, member.format(target))),
    )


def _wmt14_en_de() -> Corpus:
    return Corpus(
        name="wmt14.en-de",
        about="4.5 million pairs: Europarl 7, Common Crawl, News Commentary 9; newstest2013-2015",
        licence=_WMT_LICENCE,
        site=f"{_STATMT}/wmt14/translation-task.html",
        texts=(
            _wmt_text("europarl-v7", _EUROPARL, "training/europarl-v7.de-en.{}", "de"),
            _wmt_text("commoncrawl", _COMMON_CRAWL, "commoncrawl.de-en.{}", "de"),
            _wmt_text("news-commentary-v9", _NEWS_V9, "training/news-commentary-v9.de-en.{}", "de"),
            _test_text("newstest2013", "wmt13", "en-de", 3_000),
            _test_text("newstest2014", "wmt14/full", "en-de", 3_003),
            _test_text("newstest2015", "wmt15", "en-de", 2_169),
        ),
        configs=("wmt15.en-de.luong2015.yaml",),
    )


def _wmt14_en_fr() -> Corpus:
    return Corpus(
        name="wmt14.en-fr",
        about="40 million pairs: Europarl 7, Common Crawl, UN, News Commentary 9, Giga; newstests",
        licence=_WMT_LICENCE,
        site=f"{_STATMT}/wmt14/translation-task.html",
        texts=(
            _wmt_text("europarl-v7", _EUROPARL, "training/europarl-v7.fr-en.{}", "fr"),
            _wmt_text("commoncrawl", _COMMON_CRAWL, "commoncrawl.fr-en.{}", "fr"),
            _wmt_text("un", _UN, "un/undoc.2000.fr-en.{}", "fr"),
            _wmt_text("news-commentary-v9", _NEWS_V9, "training/news-commentary-v9.fr-en.{}", "fr"),
            _wmt_text("giga", _GIGA, "giga-fren.release2.fixed.{}.gz", "fr"),
            _test_text("newstest2013", "wmt13", "en-fr", 3_000),
            _test_text("newstest2014", "wmt14/full", "en-fr", 3_003),
        ),
        configs=("wmt14.en-fr.bahdanau2014.yaml", "wmt14.en-fr.sutskever2014.yaml"),
    )


def _wmt16_en_de() -> Corpus:
    return Corpus(
        name="wmt16.en-de",
        about="4.6 million pairs: Europarl 7, Common Crawl, News Commentary 11; newstests",
        licence=_WMT_LICENCE,
        site=f"{_STATMT}/wmt16/translation-task.html",
        texts=(
            _wmt_text("europarl-v7", _EUROPARL, "training/europarl-v7.de-en.{}", "de"),
            _wmt_text("commoncrawl", _COMMON_CRAWL, "commoncrawl.de-en.{}", "de"),
            _wmt_text(
                "news-commentary-v11",
                _NEWS_V11,
                "training-parallel-nc-v11/news-commentary-v11.de-en.{}",
                "de",
            ),
            _test_text("newstest2013", "wmt13", "en-de", 3_000),
            _test_text("newstest2014", "wmt14/full", "en-de", 3_003),
            _test_text("newstest2015", "wmt15", "en-de", 2_169),
        ),
        configs=("wmt16.en-de.gnmt.yaml",),
    )


def _wmt17_en_de() -> Corpus:
    return Corpus(
        name="wmt17.en-de",
        about="5.9 million pairs: those of WMT'16 with News Commentary 12 and Rapid; newstests",
        licence=_WMT_LICENCE,
        site=f"{_STATMT}/wmt17/translation-task.html",
        texts=(
            _wmt_text("europarl-v7", _EUROPARL, "training/europarl-v7.de-en.{}", "de"),
            _wmt_text("commoncrawl", _COMMON_CRAWL, "commoncrawl.de-en.{}", "de"),
            _wmt_text(
                "news-commentary-v12", _NEWS_V12, "training/news-commentary-v12.de-en.{}", "de"
            ),
            _wmt_text("rapid2016", _RAPID, "rapid2016.de-en.{}", "de"),
            _test_text("newstest2016", "wmt16", "en-de", 2_999),
            _test_text("newstest2017", "wmt17", "en-de", 3_004),
        ),
        configs=("wmt17.en-de.yaml",),
    )


def _tatoeba(language: str) -> Corpus:
    url = f"https://www.manythings.org/anki/{language}-eng.zip"
    archive = Download(f"{language}-eng.zip", (url,), 8 * MEGABYTE)

    def side(name: str, number: int) -> Side:
        also = (f"{language}-eng*.{name}", f"{language}-eng*.{name}.gz")
        return Side(name, archive, f"{language}.txt", column(number), also)

    return Corpus(
        name=f"tatoeba.{language}-eng",
        about="everyday sentences with English; any language of the site: tatoeba.deu-eng ...",
        licence="CC BY 2.0 FR (tatoeba.org, by way of manythings.org/anki)",
        site="https://www.manythings.org/anki/",
        texts=(Text("pairs", (side(language, 2), side("eng", 1)), split=by_sentence),),
        configs=("tatoeba.fra-eng.yaml",),
        settings=() if language == "fra" else (f"data.source_language={language}",),
    )


def column(number: int) -> Reader:
    """Return a reader of one column of a tab-separated table.

    Args:
        number: The column, from 1.
    """

    def read(line: str) -> str | None:
        cells = line.split("\t")
        return cells[number - 1] if len(cells) >= 2 else None

    return read


def iwslt_line(line: str) -> str | None:
    """Return the text of a line of IWSLT's `train.tags`, or None.

    Sentences, titles and descriptions of talks count as text.
    """
    for tag in ("title", "description"):
        line = line.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    line = line.strip()
    return None if line.startswith("<") else line


def iwslt_segment(line: str) -> str | None:
    """Return the text of a line of IWSLT's test sets, `<seg id="1"> ... </seg>`, or None."""
    line = line.strip()
    if not line.startswith("<seg") or not line.endswith("</seg>"):
        return None
    return line.removesuffix("</seg>").partition(">")[2].strip()
