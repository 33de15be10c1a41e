"""The time that this process waits for a core, in made-up files of Linux and on this machine."""

import pytest

from nmt.runtime import processor
from nmt.runtime.processor import CoreWaitTime


@pytest.fixture
def threads(monkeypatch, tmp_path):
    """Writes what threads ran and waited, in nanoseconds: `threads((5, 1), (7, 0))`."""
    statistics = tmp_path / "schedstat"
    statistics.write_text("0 0 0\n", encoding="ascii")
    monkeypatch.setattr(processor, "_STATISTICS", statistics)
    monkeypatch.setattr(processor, "_THREADS", tmp_path / "task")

    def write(*times):
        for number, (ran, waited) in enumerate(times):
            folder = tmp_path / "task" / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "schedstat").write_text(f"{ran} {waited} 9\n", encoding="ascii")

    return write


def test_the_share_is_of_all_threads_since_the_beginning(threads):
    threads((100, 50), (10, 0))
    waits = CoreWaitTime()
    assert waits.share() == 0.0
    threads((130, 50), (20, 10), (50, 0))  # one thread more
    assert waits.share() == pytest.approx(10 / (30 + 10 + 10 + 50))


def test_a_thread_that_has_ended_is_passed_over(threads, tmp_path):
    threads((100, 0), (100, 0))
    waits = CoreWaitTime()
    (tmp_path / "task" / "1" / "schedstat").unlink()
    threads((400, 100))
    assert waits.share() == 100 / (300 + 100)


def test_where_the_system_reports_nothing_there_is_no_share(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_STATISTICS", tmp_path / "missing")
    assert CoreWaitTime().share() is None


def test_on_this_machine_it_is_a_share():
    waits = CoreWaitTime()
    assert sum(range(1000)) > 0
    share = waits.share()
    assert share is None or 0.0 <= share < 1.0
