import numpy as np
import pytest

from nmt.alignment.link_dataset import LinksProvenance, PairLinks, write_links
from nmt.errors import DataError

ORIGIN = LinksProvenance("ab" * 32, "cd" * 32)
LINKS = [[(0, 0), (2, 1)], [], [(4, 0), (1, 1), (0, 2)], []]
LENGTHS = np.array([[3, 2], [1, 1], [5, 3], [2, 2]])


def write(path, longest=6, links=LINKS):
    write_links(path, (np.array(each).reshape(-1, 2) for each in links), longest, ORIGIN)
    return path


@pytest.mark.parametrize("longest", [6, 1 << 16, (1 << 16) + 1])
def test_what_was_written_is_read(tmp_path, longest):
    links = PairLinks.open(write(tmp_path / "links", longest))
    assert [[tuple(link) for link in links.links(i).tolist()] for i in range(4)] == LINKS
    assert (len(links), links.total, links.provenance) == (4, 5, ORIGIN)
    links.verify(LENGTHS)


def test_no_links_at_all(tmp_path):
    links = PairLinks.open(write(tmp_path / "links", links=[[], []]))
    assert (len(links), links.total, links.links(1).shape) == (2, 0, (0, 2))
    links.verify(LENGTHS[:2])


def test_pairs_that_are_not_there(tmp_path):
    links = PairLinks.open(write(tmp_path / "links"))
    for pair in (-1, 4):
        with pytest.raises(IndexError):
            links.links(pair)


def test_every_byte_is_looked_at(tmp_path):
    content = write(tmp_path / "links").read_bytes()
    for place in range(len(content)):
        if 140 <= place < 188:
            continue  # room in the header, which its checksum covers
        spoiled = bytearray(content)
        spoiled[place] ^= 0x41
        path = tmp_path / "spoiled"
        path.write_bytes(bytes(spoiled))
        with pytest.raises(DataError, match="spoiled: "):
            PairLinks.open(path).verify(LENGTHS)


def test_a_file_that_is_cut_off(tmp_path):
    content = write(tmp_path / "links").read_bytes()
    for size in (0, 10, 191, 192, len(content) - 1):
        (tmp_path / "short").write_bytes(content[:size])
        with pytest.raises(DataError, match="damaged"):
            PairLinks.open(tmp_path / "short")


def test_links_of_tokens_that_are_not_there(tmp_path):
    links = PairLinks.open(write(tmp_path / "links"))
    with pytest.raises(DataError, match="tokens that do not exist"):
        links.verify(LENGTHS - [[0, 0], [0, 0], [1, 0], [0, 0]])


def test_fingerprints_differ_where_links_do(tmp_path):
    one = PairLinks.open(write(tmp_path / "one")).fingerprint
    assert one == PairLinks.open(write(tmp_path / "same")).fingerprint
    assert one != PairLinks.open(write(tmp_path / "other", links=LINKS[::-1])).fingerprint
