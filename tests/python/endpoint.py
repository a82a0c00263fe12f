"""Runs MiniStack until standard input closes.

The test that started it holds the other end. However that test ends, even killed, the endpoint ends with it and takes
the functions it runs along.
"""

import os
import signal
import sys
import threading

from ministack.app import main


def stop_at_end_of_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=stop_at_end_of_input, daemon=True).start()
sys.argv = ["ministack"]
main()
