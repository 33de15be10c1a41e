"""Corpora prepared from archives made here, and from the true ones where they are."""

import gzip
import importlib
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nmt.config.load import load_config
from nmt.errors import DataError, UsageError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

get_data = importlib.import_module("get_data")
catalogue = importlib.import_module("corpora.catalogue")
splitting = importlib.import_module("corpora.splitting")
http_server = importlib.import_module("http_server")

CORPORA = Path(os.environ.get("NMT_CORPORA", ROOT.parent / "shared" / "data"))
MULTI30K = Path(os.environ.get("NMT_MULTI30K", CORPORA / "multi30k"))


@pytest.fixture
def get(tmp_path):
    """Runs the script with files of `tmp_path/here`; gives the exit code."""
    here = tmp_path / "here"
    here.mkdir()

    def run(*arguments, source=here):
        places = ["--from", str(source), "--output", str(tmp_path / "data")]
        return get_data.main([*arguments, *places])

    return run


def lines_of(path):
    return gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[:-1]


def numbered(count, word="line"):
    return "".join(f"{word} {i}\n" for i in range(count))


def write_tar(path, members, mode="w:gz", extra=()):
    with tarfile.open(path, mode) as archive:
        for entry in extra:
            archive.addfile(entry)
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def wmt16(here, **changes):
    texts = {
        "training-parallel-europarl-v7.tgz": "training/europarl-v7.de-en",
        "training-parallel-commoncrawl.tgz": "commoncrawl.de-en",
        "training-parallel-nc-v11.tgz": "training-parallel-nc-v11/news-commentary-v11.de-en",
    }
    for archive, text in texts.items():
        write_tar(
            here / archive,
            {
                f"./{text}.de": numbered(4, "Zeile").encode(),
                "../../evil": b"no",
                f"{text}.en": changes.get(text, numbered(4)).encode(),
            },
            extra=[link("commoncrawl.de-en.en")],
        )
    for name in ("newstest2013.en", "newstest2013.de"):
        (here / name).write_text(numbered(3000), encoding="utf-8")


def link(name):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


def test_archives_become_texts_and_the_next_command_is_told(get, tmp_path, capsys):
    wmt16(tmp_path / "here")
    assert get("wmt16.en-de") == 0
    folder = tmp_path / "data" / "wmt16.en-de"
    assert lines_of(folder / "commoncrawl.de.gz") == numbered(4, "Zeile").split("\n")[:-1]
    assert lines_of(folder / "news-commentary-v11.en.gz") == numbered(4).split("\n")[:-1]
    assert len(lines_of(folder / "newstest2013.de.gz")) == 3000
    printed = capsys.readouterr()
    command = f"nmt train configs/wmt16.en-de.gnmt.yaml --set data.root={folder}\n"
    assert printed.out == command
    assert "warning: newstest2014 (en, de) is not there: left out." in printed.err
    assert not (tmp_path / "evil").exists()


def test_unequal_sides_leave_nothing_behind(get, tmp_path, capsys):
    wmt16(tmp_path / "here", **{"commoncrawl.de-en": numbered(5)})
    assert get("wmt16.en-de") == 3
    told = capsys.readouterr().err
    assert "commoncrawl.en has 5 lines, commoncrawl.de 4" in told
    assert not list((tmp_path / "data").rglob("*.gz"))
    assert not list((tmp_path / "data").rglob(".tmp*"))


def test_extracted_files_will_do(get, tmp_path):
    here = tmp_path / "here"
    for text in (
        "training/europarl-v7.de-en",
        "commoncrawl.de-en",
        "deep/news-commentary-v11.de-en",
    ):
        for language in ("de", "en"):
            path = here / f"{text}.{language}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(numbered(3, language), encoding="utf-8")
    assert get("wmt16.en-de") == 0
    folder = tmp_path / "data" / "wmt16.en-de"
    assert lines_of(folder / "europarl-v7.de.gz") == ["de 0", "de 1", "de 2"]


def test_what_is_missing_is_named(get, capsys):
    assert get("wmt16.en-de") == 3
    told = capsys.readouterr().err
    assert "europarl-v7 (en, de) is not in the folder" in told
    assert "training-parallel-europarl-v7.tgz" in told
    assert get("tatoeba.fra-eng") == 3
    told = capsys.readouterr().err
    assert told.endswith("Looked for the archives or what is in them: fra-eng.zip, fra.txt.\n")
    assert get("sacrebleu:wmt14/full:en-de") == 3
    told = capsys.readouterr().err
    assert told.endswith("Looked for wmt14.full.en-de.en, with .gz or without.\n")


def test_bad_utf8_is_refused_or_replaced(get, tmp_path, capsys):
    for language, content in (("en", b"good\nb\xe9d\n"), ("vi", b"\xef\xbb\xbfgood\r\ngood\0\n")):
        (tmp_path / "here" / f"train.{language}").write_bytes(content)
    assert get("iwslt15.en-vi") == 3
    assert "train.en: line 2: not valid UTF-8 (byte 0xE9)" in capsys.readouterr().err
    assert get("iwslt15.en-vi", "--replace-bad-utf8") == 0
    folder = tmp_path / "data" / "iwslt15.en-vi"
    assert lines_of(folder / "train.en.gz") == ["good", "b\N{REPLACEMENT CHARACTER}d"]
    assert lines_of(folder / "train.vi.gz") == ["good", "good\N{REPLACEMENT CHARACTER}"]


def test_only_a_line_feed_ends_a_line(get, tmp_path):
    for language in ("en", "vi"):
        (tmp_path / "here" / f"train.{language}").write_text("a\u2028b\x0bc\x85d\n")
    assert get("iwslt15.en-vi") == 0
    assert len(lines_of(tmp_path / "data" / "iwslt15.en-vi" / "train.en.gz")) == 1


@pytest.mark.parametrize(
    "content", [b"nothing of the kind", gzip.compress(b"x" * 99, mtime=0)[:20]]
)
def test_damaged_archives(get, tmp_path, capsys, content):
    (tmp_path / "here" / "de-en.tgz").write_bytes(content)
    assert get("iwslt14.de-en") == 3
    assert "damaged" in capsys.readouterr().err


def test_an_archive_of_another_release(get, tmp_path, capsys):
    write_tar(tmp_path / "here" / "de-en.tgz", {"other": b"x\n"})
    assert get("iwslt14.de-en") == 3
    assert "has no de-en/" in capsys.readouterr().err


def test_too_much_in_an_archive_is_not_unpacked(get, tmp_path, monkeypatch, capsys):
    archives = importlib.import_module("corpora.archives")
    monkeypatch.setattr(archives, "_MIN_LIMIT", 1000)
    (tmp_path / "here" / "train.en.gz").write_bytes(gzip.compress(b"a\n" * 10_000))
    (tmp_path / "here" / "train.vi.gz").write_bytes(gzip.compress(b"a\n" * 10_000))
    assert get("iwslt15.en-vi") == 3
    assert "larger than any such text" in capsys.readouterr().err


def test_the_talks_of_iwslt14(get, tmp_path, capsys):
    head = "<url>http://x</url>\n<keywords>talks</keywords>\n<title>A title</title>\n"
    body = head + "<description>What: it is.</description>\n" + numbered(44, " Thanks")
    members = {f"de-en/train.tags.de-en.{side}": body.encode() for side in ("de", "en")}
    segments = '<mteval>\n<seg id="1"> Yes. </seg>\n<seg id="2">No.</seg>\n</mteval>\n'
    for side in ("de", "en"):
        members[f"de-en/IWSLT14.TED.tst2010.de-en.{side}.xml"] = segments.encode()
    write_tar(tmp_path / "here" / "de-en.tgz", members)
    assert get("iwslt14.de-en") == 3  # the other test sets are not in it
    assert "has no de-en/IWSLT14.TED" in capsys.readouterr().err
    for name in ("TED.dev2010", "TEDX.dev2012", "TED.tst2011", "TED.tst2012"):
        for side in ("de", "en"):
            members[f"de-en/IWSLT14.{name}.de-en.{side}.xml"] = segments.encode()
    write_tar(tmp_path / "here" / "de-en.tgz", members)
    assert get("iwslt14.de-en") == 0
    folder = tmp_path / "data" / "iwslt14.de-en"
    assert lines_of(folder / "train.de.gz")[:3] == ["A title", "What: it is.", "Thanks 0"]
    assert lines_of(folder / "dev.en.gz") == ["Thanks 20", "Thanks 43"]
    assert lines_of(folder / "TED.tst2012.en.gz") == ["Yes.", "No."]


def test_tatoeba_of_any_language(get, tmp_path, capsys):
    rows = "".join(f"Sentence {i}.\tSatz {i}.\tCC-BY\n" for i in range(1000))
    with zipfile.ZipFile(tmp_path / "here" / "deu-eng.zip", "w") as archive:
        archive.writestr("_about.txt", "about\n")
        archive.writestr("deu.txt", rows)
    assert get("tatoeba.deu-eng") == 0
    folder = tmp_path / "data" / "tatoeba.deu-eng"
    sides = [lines_of(folder / f"train.{side}.gz") for side in ("deu", "eng")]
    for german, english in zip(*sides, strict=True):
        assert german.split()[1] == english.split()[1]
    settings = ["data.source_language=deu", f"data.root={folder}"]
    told = "".join(f" --set {setting}" for setting in settings)
    assert capsys.readouterr().out == f"nmt train configs/tatoeba.fra-eng.yaml{told}\n"
    config = load_config(ROOT / "configs" / "tatoeba.fra-eng.yaml", settings)
    assert config.name == "tatoeba.deu-eng"
    assert [*config.data.train[0].source, *config.data.train[0].target] == [
        folder / "train.deu.gz",
        folder / "train.eng.gz",
    ]


def test_texts_that_are_there_are_looked_at_and_left(get, tmp_path, capsys):
    wmt16(tmp_path / "here")
    for year, count in (("2014", 3003), ("2015", 2169)):
        for side in ("en", "de"):
            file = tmp_path / "here" / f"newstest{year}.{side}"
            file.write_text(numbered(count), encoding="utf-8")
    assert get("wmt16.en-de") == 0
    before = sorted(tmp_path.rglob("data/*/*.gz"))
    times = [path.stat().st_mtime_ns for path in before]
    capsys.readouterr()
    assert get("wmt16.en-de") == 0
    assert "there already" in capsys.readouterr().err
    assert [path.stat().st_mtime_ns for path in before] == times
    before[0].write_bytes(gzip.compress(b"changed\n"))
    assert get("wmt16.en-de") == 3
    assert "from its first sight" in capsys.readouterr().err


def test_other_texts_than_the_recorded_are_refused(get, tmp_path, capsys):
    here = tmp_path / "here"
    for side in ("en", "vi"):
        (here / f"train.{side}").write_text(numbered(3), encoding="utf-8")
    assert get("iwslt15.en-vi") == 0
    made = (tmp_path / "data" / "iwslt15.en-vi" / "train.en.gz").read_bytes()
    (here / "train.en").write_text(numbered(3, "other"), encoding="utf-8")
    assert get("iwslt15.en-vi", "--force") == 3
    assert "has the SHA-256" in capsys.readouterr().err
    assert (tmp_path / "data" / "iwslt15.en-vi" / "train.en.gz").read_bytes() == made


def test_two_files_that_may_be_meant(get, tmp_path, capsys):
    for folder in ("one", "two"):
        (tmp_path / "here" / folder).mkdir()
        for side in ("en", "vi"):
            path = tmp_path / "here" / folder / f"train.{side}"
            path.write_text(numbered(3), encoding="utf-8")
    assert get("iwslt15.en-vi") == 3
    assert "may be meant" in capsys.readouterr().err


def test_a_corpus_is_fetched_and_prepared(tmp_path, monkeypatch, capsys):
    corpus_types = importlib.import_module("corpora.corpus_types")
    with http_server.serving() as server:
        sides = []
        for language in ("en", "vi"):
            text = numbered(50_000, language).encode()
            server.files[language] = http_server.Served(
                text, cuts=[len(text) // 2] * (language == "vi")
            )
            origin = corpus_types.Download(f"x.{language}", (server.url(language),))
            sides.append(corpus_types.Side(language, origin))
        corpus = corpus_types.Corpus(
            "x", "", "", "", (corpus_types.Text("train", tuple(sides)),), ("x.yaml",)
        )
        monkeypatch.setattr(get_data, "corpus_of", lambda name: corpus)
        output = tmp_path / "with space"
        monkeypatch.setattr(get_data, "CONFIGS", tmp_path)
        text = "{source: train.en.gz, target: train.vi.gz}"
        (tmp_path / "x.yaml").write_text(
            f"data: {{train: {text}, dev: {text}}}\ntraining: {{max_updates: 1}}\n",
            encoding="utf-8",
        )
        assert get_data.main(["x", "--output", str(output)]) == 0
    assert len(server.asked) == 3
    assert lines_of(output / "x" / "train.vi.gz")[-1] == "vi 49999"
    printed = capsys.readouterr()
    assert "the connection ended at" in printed.err
    assert printed.out == f"nmt train configs/x.yaml --set 'data.root={output}/x'\n"


def test_no_command_is_told_that_would_lack_a_text(get, tmp_path, capsys):
    for language in ("en", "fr"):
        for text in ("train", "val"):
            (tmp_path / "here" / f"{text}.{language}").write_text(numbered(3), encoding="utf-8")
    assert get("multi30k") == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    missing = tmp_path / "data" / "multi30k" / "train.de.gz"
    assert f"configs/multi30k.en-de.yaml needs {missing}, which is not there" in printed.err


def test_test_sets_come_from_sacrebleu(tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache" / "wmt14" / "full"
    cache.mkdir(parents=True)
    for field in ("src", "ref", "docid", "genre", "origlang"):
        (cache / f"wmt14_full.en-de.{field}").write_text(f"{field} ä\n{field}\n", encoding="utf-8")
    monkeypatch.setenv("SACREBLEU", str(tmp_path / "cache"))
    assert get_data.main(["sacrebleu:wmt14/full:en-de", "--output", str(tmp_path)]) == 0
    folder = tmp_path / "sacrebleu"
    assert lines_of(folder / "wmt14.full.en-de.en.gz") == ["src ä", "src"]
    assert lines_of(folder / "wmt14.full.en-de.de.gz") == ["ref ä", "ref"]
    assert capsys.readouterr().out.startswith(f"nmt translate --input {folder}/wmt14.full.en-de.en")


def test_a_test_set_that_sacrebleu_does_not_have(tmp_path, capsys):
    assert get_data.main(["sacrebleu:wmt99:en-de", "--output", str(tmp_path)]) == 5
    assert "sacrebleu -t wmt99" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.src"))


@pytest.mark.parametrize(
    "name", ["nothing", "tatoeba.german", "sacrebleu:wmt14", "tatoeba.a/b-eng"]
)
def test_names_that_are_none(name, tmp_path, capsys):
    with pytest.raises(UsageError):
        catalogue.corpus_of(name)
    assert get_data.main([name, "--output", str(tmp_path)]) == 2


def test_the_list_names_every_corpus(capsys):
    assert get_data.main(["--list"]) == 0
    listed = capsys.readouterr().out
    for corpus in catalogue.known_corpora():
        assert f"{corpus.name}\n" in listed
        assert corpus.licence in listed


def test_every_configuration_named_is_there():
    for corpus in catalogue.known_corpora():
        for config in corpus.configs:
            assert (ROOT / "configs" / config).is_file(), config


def test_no_sentence_of_dev_or_test_is_in_train():
    pairs = [(f"s {i // 2}", f"T {i % 3000}") for i in range(6000)]
    pairs += [("Go.", f"t {i}") for i in range(60)] + [pairs[0]]
    parts = splitting.by_sentence(pairs)
    assert sum(map(len, parts.values())) == len(set(pairs))
    assert {("Go.", f"t {i}") for i in range(60)} <= set(parts["train"])
    for side in (0, 1):
        seen = [{pair[side].casefold() for pair in part} for part in parts.values()]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert parts["dev"] and parts["test"]


def has(folder):
    return pytest.mark.skipif(
        not folder.is_dir(),
        reason=f"{folder.name} is not here: put corpora into a folder and name that in NMT_CORPORA",
    )


@has(MULTI30K)
def test_the_true_multi30k(get, tmp_path, capsys):
    assert get("multi30k", source=MULTI30K) == 0
    assert "warning" not in capsys.readouterr().err
    counts = [
        len(lines_of(tmp_path / "data" / "multi30k" / f"{name}.{side}.gz"))
        for name in ("train", "val", "test_2016_flickr")
        for side in ("en", "de", "fr")
    ]
    assert counts == [29_000] * 3 + [1_014] * 3 + [1_000] * 3


@pytest.mark.slow
@has(CORPORA / "iwslt15-en-vi")
def test_the_true_iwslt15(get, tmp_path, capsys):
    assert get("iwslt15.en-vi", source=CORPORA / "iwslt15-en-vi") == 0
    assert "tst2012 (en - vi): 1,553 pairs" in capsys.readouterr().err


@pytest.mark.slow
@has(CORPORA / "tatoeba-fra-eng")
def test_the_true_tatoeba(get, tmp_path):
    assert get("tatoeba.fra-eng", source=CORPORA / "tatoeba-fra-eng") == 0
    folder = tmp_path / "data" / "tatoeba.fra-eng"
    train, test = (set(lines_of(folder / f"{name}.eng.gz")) for name in ("train", "test"))
    assert len(test) > 1000 and not train & test


def test_an_unreadable_record_is_no_record(tmp_path):
    checksums = importlib.import_module("corpora.checksums")
    (tmp_path / "checksums.txt").write_text("what is this\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        checksums.Checksums(tmp_path)
