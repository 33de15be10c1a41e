"""What signals do to a training, alone and beside the other processes of a launcher."""

import os
import signal

import pytest

from nmt.training import stopping as interrupts_module
from nmt.training.stopping import StopSignalRecorder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")


def test_under_a_launcher_any_number_of_signals_is_noted_silently(capsys):
    with StopSignalRecorder(launched=True) as interrupts:
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
            assert interrupts.signal_number is not None
        assert interrupts.signal_number == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGUSR1)
        assert interrupts.signal_number == signal.SIGTERM
    assert capsys.readouterr().err == ""


def test_alone_a_second_urgent_signal_acts_as_before_and_a_patient_one_never_does(capsys):
    before = signal.getsignal(signal.SIGINT)
    with StopSignalRecorder() as interrupts:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert interrupts.signal_number == signal.SIGUSR1
        assert signal.getsignal(signal.SIGINT) != before
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.signal_number == signal.SIGINT
        assert signal.getsignal(signal.SIGINT) == before
        os.kill(os.getpid(), signal.SIGUSR1)
    told = capsys.readouterr().err
    assert told.count("stopping and saving after this update.") == 1
    assert told.count("interrupt again to stop at once") == 1


def test_a_signal_while_a_line_is_written_is_told_and_noted(monkeypatch, capfd):
    def interrupted(text):
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr(interrupts_module, "warn", interrupted)
    with StopSignalRecorder() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.signal_number == signal.SIGINT
    assert "warning: stopping and saving after this update; interrupt" in capfd.readouterr().err
