"""Files that an installation of Sterna contains."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "sterna"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """Return the output of a command; a failure contains it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing lying about in the working tree gets in, and the tree stays as it is."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    assert uv is not None, "make puts uv into the environment when there is none"
    run(uv, "build", "--quiet", "--wheel", "--out-dir", target, source, cwd=source)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_has_the_rooms_and_what_they_read_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = {name for name in names if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in files} == {"sterna"}
    wanted = {
        str(path.relative_to(ROOT / "src"))
        for folder in (PACKAGE, *(link for link in PACKAGE.iterdir() if link.is_symlink()))
        for path in folder.rglob("*")
        if path.suffix in {".py", ".pyi", ".sql", ".tcss"}
    }
    assert wanted - files == set()
    assert any(name.endswith(".sql") for name in files)
    assert any(name.endswith(".tcss") for name in files)
    assert {Path(name).suffix for name in files} <= {".py", ".pyi", ".sql", ".tcss", ".md", ".txt", ".typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel, which borrows the packages of this one: it is made without a network."""

    programs: Path
    packages: Path
    environ: dict[str, str]

    def run(self, name: str, *arguments: str, cwd: Path, **environ: str) -> str:
        return run(self.programs / name, *arguments, cwd=cwd, **self.environ, **environ)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "fresh", cwd=folder)
    python = folder / "fresh" / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    uv = Path(sys.executable).with_name("uv")
    installer = str(uv) if uv.exists() else str(shutil.which("uv"))
    run(installer, "pip", "install", "--quiet", "--no-deps", "--offline", "--python", python, wheel, cwd=folder)
    borrowed = [path for path in site.getsitepackages() if Path(path).is_dir()]
    # their own .pth, with the working tree, stay out
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    environ = {"STERNA_DATA_DIR": str(folder / "data"), "STERNA_CONFIG_DIR": str(folder / "config")}
    return Installation(python.parent, packages, environ)


def test_nothing_but_the_package_lands_beside_other_packages(installed: Installation) -> None:
    names = {path.name for path in installed.packages.iterdir()} - {"borrowed.pth"}
    assert {name.partition("-")[0] for name in names} == {"sterna"}
    assert {path.name for path in installed.programs.iterdir() if path.name.startswith("sterna")} == {"sterna"}


def test_the_installed_command_runs_from_anywhere(installed: Installation, tmp_path: Path) -> None:
    assert installed.run("sterna", "--version", cwd=tmp_path).startswith("sterna 0.")
    where = installed.run("python", "-c", "import sterna.storage; print(sterna.storage.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where
    assert "0 conversations" in installed.run("sterna", "doctor", "--offline", cwd=tmp_path)
    assert installed.run("python", "-c", "import sterna.tui.app; print('ready')", cwd=tmp_path) == "ready\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("sterna",), ("python", "-m", "sterna")], ids=" ".join)
def test_a_project_with_files_of_the_same_names_is_neither_in_the_way_nor_executed(
    installed: Installation, tmp_path: Path, command: tuple[str, ...]
) -> None:
    project = tmp_path / "project"
    for name in (*ROOMS, "benchmarks", "docs", "tests"):
        (project / name).mkdir(parents=True)
        for file in (project / f"{name}.py", project / name / "__init__.py", project / name / "settings.py"):
            file.write_text(f"raise SystemExit('{file.name} of the project was executed')\n")
    before = sorted(project.rglob("*"))
    environ = {"PYTHONPATH": str(project)}
    program, *arguments = command
    for more, expected in (
        (["--version"], "sterna 0."),
        (["doctor", "--offline"], "conversations"),
        (["ask", "--help"], "Usage:"),
        (["serve", "--help"], "Usage:"),
        (["export"], ""),
    ):
        assert expected in installed.run(program, *arguments, *more, cwd=project, **environ)
    modules = "sterna.tui.app, sterna.server.run, sterna.sync.engine, sterna.chat, sterna.providers, sterna.config"
    assert installed.run("python", "-c", f"import {modules}; print('ready')", cwd=project, **environ) == "ready\n"
    assert sorted(project.rglob("*")) == before


def test_a_checkout_that_is_installed_in_place_shows_no_other_names(tmp_path: Path) -> None:
    """The working tree has folders with generic names; who imports from elsewhere must not meet them."""
    script = (
        "import importlib.util, json, sys\n"
        "found = {name: importlib.util.find_spec(name) for name in sys.argv[1:]}\n"
        "print(json.dumps({name: str(spec.origin) for name, spec in found.items() if spec}))"
    )
    names = (*ROOMS, "benchmarks", "docs", "tests")
    shown = json.loads(run(sys.executable, "-c", script, *names, "sterna", cwd=tmp_path))
    assert [name for name, origin in shown.items() if origin.startswith(str(ROOT))] == ["sterna"]
