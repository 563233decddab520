"""The examples in deploy/: each fits the portal as it is, and the tool that will read it."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from portal import cli, config
from portal.config import ROOT
from tests.web.test_config import PRODUCTION

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXAMPLE = (DEPLOY / "environment.example").read_text()
README = (ROOT / "README.md").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text())


def _names(text: str) -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE))


def _in_the_table() -> set[str]:
    """Return the settings of the README's table."""
    table = README.partition("| setting | for |")[2].partition("\n\n")[0]
    firsts = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return set(re.findall(r"`([A-Z][A-Z_]+)`", " ".join(firsts)))


def test_the_example_of_settings_names_each_of_the_table_and_no_other():
    assert _names(EXAMPLE) == _in_the_table()


def test_the_example_starts_production_once_its_blanks_are_filled():
    given = dict(line.split("=", 1) for line in EXAMPLE.splitlines() if re.match("[A-Z_]+=", line))
    filled = {name: value.strip("'") or PRODUCTION[name] for name, value in given.items()}
    assert config.from_environment(filled, demo=lambda *_: {}).is_production


def _commands() -> list[str]:
    """Return every command line of the portal's that an example starts."""
    lines = []
    for path in UNITS:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(path)
        lines.append(unit["Service"]["ExecStart"])
    services = COMPOSE["services"].values()
    lines += [shlex.join(each["command"]) for each in services if "command" in each]
    (started,) = re.findall(r"^CMD \[(.*)\]", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    return [*lines, started.replace('", "', " ").strip('"')]


@pytest.mark.parametrize("line", _commands())
def test_a_command_of_an_example_is_one_of_ours(line):
    program, app, wsgi, name, *rest = shlex.split(line)
    assert (Path(program).name, app, wsgi) == ("flask", "--app", "wsgi")
    (command,) = [each for each in (*cli.GROUPS, cli.SERVE) if each.name == name]
    if rest and not rest[0].startswith("-"):
        assert rest[0] in command.load().commands


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here to read its units")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_understands_each_line_of_a_unit(unit):
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=30, check=False
    )
    faults = [line for line in verified.stderr.splitlines() if "is not executable" not in line]
    assert faults == []


def test_every_service_of_compose_waits_for_services_that_are_there():
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
    upstream = (DEPLOY / "nginx" / "upstream-compose.conf").read_text()
    assert {host.partition(":")[0] for host in re.findall(r"server (\S+) ", upstream)} <= set(services)


def test_every_unit_is_hardened_alike():
    hardening = {
        path.read_text().partition("NoNewPrivileges")[2].partition("[Install]")[0].strip() for path in UNITS
    }
    assert len(hardening) == 1


def _settings_of_a_command(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as root would, up to where it becomes the portal's user; return what it was told."""
    program = folder / "setpriv"
    program.write_text('#!/bin/sh\nprintf %s "$MAIL_URL"\n')
    program.chmod(0o700)
    given = folder / "environment"
    given.write_text(f"# a comment\n\nPORTAL_VAR={folder}\n{line}\n")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PORTAL_ENVIRONMENT": str(given)}
    command = [str(DEPLOY / "portal"), "billing", "health"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False)


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_command_reads_a_setting_as_it_stands_and_runs_nothing_of_it(quote, tmp_path):
    value = "smtp://u:a&b;touch made;$HOME`id`$(id) #%@mail.example"
    told = _settings_of_a_command(tmp_path, f"MAIL_URL={quote}{value}{quote}")
    assert (told.stdout, told.stderr) == (value, "")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("line", ["MAIL_URL", "MAIL_URL=a\\b", "touch made"])
def test_a_command_refuses_settings_that_each_reader_reads_differently(line, tmp_path):
    told = _settings_of_a_command(tmp_path, line)
    assert told.returncode == 1
    assert told.stderr.startswith("portal: ")


@pytest.mark.parametrize("name", [".dockerignore", ".gitignore"])  # podman reads the former, too
def test_no_secret_beside_the_examples_goes_into_an_image_or_a_commit(name):
    ignored = {line.rstrip("/") for line in (ROOT / name).read_text().splitlines()}
    assert {"deploy/environment", "deploy/.env", "deploy/tls", "var"} <= ignored


def test_events_of_the_stand_in_go_to_the_host_that_staging_answers_to():
    (address,) = re.findall(r"--webhook-url (\S+)", (ROOT / "docs" / "OPERATIONS.md").read_text())
    assert address == "https://YOUR.HOST/webhooks/stripe"


@pytest.mark.parametrize("place", ["copy", "./copy", "{home}/copy"])
def test_the_command_takes_its_database_from_a_file_alone(tmp_path, place):
    (tmp_path / "copy").write_text(f"DATABASE_URL=postgresql:///rehearsal\nPORTAL_VAR={tmp_path}\n")
    (tmp_path / "setpriv").write_text('#!/bin/sh\necho "$DATABASE_URL" "${PGHOST-none}" "$HOME" "$8" "$9"\n')
    (tmp_path / "setpriv").chmod(0o755)
    given = {
        "PORTAL_ENVIRONMENT": place.format(home=tmp_path),
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "HOME": "/root",
    }
    elsewhere = {"DATABASE_URL": "postgresql:///other", "PGHOST": "elsewhere"}
    told = subprocess.run(
        ["/bin/sh", DEPLOY / "portal", "billing", "verify"],
        env=given | elsewhere, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert told.stdout == f"postgresql:///rehearsal none {tmp_path} wsgi billing\n"
