"""Downloads from a server that cuts, changes, refuses and forgets."""

import hashlib
import importlib
import sys
from pathlib import Path

import pytest

from nmt.errors import DataError, ResourceError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

Download = importlib.import_module("corpora.corpus_types").Download
fetching = importlib.import_module("corpora.fetching")
http_server = importlib.import_module("http_server")
Served = http_server.Served

CONTENT = bytes(i * 7 % 251 for i in range(700_000))


@pytest.fixture
def server():
    with http_server.serving() as made:
        yield made


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches a file by its name; `fetch.waits` holds how long it would have waited."""

    def run(*names, retries=2):
        retry_policy = fetching.RetryPolicy(5.0, retries, 1.0, run.waits.append)
        urls = tuple(server.url(name) for name in names)
        return fetching.fetch(Download("corpus.tgz", urls), tmp_path / "got", retry_policy)

    run.waits = []
    return run


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_and_its_checksum_recorded(server, fetch, tmp_path):
    server.files["a"] = Served(CONTENT)
    path = fetch("a")
    assert path.read_bytes() == CONTENT
    assert names_in(tmp_path / "got") == ["checksums.txt", "corpus.tgz"]
    recorded = (tmp_path / "got" / "checksums.txt").read_text(encoding="utf-8")
    assert recorded == f"{hashlib.sha256(CONTENT).hexdigest()}  corpus.tgz\n"


def test_what_is_there_is_not_fetched_again(server, fetch):
    server.files["a"] = Served(CONTENT)
    fetch("a")
    fetch("a")
    assert len(server.asked) == 1


def test_a_cut_download_goes_on_where_it_was(server, fetch):
    server.files["a"] = Served(CONTENT, cuts=[300_000, 200_000])
    assert fetch("a").read_bytes() == CONTENT
    assert server.asked == [
        ("a", None, None),
        ("a", "bytes=300000-", '"one"'),
        ("a", "bytes=500000-", '"one"'),
    ]
    assert fetch.waits == [1.0, 1.0]


def test_another_call_goes_on_too(server, fetch):
    server.files["a"] = Served(CONTENT, cuts=[300_000, 0])
    with pytest.raises(ResourceError, match="goes on where it was"):
        fetch("a", retries=0)
    assert fetch("a", retries=0).read_bytes() == CONTENT
    assert server.asked[-1] == ("a", "bytes=300000-", '"one"')


def test_a_date_tells_too_that_the_file_is_the_same(server, fetch):
    date = "Mon, 01 Jan 2024 00:00:00 GMT"
    server.files["a"] = Served(CONTENT, tag='W/"weak"', modified=date, cuts=[300_000])
    assert fetch("a").read_bytes() == CONTENT
    assert server.asked[-1] == ("a", "bytes=300000-", date)


@pytest.mark.parametrize("changes", [{"tag": None}, {"ranges": False}])
def test_where_pieces_cannot_be_had_it_begins_anew(server, fetch, changes):
    server.files["a"] = Served(CONTENT, cuts=[300_000], **changes)
    assert fetch("a").read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_file_that_changed_in_between_is_not_put_together_of_two(server, fetch):
    server.files["a"] = Served(CONTENT, cuts=[300_000, 0])
    with pytest.raises(ResourceError):
        fetch("a", retries=0)
    server.files["a"] = Served(CONTENT[::-1], tag='"two"')
    assert fetch("a").read_bytes() == CONTENT[::-1]


def test_more_than_the_server_has_is_thrown_away(server, fetch, tmp_path):
    server.files["a"] = Served(CONTENT, cuts=[300_000, 0])
    with pytest.raises(ResourceError):
        fetch("a", retries=0)
    with (tmp_path / "got" / "corpus.tgz.part").open("ab") as part:
        part.write(CONTENT)
    assert fetch("a").read_bytes() == CONTENT


def test_what_was_whole_but_not_yet_named_is_not_fetched_again(server, fetch, tmp_path):
    server.files["a"] = Served(CONTENT, cuts=[300_000, 0])
    with pytest.raises(ResourceError):
        fetch("a", retries=0)
    with (tmp_path / "got" / "corpus.tgz.part").open("ab") as part:
        part.write(CONTENT[300_000:])
    before = len(server.asked)
    assert fetch("a").read_bytes() == CONTENT
    assert len(server.asked) == before + 1


def test_luck_that_varies_is_no_progress(server, fetch):
    server.files["a"] = Served(CONTENT, ranges=False, cuts=[300_000, 200_000] * 20)
    with pytest.raises(ResourceError):
        fetch("a")
    assert len(server.asked) == 4


def test_a_stream_of_unknown_length_is_whole_where_it_ends(server, fetch):
    server.files["a"] = Served(CONTENT, length=False)
    assert fetch("a").read_bytes() == CONTENT


def test_trouble_of_the_server_is_waited_for_ever_longer(server, fetch):
    server.files["a"] = Served(CONTENT, statuses=[503, 429])
    assert fetch("a").read_bytes() == CONTENT
    assert fetch.waits == [1.0, 2.0]


def test_patience_ends(server, fetch, tmp_path):
    server.files["a"] = Served(CONTENT, statuses=[503] * 9)
    with pytest.raises(ResourceError, match="answers 503"):
        fetch("a")
    assert fetch.waits == [1.0, 2.0]
    assert not (tmp_path / "got" / "corpus.tgz").exists()


def test_a_file_that_is_gone_is_asked_for_once_and_the_next_address_taken(server, fetch):
    server.files["b"] = Served(CONTENT)
    assert fetch("a", "b").read_bytes() == CONTENT
    assert [name for name, *_ in server.asked] == ["a", "b"]
    assert fetch.waits == []


def test_a_file_that_is_nowhere_is_an_error_of_the_data(fetch):
    with pytest.raises(DataError, match=r"answers 404(.|\n)*--from"):
        fetch("a", "b")


def test_a_part_of_one_address_is_not_gone_on_with_from_another(server, fetch):
    server.files["a"] = Served(CONTENT[::-1], cuts=[300_000, 0])
    server.files["b"] = Served(CONTENT)
    assert fetch("a", "b", retries=0).read_bytes() == CONTENT
    assert server.asked[-1] == ("b", None, None)


def test_another_file_than_the_recorded_is_refused(server, fetch, tmp_path):
    server.files["a"] = Served(CONTENT)
    fetch("a").unlink()
    server.files["a"] = Served(CONTENT + b"x")
    with pytest.raises(DataError, match="from its first sight"):
        fetch("a")
    assert names_in(tmp_path / "got") == ["checksums.txt", "corpus.tgz.rejected"]


def test_a_file_that_was_spoilt_on_disk_is_found_out(server, fetch):
    server.files["a"] = Served(CONTENT)
    fetch("a").write_bytes(b"spoilt")
    with pytest.raises(DataError, match="SHA-256"):
        fetch("a")


def test_no_server_at_all(tmp_path):
    retry_policy = fetching.RetryPolicy(1.0, 0)
    with pytest.raises(ResourceError, match="network"):
        fetching.fetch(Download("a", ("http://127.0.0.1:9/a",)), tmp_path, retry_policy)
