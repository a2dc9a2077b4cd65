"""Runs a program, and ends it when standard input closes, as it does when the parent dies in any way. It is run as a
file, without the package: python guard.py PROGRAM..."""

import os
import subprocess
import sys
import threading

PATIENCE = 40.0  # seconds that the program has to end by itself


def main() -> None:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def wait_for_parent() -> None:
        while os.read(0, 4096):
            pass
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
