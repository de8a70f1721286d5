"""The containers, as far as that can be told without a Docker engine.

The files fit the code, and so does the list of variables.

That the image builds and the services run is not tested here.
"""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load(Path("compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = Path("Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = ("api", "worker")
# What a template such as ${NAME:-default} or ${NAME:?message} may be given from outside.
TEMPLATE = re.compile(r"\$\{([A-Z_]+)(?::[-?][^}]*)?\}")


def instructions(name: str) -> list[str]:
    """Arguments of every instruction of a name, in order."""
    return re.findall(rf"(?m)^{name} +(.*)$", DOCKERFILE)


def exists(command: list[str]) -> bool:
    """Whether a command line starts a script of this project or a module that can be imported."""
    if command[0] in ("python", "python3"):
        if command[1] == "-c":
            compile(command[2], "health check", "exec")
            return True
        modules = [command[2]]
        if "-A" in command:
            modules.append(command[command.index("-A") + 1])
        return all(importlib.util.find_spec(module) is not None for module in modules)
    return command[0] in PROJECT["scripts"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    check = service["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(check)
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_commands_and_health_checks_are_there(name: str) -> None:
    service = SERVICES[name]
    assert exists(service["command"])
    kind, *test = service["healthcheck"]["test"]
    assert exists(test if kind == "CMD" else shlex.split(test[0]))


def test_api_and_workers_are_the_same_image_on_the_same_store() -> None:
    api, worker = (SERVICES[name] for name in OURS)
    for key in ("image", "environment", "env_file"):
        assert api[key] == worker[key]
    # Built once, and never looked for in a registry.
    assert [name for name, service in SERVICES.items() if "build" in service] == ["api"]
    assert worker["pull_policy"] == "never"
    # A fixed name or port would keep a second worker from starting.
    assert "container_name" not in worker
    assert "ports" not in worker


def test_whoever_is_waited_for_exists_and_is_healthy() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert other in SERVICES
            assert condition == {"condition": "service_healthy"}


def test_addresses_name_the_services() -> None:
    environment = SERVICES["api"]["environment"]
    assert "@postgres:5432/matcher" in environment["DATABASE_URL"]
    assert environment["REDIS_URL"].startswith("redis://redis:6379")
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "matcher"


def test_no_secret_is_in_the_file_and_the_password_is_required() -> None:
    text = Path("compose.yaml").read_text(encoding="utf-8")
    assert len(re.findall(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", text)) == 2
    assert "POSTGRES_PASSWORD" in {match[1] for match in TEMPLATE.finditer(text)}
    bare = TEMPLATE.sub("", text)
    assert not re.search(r"(?i)(password|secret|token|key)\"?[:=] *[^\s$]", bare)


def test_only_this_machine_reaches_the_api_and_nobody_the_stores() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_the_number_of_workers_outlives_an_upgrade() -> None:
    assert SERVICES["worker"]["scale"] == "${MATCHER_WORKERS:-1}"


def test_only_what_must_not_be_lost_is_on_a_volume() -> None:
    # From version 18 the image keeps its data in a folder of its version below this one and does
    # not start on a volume at the old place, …/data.
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert list(COMPOSE["volumes"]) == ["postgres"]
    # Each container would get an anonymous one, which `docker compose down` leaves behind.
    assert not instructions("VOLUME")


def test_a_worker_is_given_longer_to_stop_than_it_takes() -> None:
    grace_s = float(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    settings = Settings(database_url="sqlite://")
    assert grace_s > 30.0 > settings.stop_grace_s  # Celery's soft shutdown takes 30 s


def test_the_image_is_of_a_supported_python_with_pinned_packages_and_no_root() -> None:
    assert {image.split()[0] for image in instructions("FROM")} == {"python:3.11-slim"}
    assert PROJECT["requires-python"].startswith(">=3.11")
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert installs
    assert all("-c constraints.txt" in line for line in installs)
    assert instructions("USER") == ["matcher"]
    assert exists(yaml.safe_load(instructions("CMD")[-1]))


def test_what_the_image_copies_is_there_and_let_through() -> None:
    ignored = Path(".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert copied == let_through
    assert all(Path(source).exists() for source in copied)


def test_every_setting_is_in_the_list_of_variables_with_its_default() -> None:
    text = Path("docs/operations.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"(?m)^\| `([A-Z_]+)` \| ([^|]+) \|", text))
    for name, field in Settings.model_fields.items():
        if name not in ("database_url", "redis_url"):
            assert float(told[f"MATCHER_{name.upper()}"]) == float(field.default), name
    assert {"DATABASE_URL", "REDIS_URL", "MATCHER_DATA", "MATCHER_CONCURRENCY"} <= set(told)


def test_every_variable_of_compose_is_told() -> None:
    text = Path("docs/operations.md").read_text(encoding="utf-8")
    names = {match[1] for match in TEMPLATE.finditer(Path("compose.yaml").read_text("utf-8"))}
    assert names == {"POSTGRES_PASSWORD", "MATCHER_PORT", "MATCHER_VERSION", "MATCHER_WORKERS"}
    assert all(name in text for name in names)
