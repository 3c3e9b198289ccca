"""What every script does at its end."""

import re

import numpy as np
import pytest
import torch

from idsharp.common.script import run
from idsharp.datasets.errors import DatasetError


def test_a_job_says_how_long_it_took_to_start_and_to_work(capsys):
    run(lambda: sum(range(3_000_000)))
    start, work = map(float, re.findall(r"([\d.]+) s to", capsys.readouterr().out))
    assert start > 0
    assert 0 < work < 30


def test_a_command_for_people_does_not(capsys):
    run(lambda: print("a table"), timed=False)
    assert capsys.readouterr().out == "a table\n"


def test_wrong_input_ends_in_one_line_and_a_defect_in_a_traceback():
    def fails(error):
        raise error

    for error in (DatasetError("no images"), FileNotFoundError("no images")):
        with pytest.raises(SystemExit, match=r"^error: no images$"):
            run(lambda error=error: fails(error))
    for error in (ValueError("a defect"), np.exceptions.AxisError("a defect")):
        with pytest.raises(type(error), match="a defect"):
            run(lambda error=error: fails(error))


def test_memory_that_ran_out_is_told_and_other_errors_of_torch_are_not():
    with pytest.raises(
        SystemExit, match=r"^error: memory ran out \(can't allocate.*; give the job"
    ):
        run(lambda: torch.empty(10**15))
    with pytest.raises(RuntimeError, match="shape"):
        run(lambda: torch.empty(4).view(3))
