"""Rounds in which random things befall the real programs. The environment may say how many rounds of each kind
(ZEBU_CRASH_ROUNDS), of how many jobs (ZEBU_CRASH_JOBS), and from which seed on (ZEBU_CRASH_SEED). A round that fails
keeps its folder and prints its seed, which brings back the plan and the order of what happened."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import tempfile

import pytest

from crash.rounds import Round


@pytest.mark.parametrize("kind, jobs", [("kills", 2400), ("living", 1200), ("both", 1200)])
def test_no_job_is_lost_none_has_two_outcomes_and_none_begins_twice_without_a_death(kind: str, jobs: int) -> None:
    rounds = int(os.environ.get("ZEBU_CRASH_ROUNDS", 1))
    first = int(os.environ.get("ZEBU_CRASH_SEED", random.SystemRandom().randrange(1 << 40)))
    jobs = int(os.environ.get("ZEBU_CRASH_JOBS", jobs))
    excused = 0
    for seed in range(first, first + rounds):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="zebu-crash-py-"))
        round = Round(folder, kind, seed, jobs)
        try:
            round.run()
        except BaseException as error:
            pytest.fail(f"seed {seed}, folder {folder}: {error}")
        excused += round.is_excused
        shutil.rmtree(folder)
    if excused:
        print(f"{excused} of {rounds} rounds were excused: this machine stood still meanwhile")
