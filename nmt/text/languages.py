"""The registry of languages: codes, names, spacing, and the languages in file names.

This is the only module with knowledge of individual languages.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import ConfigError


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes:
        code: The code of two letters (ISO 639-1), or of three where it has none of two.
        name: The English name.
        has_spaces: Whether spaces separate the words.
        tokenizer: The sacreBLEU tokenizer that finds the words for BLEU. It is `char`, which counts
            characters, where no tokenizer finds the words.
    """

    code: str
    name: str
    has_spaces: bool = True
    tokenizer: str = "13a"


_TABLE = """\
aa aar Afar|ab abk Abkhazian|af afr Afrikaans|ak aka Akan|am amh Amharic|an arg Aragonese
ar ara Arabic|as asm Assamese|av ava Avaric|ay aym Aymara|az aze Azerbaijani|ba bak Bashkir
be bel Belarusian|bg bul Bulgarian|bi bis Bislama|bm bam Bambara|bn ben Bengali
bo bod tib Tibetan|br bre Breton|bs bos Bosnian|ca cat Catalan|ce che Chechen|ch cha Chamorro
co cos Corsican|cr cre Cree|cs ces cze Czech|cv chv Chuvash|cy cym wel Welsh|da dan Danish
de deu ger German|dv div Dhivehi|dz dzo Dzongkha|ee ewe Ewe|el ell gre Greek|en eng English
eo epo Esperanto|es spa Spanish|et est Estonian|eu eus baq Basque|fa fas per Persian
ff ful Fulah|fi fin Finnish|fj fij Fijian|fo fao Faroese|fr fra fre French|fy fry Frisian
ga gle Irish|gd gla Gaelic|gl glg Galician|gn grn Guarani|gu guj Gujarati|gv glv Manx
ha hau Hausa|he heb Hebrew|hi hin Hindi|hr hrv Croatian|ht hat Haitian|hu hun Hungarian
hy hye arm Armenian|hz her Herero|ia ina Interlingua|id ind Indonesian|ig ibo Igbo|ii iii Yi
ik ipk Inupiaq|io ido Ido|is isl ice Icelandic|it ita Italian|iu iku Inuktitut|ja jpn Japanese
jv jav Javanese|ka kat geo Georgian|kg kon Kongo|ki kik Kikuyu|kj kua Kuanyama|kk kaz Kazakh
kl kal Greenlandic|km khm Khmer|kn kan Kannada|ko kor Korean|ks kas Kashmiri|ku kur Kurdish
kv kom Komi|kw cor Cornish|ky kir Kyrgyz|la lat Latin|lb ltz Luxembourgish|lg lug Ganda
li lim Limburgish|ln lin Lingala|lo lao Lao|lt lit Lithuanian|lu lub Luba|lv lav Latvian
mg mlg Malagasy|mh mah Marshallese|mi mri mao Maori|mk mkd mac Macedonian|ml mal Malayalam
mn mon Mongolian|mr mar Marathi|ms msa may Malay|mt mlt Maltese|my mya bur Burmese
na nau Nauru|nb nob Bokmål|ne nep Nepali|nl nld dut Dutch|nn nno Nynorsk|no nor Norwegian
nv nav Navajo|ny nya Chichewa|oc oci Occitan|oj oji Ojibwa|om orm Oromo|or ori Odia
os oss Ossetian|pa pan Punjabi|pl pol Polish|ps pus Pashto|pt por Portuguese|qu que Quechua
rm roh Romansh|rn run Rundi|ro ron rum Romanian|ru rus Russian|rw kin Kinyarwanda
sa san Sanskrit|sc srd Sardinian|sd snd Sindhi|se sme Sami|sg sag Sango|si sin Sinhala
sk slk slo Slovak|sl slv Slovenian|sm smo Samoan|sn sna Shona|so som Somali|sq sqi alb Albanian
sr srp Serbian|ss ssw Swati|st sot Sotho|su sun Sundanese|sv swe Swedish|sw swa Swahili
ta tam Tamil|te tel Telugu|tg tgk Tajik|th tha Thai|ti tir Tigrinya|tk tuk Turkmen
tl tgl Tagalog|tn tsn Tswana|to ton Tonga|tr tur Turkish|ts tso Tsonga|tt tat Tatar|tw twi Twi
ty tah Tahitian|ug uig Uyghur|uk ukr Ukrainian|ur urd Urdu|uz uzb Uzbek|ve ven Venda
vi vie Vietnamese|wa wln Walloon|wo wol Wolof|xh xho Xhosa|yi yid Yiddish|yo yor Yoruba
za zha Zhuang|zh zho chi Chinese|zu zul Zulu|cdo Mindong|gan Gan|hak Hakka|hsn Xiang
lzh Classical-Chinese|mnw Mon|nan Hokkien|nod Lanna|shn Shan|tts Isan|wuu Wu|yue Cantonese
"""
"""The codes of each language, the code of two letters first, and its name."""

_ALIASES = {
    "zh": (
        "cn cmn zhs zht chs cht zhcn zhtw zh-tw zh_tw mandarin "
        "中文 汉语 漢語 普通话 國語 简体中文 繁體中文"
    ),
    "ja": "jp jap nihongo 日本語",
    "ko": "kr hangul 한국어 조선말",
    "th": "ไทย ภาษาไทย",
    "lo": "laotian ລາວ",
    "km": "kh cambodian ខ្មែរ",
    "my": "myanmar မြန်မာ",
    "yue": "粵語 粤语",
    "ar": "arb",
    "ay": "ayr",
    "az": "azj azb",
    "cs": "cz",
    "el": "gr",
    "et": "ekk",
    "fa": "farsi pes prs dari",
    "ff": "fuv",
    "he": "iw",
    "id": "in indonesia",
    "ku": "ckb kmr sdh sorani kurmanji",
    "ky": "kirghiz",
    "lv": "lvs",
    "mg": "plt",
    "mn": "khk",
    "ms": "zsm zlm melayu malaysia",
    "ne": "npi",
    "nl": "flemish",
    "om": "gaz",
    "or": "oriya ory",
    "pa": "panjabi",
    "ps": "pbt",
    "qu": "quy quz",
    "ro": "mo mol moldovan",
    "sq": "als",
    "sw": "swh",
    "tl": "fil filipino",
    "uk": "ua",
    "uz": "uzn",
    "vi": "vn",
    "yi": "ji ydd",
}
"""Other codes and names in use."""

_SPACING_AND_TOKENIZERS = {
    **dict.fromkeys(["zh", "yue", "wuu", "hak", "nan", "gan", "hsn", "cdo", "lzh"], (False, "zh")),
    "ja": (False, "ja-mecab"),
    "ko": (True, "ko-mecab"),
    **dict.fromkeys(
        ["th", "lo", "km", "my", "bo", "dz", "shn", "mnw", "nod", "tts"], (False, "char")
    ),
}
"""Whether spaces separate words, and BLEU's tokenizer, where these are not True and 13a."""


def find_language(text: str | None) -> Language | None:
    """Return the language that a code or a name means, or None where it names no known language.

    Args:
        text: A code of two or three letters, or a name. A code may have a script or region (zh,
            zh-CN, zho_Hant, jpn), and a name may have other words (Simplified Chinese).
    """
    whole = (text or "").strip().casefold()
    first, *others = re.split(r"\W+|_+", whole)
    words = [whole, first, *(word for word in others if len(word) > 3)]
    return next((_LANGUAGES[word] for word in words if word in _LANGUAGES), None)


def read_target_language(label: str) -> Language | None:
    """Return the language that a label such as `zh`, `en-zh` or `eng_Latn-zho_Hans` translates to.

    Args:
        label: A label of lines of a text: a code or a name, or two of them, source before target.
            Digits and signs separate them, as in `<2zh>`.

    Returns:
        The language; None where a part of the label is no known language, as in `en-news`.
    """
    whole = label.strip().casefold()
    if whole in _LANGUAGES:
        return _LANGUAGES[whole]
    parts = re.split(r"[\W\d_]+", _REGION.sub(r"\1", label))
    known = [_LANGUAGES.get(part.casefold()) for part in parts if part]
    return known[-1] if len(known) in (1, 2) and None not in known else None


_CLOSE_LANGUAGES = (
    frozenset(["no", "nb", "nn"]),
    frozenset(["bs", "hr", "sr"]),
    frozenset(["id", "ms"]),
    frozenset(["zh", "yue", "wuu"]),
)
"""Languages that a short text often does not tell apart."""


def close_languages(text: str) -> frozenset[str]:
    """Return the codes of a language and of those that short texts do not tell apart from it.

    Args:
        text: A code or name, see `find_language`. The result is empty for an unknown language.
    """
    found = find_language(text)
    if found is None:
        return frozenset()
    groups = (group for group in _CLOSE_LANGUAGES if found.code in group)
    return next(groups, frozenset([found.code]))


def is_same_language(one: str | None, other: str | None) -> bool:
    """Return whether two codes or names mean the same language, such as `de` and `deu`.

    Args:
        one: A code or name, or None.
        other: A code or name, or None.
    """
    if one is None or other is None:
        return False
    found = find_language(one), find_language(other)
    return one == other if None in found else found[0] == found[1]


def read_file_languages(source: Path, target: Path) -> tuple[str | None, str | None]:
    """Read the languages of two files with the same text from their names.

    The names are compared from their end. Where they first differ, they hold the codes: train.en
    and train.de, en.txt and de.txt, corpus.en-de.en.gz and corpus.en-de.de.gz, eng/text and
    deu/text.

    Args:
        source: The path of the source file.
        target: The path of the target file.

    Returns:
        The codes of source and target as written, each None where the name has none.
    """
    parts = [_path_words(path)[::-1] for path in (source, target)]
    for one, other in zip(*parts, strict=False):  # only the common length can be compared
        if one != other and (_is_code(one) or _is_code(other)):
            return one if _is_code(one) else None, other if _is_code(other) else None
    return None, None


def check_file_languages(
    source_language: str, target_language: str, files: Iterable[tuple[Path, Path]], key: str
) -> None:
    """Refuse files whose names show that source and target are swapped.

    This happens when only the languages of a configuration are swapped, and not its files.

    Args:
        source_language: The code or name of the source language in the configuration.
        target_language: The code or name of the target language in the configuration.
        files: Pairs of source and target files.
        key: The setting that names the files, such as `data.dev`.

    Raises:
        ConfigError: Two files are named for the languages the other way round.
    """
    for source, target in files:
        found_source, found_target = read_file_languages(source, target)
        swapped = is_same_language(found_source, target_language)
        swapped = swapped and is_same_language(found_target, source_language)
        if swapped and not is_same_language(source_language, target_language):
            raise ConfigError(
                f"{key}: source_language is {source_language} and target_language "
                f"{target_language}, but the names of {source} and {target} suggest the "
                "opposite.\n"
                f"Swap source and target of {key}, or the two languages."
            )


_CODE = re.compile(r"[a-z]{2,3}", re.IGNORECASE)
_REGION = re.compile(r"(?<![A-Za-z])([a-z]{2,3})[-_][A-Z][A-Za-z]{1,3}(?![A-Za-z])")
_FORMAT_WORDS = frozenset(
    [
        *("all", "bpe", "new", "old", "raw", "tok"),
        *("csv", "json", "jsonl", "sgm", "tmx", "tsv", "txt", "xlf", "xml"),
        *("bz", "gz", "lzma", "xz", "zst"),
    ]
)
_SIDES = frozenset(["in", "out", "ref", "src", "sys", "tgt", "trg"])


def _path_words(path: Path) -> list[str]:
    """Split a path into words; zh-CN becomes zh."""
    words = re.split(r"[^A-Za-z]+", _REGION.sub(r"\1", str(path)))
    return [word for word in words if word and word.lower() not in _FORMAT_WORDS]


def _is_code(word: str) -> bool:
    return _CODE.fullmatch(word) is not None and word.lower() not in _SIDES


def _index_languages() -> dict[str, Language]:
    """Return all languages by each of their codes and names, in lower case.

    Where a name is the code of another language (Mon, Yi), the code counts.
    """
    by_code: dict[str, Language] = {}
    by_name: dict[str, Language] = {}
    for entry in _TABLE.strip().replace("\n", "|").split("|"):
        *codes, name = entry.split(" ")
        has_spaces, tokenizer = _SPACING_AND_TOKENIZERS.get(codes[0], (True, "13a"))
        language = Language(codes[0], name.replace("-", " "), has_spaces, tokenizer)
        by_code.update(dict.fromkeys(codes, language))
        names = [language.name.casefold(), *_ALIASES.get(codes[0], "").split()]
        by_name.update(dict.fromkeys(names, language))
    return {**by_name, **by_code}


_LANGUAGES = _index_languages()
