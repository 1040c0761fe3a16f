"""Stop requests."""

import os
import signal

import pytest

from rspt.signals import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert stop.exit_code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL  # the second one ends the program
    assert signal.getsignal(number) is before
