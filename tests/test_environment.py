"""The environment that make creates: on a machine without venv, after a failure, and for another Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "packaging" / "environment.sh"
PYTHON = Path(sys.executable).resolve()

WITHOUT_VENV = f"""#!/bin/sh
case "$*" in *ensurepip*|*-m\\ venv*) echo "No module named ensurepip" >&2; exit 1 ;; esac
exec {PYTHON} "$@"
"""
FAILING_VENV = f"""#!/bin/sh
case "$*" in *-m\\ venv*) mkdir -p "$3/bin"; touch "$3/bin/python"; exit 1 ;; esac
exec {PYTHON} "$@"
"""
OTHER = f"""#!/bin/sh
case "$*" in *base_prefix*) echo "another Python"; exit ;; esac
exec {PYTHON} "$@"
"""
OLD = "#!/bin/sh\nexit 1\n"
UV = f"""#!/bin/sh
echo "$@" >> "$0.log"
[ "$1" != venv ] || for folder; do :; done
[ "$1" != venv ] || exec {PYTHON} -m venv --without-pip "$folder"
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """All that is on PATH: the shell's own programs, and python3."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "rm", "mkdir", "touch"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    write(folder / "python3", f'#!/bin/sh\nexec {PYTHON} "$@"\n')
    return folder


@pytest.fixture
def environment(tmp_path: Path, programs: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "sh"), str(SCRIPT), ".venv", *arguments]
        environ = {"PATH": str(programs), "HOME": str(tmp_path)}
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    return run


def write(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def test_without_venv_a_sentence_says_what_to_install_and_nothing_is_left(
    environment: Run, programs: Path, tmp_path: Path
) -> None:
    write(programs / "python3", WITHOUT_VENV)
    done = environment("", "program")
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".venv").exists()


def test_with_uv_venv_is_not_needed_and_a_line_says_what_is_fetched(
    environment: Run, programs: Path, tmp_path: Path
) -> None:
    write(programs / "python3", WITHOUT_VENV)
    write(programs / "uv", UV)
    done = environment("", "program")
    assert done.returncode == 0, done.stderr
    assert "about 20 MB" in done.stderr
    assert done.stderr.count("\n") == 1
    sync = (programs / "uv.log").read_text().splitlines()[-1].split()
    assert sync[0] == "sync"
    assert {"--no-dev", "--frozen", "--inexact"} <= set(sync)
    assert (tmp_path / ".venv" / "bin" / "python").exists()


def test_an_environment_that_could_not_be_completed_is_removed(
    environment: Run, programs: Path, tmp_path: Path
) -> None:
    write(programs / "python3", FAILING_VENV)
    assert "could not create" in environment("", "program").stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("left", ["bin/python", "pyvenv.cfg"])
def test_what_an_interrupted_try_left_is_replaced(environment: Run, programs: Path, tmp_path: Path, left: str) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / left).touch(mode=0o755)
    write(programs / "uv", UV)
    assert environment("", "program").returncode == 0
    assert os.access(tmp_path / ".venv" / "bin" / "python", os.X_OK)
    assert environment("python3").returncode == 0


def test_an_environment_is_kept_for_another_part_and_remade_for_another_python(
    environment: Run, programs: Path, tmp_path: Path
) -> None:
    write(programs / "uv", UV)
    write(programs / "other", OTHER)
    assert environment("", "program").returncode == 0
    mark = tmp_path / ".venv" / "mark"
    mark.touch()
    assert [environment(name).returncode for name in ("python3", "other")] == [0, 1]
    for named in ("", "python3"):
        assert environment(named, "tests").returncode == 0
    assert mark.exists()
    environment("other", "program")
    assert not mark.exists()


@pytest.mark.parametrize(("script", "sentence"), [(OLD, "Sterna needs Python 3.11 or newer"), ("", "There is no ")])
def test_a_python_that_is_too_old_or_missing_is_named_in_a_sentence(
    environment: Run, programs: Path, tmp_path: Path, script: str, sentence: str
) -> None:
    if script:
        write(programs / "named", script)
    done = environment("named", "program")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert sentence in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_folder_of_somebody_else_is_not_removed(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary").touch()
    command = [str(programs / "sh"), str(SCRIPT), "mine", "", "program"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )
    assert "mine is not an environment of Python." in done.stderr
    assert (tmp_path / "mine" / "diary").exists()
