"""A written model is the program: another reader finds the same optimum in it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from programs import brute_force, program, sourcing

from matcher.engines.pulp import unique_names, write_model
from matcher.errors import EngineError
from matcher.program import Segment

_READ = """
import sys, highspy
highs = highspy.Highs()
highs.setOptionValue("output_flag", False)
highs.setOptionValue("mip_rel_gap", 0.0)
assert highs.readModel(sys.argv[1]) == highspy.HighsStatus.kOk
highs.run()
print(highs.getInfo().objective_function_value, *highs.getLp().col_names_)
"""


def _optimum_of_file(path: Path) -> tuple[float, list[str]]:
    run = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True
    )
    value, *names = run.stdout.split()
    return float(value), names


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_a_written_model_has_the_same_optimum(suffix: str, tmp_path: Path) -> None:
    problem = sourcing(4)
    assert problem.offset
    problem = replace(
        problem, row_upper=np.where(np.isinf(problem.row_upper), 1e6, problem.row_upper)
    )
    path = tmp_path / f"model{suffix}"
    write_model(problem, path)
    value, names = _optimum_of_file(path)
    assert value == pytest.approx(brute_force(problem), rel=1e-6)
    assert {f"x_{j}" for j in range(problem.num_columns)} <= set(names)


def test_labels_become_names(tmp_path: Path) -> None:
    demands = ("bolt M8", "ốc vít", "bolt-M8")
    index = np.arange(3, dtype=np.int32)
    problem = replace(
        program([1, 2, 3], [[1, 1, 1]], [1], [2], [0] * 3, [1] * 3, [1] * 3),
        column_segments=(Segment("y", 3, ((index, demands),)),),
        row_segments=(Segment("end", 1),),
    )
    write_model(problem, tmp_path / "model.lp")
    text = (tmp_path / "model.lp").read_text()
    assert all(name in text for name in ("y_bolt_M8", "y_bolt_M8_2", "v_end"))
    assert text.isascii()
    assert _optimum_of_file(tmp_path / "model.lp")[0] == pytest.approx(1)


def test_names_are_never_alike() -> None:
    names = unique_names(["a b", "a-b", "a_b_2", "a b", "", "", "e5", "x" * 300, "x" * 301])
    assert len(set(names)) == len(names)
    assert all(len(name) < 255 and name[0] not in "eE0123456789." for name in names)


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    problem = program([1], [[1]], [1], [2], [0], [2], [1])
    with pytest.raises(EngineError, match=r"model\.txt.*\.lp or \.mps"):
        write_model(problem, tmp_path / "model.txt")
    with pytest.raises(EngineError, match="nowhere"):
        write_model(problem, tmp_path / "nowhere" / "model.lp")
