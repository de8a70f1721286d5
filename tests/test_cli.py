"""The command line: exit codes, what it prints, and that a mistake never ends in a traceback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import psutil
import pytest

import matcher
from matcher.cli import main
from matcher.generate.recipe import recipe_for
from matcher.plan import plan_from_dict
from matcher.solve.complete import complete

FIRST_STEPS = "examples/first-steps"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Exit code of ``matcher`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["matcher", *map(str, arguments)])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    network = matcher.read(FIRST_STEPS)
    path = tmp_path / "plan.json"
    matcher.solve(network, gap_limit=0.0).write(path)
    return path


def test_solve_prints_a_verdict_and_writes_a_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "solve", FIRST_STEPS, "-o", tmp_path / "p.json", "--gap", "0") == 0
    shown = capsys.readouterr()
    assert "proven optimal" in shown.out
    assert shown.err == ""  # nobody watches, so no progress line
    assert run(monkeypatch, "check", FIRST_STEPS, tmp_path / "p.json") == 0
    assert "meets every mandatory rule" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["highs", "cpsat", "scip", "pulp:PULP_CBC_CMD"])
def test_solve_as_json_with_every_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    assert run(monkeypatch, "solve", FIRST_STEPS, "--json", "--engine", engine, "--gap", "0") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["result"]["solution_status"] == "optimal"
    assert document["run"]["engine"] == engine


def test_a_plan_that_breaks_a_rule_is_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "hand.csv"
    path.write_text("demand,bid,quantity\nD1,B1,1\n")  # below the MOQ of 2,000
    assert run(monkeypatch, "check", FIRST_STEPS, path) == 4
    assert "below_moq" in capsys.readouterr().out
    assert run(monkeypatch, "check", FIRST_STEPS, path, "--json") == 4
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_no_plan_is_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Four suppliers are asked for and three exist.
    folder = tmp_path / "n"
    matcher.template(folder)
    rules = pl.DataFrame(
        {
            "rule": ["many"],
            "kind": ["supplier_count"],
            "scope": ["network"],
            "of": [None],
            "min": [4],
            "max": [None],
        }
    )
    rules.write_csv(folder / "rules.csv")
    assert run(monkeypatch, "solve", folder) == 3
    assert "No plan exists" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve", "no/such/folder"],
        ["solve", FIRST_STEPS, "--engine", "higgs"],
        ["solve", FIRST_STEPS, "--time-limit", "nan"],
        ["solve", FIRST_STEPS, "--gap", "2"],
        ["solve", FIRST_STEPS, "-o", "no/such/folder/plan.json"],
        ["check", FIRST_STEPS, "no-plan.json"],
        ["check", FIRST_STEPS, "README.md"],
        ["explain", FIRST_STEPS, "no-plan.json", "--demand", "D1"],
        ["export", FIRST_STEPS, "-o", "model.txt"],
        ["report", FIRST_STEPS, "no-plan.json"],
        ["generate", "-o", "x", "--preset", "smal"],
        ["generate", "-o", "x", "--candidates", "3"],
        ["scms", "README.md"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_2_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    assert shown.err.strip()


def test_every_issue_at_once_also_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "n"
    matcher.template(folder)
    bids = pl.read_csv(folder / "bids.csv", infer_schema=False)
    bids.with_columns(price=pl.lit("-1"), currency=pl.lit("XXX")).write_csv(folder / "bids.csv")
    assert run(monkeypatch, "validate", folder) == 2
    assert "The data cannot be used until it is corrected: 6 issues." in capsys.readouterr().err
    assert run(monkeypatch, "validate", folder, "--json") == 2
    issues = json.loads(capsys.readouterr().out)["issues"]
    assert len(issues) >= 2 * bids.height
    assert {"price", "currency"} <= {issue["column"] for issue in issues}
    assert all(issue["fix"] for issue in issues)


def test_explain_report_export_and_generate(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    plan_path: Path,
) -> None:
    assert run(monkeypatch, "explain", FIRST_STEPS, plan_path, "--supplier", "S1") == 0
    assert "S1 gets 1 award" in capsys.readouterr().out
    assert run(monkeypatch, "explain", FIRST_STEPS, plan_path, "--demand", "D11") == 2
    assert "did you mean" in capsys.readouterr().err
    assert run(monkeypatch, "explain", FIRST_STEPS, plan_path) == 2
    for name in ("r.html", "r.xlsx", "r.md"):
        assert run(monkeypatch, "report", FIRST_STEPS, plan_path, "-o", tmp_path / name) == 0
        assert (tmp_path / name).stat().st_size > 1000
    for name in ("m.lp", "m.mps"):
        assert run(monkeypatch, "export", FIRST_STEPS, "-o", tmp_path / name) == 0
        assert "capacity" in (tmp_path / name).read_text()
    for name in ("g.xlsx", "g.json", "g"):
        assert run(monkeypatch, "generate", "--candidates", 200, "-o", tmp_path / name) == 0
    networks = [matcher.read(tmp_path / name) for name in ("g.xlsx", "g.json", "g")]
    assert networks[0] == networks[1] == networks[2]


@pytest.mark.skipif(os.name != "posix", reason="sends an interrupt as a terminal does")
@pytest.mark.parametrize("engine", ["highs", "decomposition"])
def test_an_interrupt_keeps_the_best_plan(engine: str, tmp_path: Path) -> None:
    if engine == "decomposition":  # compiled once, so that the time below is for the solve
        matcher.solve(matcher.generate(recipe_for(400), seed=1), engine=engine, gap_limit=0.02)
    network = matcher.generate(seed=3)
    matcher.write(network, tmp_path / "n", format="parquet")
    path = tmp_path / "plan.json"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "matcher",
            "solve",
            str(tmp_path / "n"),
            "-o",
            str(path),
            "--time-limit",
            "120",
            "--engine",
            engine,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # A first plan takes a moment once there is a process that solves.
    until = time.monotonic() + 60.0
    while not psutil.Process(process.pid).children() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(5.0)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    plan = matcher.read_plan(path)
    assert plan.result is not None
    assert plan.result.termination_reason == "cancelled"
    assert matcher.check(network, plan).ok
    assert "awards" in out


def _claimed(found: str, awards: list[dict[str, object]], **result: object) -> str:
    return plan_from_dict(
        {
            "currency": "USD",
            "awards": awards,
            "unmet": [{"demand": "D2", "quantity": 8000, "share": 1.0}],
            "result": {"solution_status": found, "best": 0.0} | result,
        }
    ).verdict


def test_a_plan_without_awards_is_not_said_to_cover_anything() -> None:
    open_still = {"unmet": 1.0, "bound": 0.0, "proven": False}
    verdict = _claimed("feasible", [], termination_reason="time_limit", coverage=open_still)
    assert verdict == (
        "Nothing was awarded (search ended: time limit reached); 1 demand remains unmet. "
        "Allow the search more time or memory."
    )
    none_can = {"unmet": 1.0, "bound": 1.0, "proven": True}
    verdict = _claimed("optimal", [], termination_reason="proved", coverage=none_can)
    assert verdict.startswith("Nothing can be awarded; 1 demand remains unmet. It is proven")


def test_a_gap_is_not_rounded_to_less_than_was_proven() -> None:
    award: dict[str, object] = {"demand": "D1", "bid": "B1", "quantity": 1}
    coverage = {"unmet": 1.0, "bound": 1.0, "proven": True}
    for gap, said in (
        (0.00001, "at most 0.01% of it could still be saved"),
        (0.0009, "0.09%"),
        (1.7, "no useful"),
    ):
        verdict = _claimed(
            "feasible", [award], termination_reason="time_limit", coverage=coverage, gap=gap
        )
        assert said in verdict


def test_what_an_unfinished_search_left_open_is_not_blamed_on_rules(tmp_path: Path) -> None:
    (tmp_path / "hand.csv").write_text("demand,bid,quantity\nD2,B3,8000\n")
    network = matcher.read(FIRST_STEPS)
    unmet = complete(network, matcher.read_plan(tmp_path / "hand.csv")).unmet
    assert unmet is not None
    assert unmet["reason"].to_list() == [
        "2 bids passed every gate: 2 bids might cover more, as it is not proven that the plan "
        "cannot use them"
    ]
