import pytest

from nmt.config.settings import CorpusSettings
from nmt.data.input_files import changed_texts, describe_inputs
from nmt.data.manifest import PartReport, name_line
from nmt.errors import DataError


def corpus(*sides: str) -> dict[str, list[CorpusSettings] | None]:
    source, target = sides
    return {"train": [CorpusSettings(source=[source], target=[target])], "dev": None}


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("un\ndeux\n")


def test_files_are_known_again_by_content(texts):
    first = describe_inputs(corpus("a", "b"), None)
    assert [file.lines for files in first.values() for file in files] == [2, 2]
    assert changed_texts(first, describe_inputs(corpus("a", "b"), first)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "no such file"), ("x" * 300, "name too long"), ("a/b", "Not a directory")],
)
@pytest.mark.parametrize("known_before", [False, True])
def test_names_that_cannot_be_are_explained(texts, name, message, known_before):
    known = None
    if known_before:
        found = describe_inputs(corpus("a", "b"), None)
        (file,) = found["train.source"]
        known = {"train.source": (file.model_copy(update={"path": name}),)}
    with pytest.raises(DataError, match=message):
        describe_inputs(corpus(name, "b"), known)


def test_a_line_names_its_corpus_where_there_are_several():
    def part(name, target, first_line):
        return PartReport(
            name=name,
            languages=("en", target),
            tags=(),
            pairs_read=9,
            pairs_kept=9,
            first_line=first_line,
        )

    one, two, same = part("a.en", "de", 1), part("b.en", "de", 11), part("a.en", "fr", 21)
    assert name_line((one,), 7) == "7"
    assert [name_line((one, two), line) for line in (10, 11)] == ["a.en:10", "b.en:1"]
    assert name_line((one, two, same), 22) == "a.en (en-fr):2"
