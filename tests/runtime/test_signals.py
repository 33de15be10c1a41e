import os
import signal
import threading

import pytest

from nmt.runtime.signals import Signalled, signals_raised


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised(number):
    before = signal.getsignal(number)
    with pytest.raises(Signalled) as caught, signals_raised():
        os.kill(os.getpid(), number)
    assert (caught.value.number, caught.value.name) == (number, signal.Signals(number).name)
    assert signal.getsignal(number) is before


def test_the_next_one_acts_as_before():
    cleaned = []
    with pytest.raises(KeyboardInterrupt), signals_raised():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            cleaned.append("began")
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append("not reached")
    assert cleaned == ["began"]


def test_it_does_nothing_outside_the_main_thread():
    seen = []

    def work() -> None:
        with signals_raised():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_only_those_asked_for_are_caught():
    with pytest.raises(KeyboardInterrupt), signals_raised([signal.SIGTERM]):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Signalled), signals_raised([signal.SIGTERM]):
        os.kill(os.getpid(), signal.SIGTERM)
