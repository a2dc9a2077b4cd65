"""Which of the files that the user's program consists of has changed."""

from __future__ import annotations

import os
import sys
from typing import Dict, List, Optional, Tuple

EVERY = 0.5  # seconds


class Watch:
    """Of source files outside of Python's own folders."""

    def __init__(self, files: List[str]) -> None:
        own = tuple(os.path.join(prefix, "lib") for prefix in {sys.prefix, sys.base_prefix, "/usr"})
        self._times: Dict[str, Optional[int]] = {
            file: _time_of(file) for file in files if file.endswith(".py") and not file.startswith(own)}
        self._next = 0.0

    def look(self, now: float) -> Tuple[str, float]:
        """The file that has changed or is gone, or an empty text; and when to look again."""
        if now < self._next:
            return "", self._next
        self._next = now + EVERY
        changed = next((file for file, time in self._times.items() if _time_of(file) != time), "")
        return changed, self._next


def _time_of(file: str) -> Optional[int]:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None
