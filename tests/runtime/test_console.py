import pytest

from nmt.runtime import console
from nmt.runtime.console import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when one says so."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_progress_tells_its_pace_in_a_log(clock, capsys):
    bar = Progress("translate", 1000, "lines", lines=True, done=200, _began=0.0, _last_line=0.0)
    clock(9.5)
    bar.advance(50)
    clock(0.5)
    bar.advance(50)
    clock(10)
    bar.advance(0, "so far")
    bar.advance(700)
    assert capsys.readouterr().err == (
        "translate: 300/1000 lines, 10 lines/s, 0:01:10 left\n"
        "translate: 300/1000 lines, 5 lines/s, 0:02:20 left so far\n"
    )


def test_progress_of_what_has_no_known_end(clock, capsys):
    bar = Progress("count", None, "lines", lines=True, _began=0.0, _last_line=0.0)
    clock(20)
    bar.advance(0)
    clock(20)
    bar.advance(400)
    assert capsys.readouterr().err == "count: 0 lines, 0 lines/s\ncount: 400 lines, 10 lines/s\n"
