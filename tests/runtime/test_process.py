import os
import signal
import subprocess
import sys
import threading

import pytest

from nmt.runtime.process import SignalReceived, delay_signals, raise_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised(number):
    before = signal.getsignal(number)
    with pytest.raises(SignalReceived) as caught, raise_signals():
        os.kill(os.getpid(), number)
    assert (caught.value.number, caught.value.name) == (number, signal.Signals(number).name)
    assert signal.getsignal(number) is before


def test_the_next_one_acts_as_before():
    cleaned = []
    with pytest.raises(KeyboardInterrupt), raise_signals():
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
        with raise_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_only_those_asked_for_are_caught():
    with pytest.raises(KeyboardInterrupt), raise_signals([signal.SIGTERM]):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(SignalReceived), raise_signals([signal.SIGTERM]):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_held_signal_acts_at_the_end(number):
    before, done = signal.getsignal(number), []
    with pytest.raises(SignalReceived) as caught, raise_signals(), delay_signals():
        os.kill(os.getpid(), number)
        done.append("the whole block")
    assert (caught.value.number, done) == (number, ["the whole block"])
    assert signal.getsignal(number) is before


def test_a_signal_that_another_thread_takes_is_held_too():
    begun, done = threading.Event(), []

    def signal_this_process() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=signal_this_process)
    thread.start()
    with pytest.raises(SignalReceived), raise_signals(), delay_signals():
        begun.set()
        thread.join()
        done.append("the whole block")
    assert done == ["the whole block"]


def test_a_process_started_meanwhile_holds_them_until_it_lets_them_through():
    script = """
import os, signal
from nmt.runtime.process import SignalReceived, unblock_signals, raise_signals
os.kill(os.getpid(), signal.SIGINT)
print("held")
try:
    with raise_signals():
        unblock_signals(signal.SIGINT)
        print("not reached")
except SignalReceived:
    print("came")
"""
    with delay_signals():
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.communicate()[0].split() == [b"held", b"came"]


def test_nothing_is_held_outside_the_main_thread():
    handlers = []

    def work() -> None:
        with delay_signals():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
