"""The wheel, the sdist and the Debian package, as scripts/package-python makes them where there is no network."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile
from typing import Any, Dict

import pytest

from conftest import ROOT, eventually
from zebu.local import Broker

TASKS = "import zebu\napp = zebu.App()\n@app.task(name='add')\ndef add(a: int, b: int) -> int:\n    return a + b\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("packages")
    done = subprocess.run([ROOT / "scripts" / "package-python", folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_wheel_and_sdist_have_the_package(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (wheel,) = packages.glob("zebu-*-py3-none-any.whl")
    (sdist,) = packages.glob("zebu-*.tar.gz")
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


def test_a_wheel_comes_out_of_the_sdist(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (sdist,) = packages.glob("zebu-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    done = subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check",
                           "--outdir", tmp_path, source], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (ours,), (theirs,) = tmp_path.glob("zebu-*.whl"), packages.glob("zebu-*.whl")
    assert zipfile.ZipFile(ours).namelist() == zipfile.ZipFile(theirs).namelist()


def installed(packages: pathlib.Path, folder: pathlib.Path) -> Dict[str, str]:
    """The Debian package below a folder, and an environment in which programs find it there."""
    (deb,) = packages.glob("python3-zebu_*_all.deb")
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    subprocess.run(["dpkg-deb", "-e", deb, folder / "DEBIAN"], check=True)
    modules = folder / "usr" / "lib" / "python3" / "dist-packages"
    return {**os.environ, "PYTHONPATH": str(modules), "PATH": f"{folder / 'usr' / 'bin'}:/usr/bin:/bin",
            "ZEBU_BIN": os.environ["ZEBU_BIN"]}


def test_the_debian_package_is_complete(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    environment = installed(packages, tmp_path)
    control = (tmp_path / "DEBIAN" / "control").read_text()
    assert re.search(r"^Version: 0\.1\.0-1~deb\d+$", control, re.M) and "Architecture: all" in control
    assert "Depends: python3 (>= 3.10), python3-zmq (>= 24), python3-msgpack (>= 1.0)" in control
    subprocess.run(["md5sum", "--quiet", "-c", "DEBIAN/md5sums"], cwd=tmp_path, check=True)
    for script in ("postinst", "prerm"):
        subprocess.run(["sh", "-n", tmp_path / "DEBIAN" / script], check=True)
    where = subprocess.run([sys.executable, "-c", "import zebu, importlib.metadata as m; print(zebu.__file__); "
                            "print(m.version('zebu'), *[e.name for e in m.entry_points(group='pytest11')])"],
                           env=environment, cwd="/", capture_output=True, text=True, check=True)
    file, _, rest = where.stdout.partition("\n")
    assert file.startswith(str(tmp_path)) and rest.split()[0] == "0.1.0" and "zebu" in rest.split()
    for document in ("copyright", "changelog.gz", "changelog.Debian.gz", "python.md"):
        assert (tmp_path / "usr" / "share" / "doc" / "python3-zebu" / document).stat().st_size > 0
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_debian_package_runs_jobs(packages: pathlib.Path, tmp_path: pathlib.Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    environment: Dict[str, Any] = installed(packages, root)
    home.mkdir()
    (home / "tasks.py").write_text(TASKS)
    broker = Broker()
    environment.update(broker.environment)
    worker = subprocess.Popen(["zebu", "worker", "tasks:app", "-c", "1"], env=environment, cwd=home,
                              stderr=subprocess.PIPE)
    try:
        with broker.client() as client:
            eventually(lambda: client.query("consumers")["consumers"], "the worker")
        done = subprocess.run(["zebu", "call", "add", "1", "2"], env=environment, cwd=home, capture_output=True,
                              text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    finally:
        worker.terminate()
        _, said = worker.communicate(timeout=40)
        broker.stop()
    assert worker.returncode == 0, said
