"""The table of languages, and the properties that each row must have."""

import unicodedata

import pytest
from language_table import TABLE, Row, rows, table
from language_texts import TEXTS


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Row]:
    return {row.language: row for row in rows(tmp_path_factory.mktemp("languages"))}


def test_the_table_is_what_the_program_does(found):
    assert TABLE.read_text(encoding="utf-8") == table(list(found.values())), (
        "run python scripts/write_language_table.py"
    )


@pytest.mark.parametrize("language", TEXTS)
def test_every_target_line_can_be_written(found, language):
    assert found[language].found.most_common_changes == ()
    assert found[language].found.changed == 0


@pytest.mark.parametrize("language", TEXTS)
def test_the_target_is_kept_and_a_source_in_another_script_folded(found, language):
    latin = language in ("de", "tr", "vi")
    assert found[language].rules == ("composed" if latin else "nmt_nfkc", "composed")
    assert found[language].choices["joint"] == latin


@pytest.mark.parametrize("language", TEXTS)
def test_the_aligner_sees_all_letters(found, language):
    for words, (_, text) in zip(found[language].words, TEXTS[language], strict=True):
        letters = [c for c in text if unicodedata.category(c)[0] in "LMN"]
        assert [c for c in "".join(words) if unicodedata.category(c)[0] in "LMN"] == letters
