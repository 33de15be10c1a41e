import pytest

from nmt.config.settings import CorpusSettings
from nmt.data.input_files import changed_texts, describe_inputs
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
