"""The wheel and the sdist, as they are built where there is no network."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

from conftest import ROOT


def test_wheel_and_sdist_have_the_package(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "python", source, ignore=shutil.ignore_patterns("__pycache__", "dist", ".*_cache"))
    done = subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "--outdir",
                           str(tmp_path), str(source)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("zebu-*-py3-none-any.whl")
    (sdist,) = tmp_path.glob("zebu-*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "python" / "zebu").rglob("*.py"):
        assert str(file.relative_to(ROOT / "python")) in names
    assert "zebu/py.typed" in names
    metadata = next(name for name in names if name.endswith("METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "Requires-Python: >=3.10" in text and "pyzmq>=24" in text
    points = zipfile.ZipFile(wheel).read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert "zebu = zebu.__main__:main" in points and "zebu = zebu.pytest_plugin" in points
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("tests/test_wire.py") for name in archive.getnames())
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive_of_wheel:
        archive_of_wheel.extractall(installed)
    version = subprocess.run([sys.executable, "-I", "-c",
                              f"import sys; sys.path.insert(0, {str(installed)!r}); from zebu.__main__ import main;"
                              "sys.exit(main(['--version']))"], capture_output=True, text=True)
    assert version.stdout.startswith("zebu (Python) 0.1.0"), version.stderr
