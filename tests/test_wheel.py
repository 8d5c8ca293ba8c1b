"""What is installed when somebody installs Sterna."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "sterna"


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """What a command prints; its words are in the failure when it fails."""
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
        if path.suffix in {".py", ".sql", ".tcss"}
    }
    assert wanted - files == set()
    assert any(name.endswith(".sql") for name in files)
    assert any(name.endswith(".tcss") for name in files)
    assert {Path(name).suffix for name in files} <= {".py", ".sql", ".tcss", ".md", ".txt", ".typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_runs_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """A fresh environment that borrows the packages of this one: only Sterna is new, and no network is needed."""
    fresh, elsewhere = tmp_path / "fresh", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", fresh, cwd=elsewhere)
    python = fresh / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=elsewhere).strip())
    uv = Path(sys.executable).with_name("uv")
    installer = str(uv) if uv.exists() else str(shutil.which("uv"))
    run(installer, "pip", "install", "--quiet", "--no-deps", "--offline", "--python", python, wheel, cwd=elsewhere)
    borrowed = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "borrowed.pth").write_text(
        "\n".join(borrowed) + "\n"
    )  # their own .pth, with the working tree, stay out
    environ = {"STERNA_DATA_DIR": str(tmp_path / "data"), "STERNA_CONFIG_DIR": str(tmp_path / "config")}
    sterna = fresh / "bin" / "sterna"
    assert run(sterna, "--version", cwd=elsewhere, **environ).startswith("sterna 0.")
    where = run(python, "-c", "import sterna.storage; print(sterna.storage.__file__)", cwd=elsewhere)
    assert str(ROOT) not in where
    assert "0 conversations" in run(sterna, "doctor", "--offline", cwd=elsewhere, **environ)
    assert run(python, "-c", "import sterna.tui.app; print('ready')", cwd=elsewhere) == "ready\n"
    assert list(elsewhere.iterdir()) == []
