"""The wheel holds the whole program, the image's recipe finds what it copies, and notices name what is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bot
from tests.packaging.bill import ROOT, bill, notices, vendored

PACKAGES = ("bot", "commands", "filters")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "--disable-pip-version-check", "-w", str(folder), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_whole_program(wheel: Path) -> None:
    """Every file of the three packages is inside (templates, static files, migrations, commands, the demo's content), and nothing else."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = set(project["tool"]["hatch"]["build"]["targets"]["wheel"].get("force-include", {}).values())
    assert inside == there | carried
    for needed in ("bot/web/templates/base.html", "bot/web/static/app.css", "bot/store/migrations/env.py",
                   "commands/library/issue/root-cause.md", "bot/demo/content/issues.yml", "bot/demo/schema.graphql",
                   *(f"bot/{part}/locale/{language}/LC_MESSAGES/{domain}.mo"
                     for part, domain in (("web", "messages"), ("notify", "notify")) for language in ("de", "tr"))):  # fmt: skip
        assert needed in inside


def test_the_wheel_names_its_version_its_command_and_its_licences(wheel: Path) -> None:
    """The version is the program's own, from its one place."""
    archive = zipfile.ZipFile(wheel)
    info = f"roundsman-{bot.__version__}.dist-info"
    metadata = archive.read(f"{info}/METADATA").decode()
    assert f"\nVersion: {bot.__version__}\n" in metadata
    assert "roundsman = bot.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/THIRD_PARTY.md"} <= set(archive.namelist())
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.slow
def test_an_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, away from the sources; its dependencies are those of this one."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "ROUNDSMAN_DATA_DIR": str(tmp_path / "data")}
    python = str(home / "bin/python")
    where = subprocess.run(
        [python, "-c", "import bot; print(bot.__file__)"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert where.stdout.startswith(str(site))
    done = subprocess.run(
        [python, "-c", "from bot.cli import main; main()", "demo", "--once", "--json"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["comments"]


def test_the_image_copies_what_there_is() -> None:
    """Each COPY from the sources names something that exists and is not kept out of the build."""
    recipe = (ROOT / "Dockerfile").read_text("utf-8")
    ignored = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", recipe, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert set(PACKAGES) <= set(copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"]} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), f"Dockerfile: there is no {source}"
        assert not any(fnmatch(source, pattern) for pattern in ignored), f".dockerignore leaves {source} out"


def test_the_bill_names_every_dependency_and_every_vendored_part() -> None:
    """Each direct dependency with version and licence, each vendored part with its own."""
    made = bill()
    named = {part["name"]: part for part in made["components"]}
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate():
            assert canonicalize_name(need.name) in named
    assert {"htmx.org", "uplot", "@primer/css"} <= {part.name for part in vendored()}
    assert all(part["version"] and part["licenses"][0]["license"]["name"] for part in made["components"])
    assert len({part["bom-ref"] for part in made["components"]}) == len(made["components"])


def test_the_notices_name_what_is_used() -> None:
    """After a change of dependencies: `make sbom`."""
    page = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
    names = {line.split("|")[1].strip() for line in notices().splitlines() if line.startswith("| ")}
    assert {name for name in names if f"| {name} |" not in page} == set()
