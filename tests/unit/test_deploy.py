"""What `deploy/` says of the program, held against the program: commands, settings, ports."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from alerts.cli.whole import app
from alerts.config import Settings, load_settings
from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PARTS = {"web", "worker", "beat", "inbound"}
# Read by the command line before there are settings.
_NO_SETTING = {"ALERTS_DEBUG"}
_NAME = re.compile(r"\bALERTS_[A-Z_]+\b")
_HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "User": "gp-alerts",
}


def unit(path: Path) -> dict[str, list[str]]:
    """Return a unit's settings, each with all of its values."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Return what the command line makes of arguments; fails for a command that is none."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("alerts", list(arguments))
    while isinstance(command, TyperGroup):
        # Typer brings a click of its own, which keeps here what it has not read yet.
        name, command, rest = command.resolve_command(context, context._protected_args)
        assert command is not None
        context = command.make_context(name, [*rest, *context.args], parent=context)
    params: dict[str, Any] = context.params
    return params


def our_commands() -> Iterator[tuple[str, list[str]]]:
    for path in UNITS:
        for line in unit(path)["ExecStart"]:
            words = shlex.split(line.replace("$$(", "(").replace("%%", "%"))
            if words[0] == "/bin/sh":
                words = shlex.split(words[2].removeprefix("exec "))
            assert words[0] == "/opt/gp-alerts/bin/alerts", path
            yield path.name, words[1:]
    for name, service in compose()["services"].items():
        if "build" in service:
            yield name, service["command"]
    [last] = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    yield "Containerfile", yaml.safe_load(last)


@pytest.mark.parametrize(("where", "arguments"), list(our_commands()))
def test_every_command_is_one(where: str, arguments: list[str]) -> None:
    assert parsed(arguments) is not None, where


def test_no_part_is_missing() -> None:
    told = {arguments[0] for _, arguments in our_commands()}
    assert told >= PARTS | {"init", "backup"}
    assert set(compose()["services"]) >= PARTS | {"init", "postgres", "redis"}
    assert {path.stem.removeprefix("gp-alerts-") for path in UNITS} >= PARTS | {"init", "backup"}


@pytest.mark.parametrize(
    "path",
    [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".json"],
    ids=lambda path: str(path.name),
)
def test_every_setting_is_one(path: Path) -> None:
    known = {f"ALERTS_{name.upper()}" for name in Settings.model_fields} | _NO_SETTING
    assert set(_NAME.findall(path.read_text())) - known == set()


def test_what_compose_asks_for_stands_in_the_example_and_back() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert asked == offered


def test_a_setting_that_compose_does_not_name_reaches_every_part() -> None:
    for name, service in compose()["services"].items():
        assert ("build" in service) == (service.get("env_file") == ".env"), name


def test_the_example_filled_in_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled = {
        "POSTGRES_PASSWORD": "p",
        "ALERTS_MAIL_URL": "smtp://user:pass@relay.example.org:587?tls=required",
        "ALERTS_BASE_URL": "https://alerts.example.org",
        "ALERTS_SENDER": "GP Alerts <alerts@example.org>",
        "ALERTS_SECRET_KEY": "k" * 40,
    }
    environment = compose()["services"]["web"]["environment"]
    for name, value in environment.items():
        text = re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: filled.get(found[1], ""), str(value))
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.database.startswith("postgresql://alerts:p@postgres/")
    assert not settings.uses_embedded_redis


def test_a_worker_stands_behind_whoever_waits_for_a_page() -> None:
    worker = unit(DEPLOY / "systemd" / "gp-alerts-worker.service")
    assert (worker["Nice"], worker["CPUWeight"]) == (["5"], ["30"])
    web = unit(DEPLOY / "systemd" / "gp-alerts-web.service")
    assert not {"Nice", "CPUWeight"} & set(web)
    assert compose()["services"]["worker"]["cpu_shares"] < 1024
    assert "cpu_shares" not in compose()["services"]["web"]


def test_the_ports_agree() -> None:
    services = compose()["services"]
    port = str(parsed(services["web"]["command"])["port"])
    assert services["web"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"127.0.0.1:{port}/readyz" in services["web"]["healthcheck"]["test"][-1]
    inbound = services["inbound"]["environment"]["ALERTS_INBOUND_PORT"]
    assert services["inbound"]["ports"] == [f"127.0.0.1:{inbound}:{inbound}"]
    assert services["inbound"]["environment"]["ALERTS_INBOUND_HOST"] == "0.0.0.0"  # noqa: S104 - in its container
    exposed = re.findall(r"^EXPOSE (.*)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert exposed == [f"{port} {inbound}"]
    [web] = unit(DEPLOY / "systemd" / "gp-alerts-web.service")["ExecStart"]
    assert f"--port {port}" in web
    assert "--host 127.0.0.1" in web


def test_redis_keeps_what_it_is_given() -> None:
    command = compose()["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_a_worker_has_time_to_end_what_is_on_the_wire() -> None:
    worker = unit(DEPLOY / "systemd" / "gp-alerts-worker.service")
    assert (worker["KillMode"], worker["TimeoutStopSec"]) == (["mixed"], ["2min"])
    assert compose()["services"]["worker"]["stop_grace_period"] == "2m"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.name))
def test_every_unit_is_hardened(path: Path) -> None:
    found = unit(path)
    assert {name: found.get(name, ["(missing)"])[-1] for name in _HARDENED} == _HARDENED


def test_the_target_brings_up_the_parts_and_takes_them_down() -> None:
    target = unit(DEPLOY / "systemd" / "gp-alerts.target")
    wanted = set(target["Wants"][0].split())
    assert wanted == {
        "gp-alerts-web.service",
        "gp-alerts-worker.service",
        "gp-alerts-beat.service",
        "gp-alerts-backup.timer",
    }
    for name in PARTS:
        part = unit(DEPLOY / "systemd" / f"gp-alerts-{name}.service")
        assert part["PartOf"] == part["WantedBy"] == ["gp-alerts.target"]
        assert "gp-alerts-init.service" in part["Requires"][0]


def test_a_database_that_comes_up_late_keeps_no_part_down() -> None:
    """A start that failed is given up, with all that require it; so it does not fail."""
    init = unit(DEPLOY / "systemd" / "gp-alerts-init.service")
    [command] = init["ExecStart"]
    assert parsed(shlex.split(command)[1:])["wait"] is True
    assert init["TimeoutStartSec"] == ["infinity"]
    # Some that read a compose file do not wait for a service to be healthy.
    assert parsed(compose()["services"]["init"]["command"])["wait"] is True


def test_a_part_that_is_only_starting_hears_that_it_is_to_end() -> None:
    """The first process of a container does not, before it has a handler of its own."""
    for name, service in compose()["services"].items():
        assert service.get("init", False) == ("build" in service), name


def test_the_account_is_written_where_systemd_looks_for_it() -> None:
    """`systemd-sysusers` reads what ends in .conf and nothing else."""
    [path] = (DEPLOY / "sysusers.d").iterdir()
    assert path.name == "gp-alerts.conf"
    words = shlex.split(path.read_text(), comments=True)
    account, home = words[1], words[4]
    for one in UNITS:
        found = unit(one)
        assert found["User"] == found["Group"] == [account]
        assert found["WorkingDirectory"] == [home]
    # What stands beside the units is copied with them.
    kinds = {path.suffix for path in (DEPLOY / "systemd").iterdir()}
    assert kinds == {".service", ".target", ".timer"}


def test_a_command_by_hand_meets_what_the_units_do() -> None:
    script = DEPLOY / "bin" / "alerts"
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    web = unit(DEPLOY / "systemd" / "gp-alerts-web.service")
    for name in ("EnvironmentFile", "WorkingDirectory", "UMask"):
        assert f"--property={name}={web[name][-1]} " in text
    assert f"--uid={web['User'][-1]} --gid={web['Group'][-1]} " in text
    assert f"--setenv={web['Environment'][-1]} " in text
    assert f"{web['ExecStart'][-1].split()[0]} " in text
    # Without one, the journal would name the unit by the command with its addresses.
    assert "--description=" in text
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


def test_what_the_image_is_built_of_is_there() -> None:
    recipe = (DEPLOY / "Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.MULTILINE)
    for name in (name for line in copied for name in line.split()):
        assert (REPOSITORY / name).exists(), name


def test_the_image_keeps_readers_addresses_to_its_own_user() -> None:
    recipe = (DEPLOY / "Containerfile").read_text()
    assert "--mode 0700 --owner alerts --group alerts /var/lib/alerts" in recipe
    # Made before it becomes a volume, which takes owner and mode from it.
    assert recipe.index("--mode 0700") < recipe.index("VOLUME /var/lib/alerts")
    assert recipe.index("USER alerts") < recipe.index("ENTRYPOINT")


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    program = tmp_path / "alerts"
    program.touch(mode=0o755)
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/gp-alerts/bin/alerts", str(program))
        (tmp_path / path.name).write_text(text)
    names = [str(path) for path in tmp_path.iterdir() if path.suffix in {".service", ".timer"}]
    done = subprocess.run([analyze, "verify", *names], capture_output=True, text=True, check=False)
    assert "gp-alerts" not in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["web", "--no-such"], ["no-such"], ["inbound", "no-such"]])
def test_what_is_no_command_would_be_found(arguments: list[str]) -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        parsed(arguments)
