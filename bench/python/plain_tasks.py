"""The work of every system: a value goes there and back, or a job sleeps."""

import time


def echo(value):
    return value


def nap(seconds):
    time.sleep(seconds)
