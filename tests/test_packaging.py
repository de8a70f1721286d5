"""What is installed: one top-level package, the samples with it, and the rest as extras."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import matcher
import matcher.engines
from matcher.errors import EngineUnavailable
from tests.networks import network

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of the wheel, as an installation has them."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_holds_one_package_and_its_data(wheel: Path) -> None:
    version = matcher.__version__
    assert {entry.name for entry in wheel.iterdir()} == {
        "matcher",
        f"supplier_matcher-{version}.dist-info",
    }
    there = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files", "matcher"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(tracked) <= there
    assert {"matcher/py.typed", "matcher/examples/asean-electronics/bids.csv"} <= there


def test_the_demo_works_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "matcher", "demo", "--output", "made"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel), "PATH": "", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "cover all but 4 demands in full" in run.stdout
    assert (tmp_path / "made" / "report.html").stat().st_size > 100_000


def test_every_extra_is_pinned_and_no_extra_is_needed_to_import_the_core() -> None:
    pins = Path("constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras) == {"engines", "service", "bench"}
    core = PROJECT["project"]["dependencies"]
    for requirement in [*core, *extras["engines"], *extras["service"]]:
        name = requirement.split(">")[0].split("=")[0].lower()
        assert f"\n{name}==" in f"\n{pins}", name
    loaded = subprocess.run(
        [sys.executable, "-c", "import matcher, matcher.client, sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    optional = {"ortools", "pulp", "pyscipopt", "fastapi", "sqlalchemy", "celery", "redis"}
    assert not optional & set(loaded)


@pytest.fixture
def _core_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engines as they are without the extra."""
    gone = {"ortools", "pulp", "pyscipopt"}
    for module in ("matcher.engines", "matcher.engines.pulp"):
        monkeypatch.setattr(
            sys.modules[module], "find_spec", lambda name: None if name in gone else find_spec(name)
        )


@pytest.mark.usefixtures("_core_only")
def test_without_other_engines_a_contradiction_is_told_and_what_to_change() -> None:
    rules = [
        {"rule": "one", "kind": "supplier_count", "scope": "network", "max": 1},
        {"rule": "two", "kind": "supplier_count", "scope": "network", "min": 2},
    ]
    bids = [{"bid": "B1", "supplier": "S1"}, {"bid": "B2", "supplier": "S2"}]
    plan = matcher.solve(network(bids=bids, rules=rules))
    assert plan.result is not None
    assert plan.result.solution_status == "infeasible"
    assert "no second engine is installed to confirm it" in plan.result.detail
    assert len(plan.result.correction_sets) == 2


@pytest.mark.usefixtures("_core_only")
@pytest.mark.parametrize("engine", ["cpsat", "scip", "pulp:PULP_CBC_CMD"])
def test_an_engine_that_is_missing_says_which_extra_brings_it(engine: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"pip install supplier-matcher\[engines\]"):
        matcher.solve(matcher.read("examples/first-steps"), engine=engine)


@pytest.mark.usefixtures("_core_only")
def test_a_model_needs_the_extra_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"pip install supplier-matcher\[engines\]"):
        matcher.export(matcher.read("examples/first-steps"), tmp_path / "model.lp")
