"""What is shipped: the sdist, the wheel with and without the native kernel, and an editable installation."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from fabula.native.build import COMPILED_ONCE, COMPILED_PER_SET, LIBRARY, RECORD, BuildError, find_compiler
from fabula.studio.files import page_files
from tests.conftest import ROOT
from tests.generation.small_kernel import write_small_kernel

NATIVE = "fabula/native"
NO_COMPILER = {"CC": "no-such-compiler"}
ASK = "from fabula.native.library import *; print(type(library()).__name__, why_not())"


@pytest.fixture(autouse=True)
def with_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the person who runs the tests has switched off."""
    monkeypatch.delenv("FABULA_KERNEL", raising=False)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("sdist", ROOT, tmp_path_factory.mktemp("sdist"))[0]


@pytest.fixture
def unpacked(sdist: Path, tmp_path: Path) -> Path:
    """The sdist's folder, its kernel one that compiles in a moment."""
    folder = unpack(sdist, tmp_path)
    write_small_kernel(folder / NATIVE)
    return folder


def unpack(sdist: Path, into: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    return into / sdist.name.removesuffix(".tar.gz")


def make(kind: str, root: Path, into: Path, **environment: str) -> tuple[Path, str]:
    """Call the build backend as pip does, without an isolated environment; returns the artifact and all it printed."""
    into.mkdir(exist_ok=True)
    code = f"import hatchling.build; hatchling.build.build_{kind}({str(into)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (artifact,) = into.iterdir()
    return artifact, done.stdout + done.stderr


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def record_in(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        content = json.loads(archive.read(f"{NATIVE}/{RECORD}"))
    assert isinstance(content, dict)
    return content


def installed(wheel: Path, into: Path) -> str:
    """Install a wheel into a folder of its own and ask it for its kernel, with this environment's dependencies."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(into)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", f"import fabula; print(fabula.__file__); {ASK}"],
        cwd=into,  # so that it is found before an editable installation
        capture_output=True,
        text=True,
        check=True,
    )
    place, answer = done.stdout.splitlines()
    assert Path(place).is_relative_to(into)
    return answer


def skip_without_compiler() -> None:
    try:
        find_compiler()
    except BuildError as error:
        pytest.skip(str(error))


def test_the_sdist_holds_all_that_a_build_needs_and_nothing_built(sdist: Path, tmp_path: Path) -> None:
    folder = unpack(sdist, tmp_path)
    for name in ("pyproject.toml", "hatch_build.py", "LICENSE", "Makefile", "constraints.txt"):
        assert (folder / name).is_file(), name
    for name in (*COMPILED_ONCE, *COMPILED_PER_SET, "kernel.h", "build.py", "library.py"):
        assert (folder / NATIVE / name).is_file(), name
    assert not list(folder.rglob("_kernel.*"))
    assert not list(folder.rglob("*.so"))


def test_a_wheel_with_the_kernel_serves_every_python_of_this_platform(unpacked: Path, tmp_path: Path) -> None:
    skip_without_compiler()
    wheel, said = make("wheel", unpacked, tmp_path / "dist")
    _, _, _, (tag,) = parse_wheel_filename(wheel.name)
    assert (tag.interpreter, tag.abi) == ("py3", "none")
    assert tag in set(sys_tags())
    assert not tag.platform.startswith(("any", "manylinux", "musllinux"))
    assert {f"{NATIVE}/{name}" for name in (LIBRARY, RECORD, "kernel.h", "model.c")} <= names(wheel)
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        assert "Root-Is-Purelib: false" in archive.read(metadata).decode()
    assert "native kernel was built for: " in said
    assert not list(unpacked.rglob("_kernel.*")), "a wheel's kernel must not be left in the source tree"
    assert installed(wheel, tmp_path / "site") == "CDLL "


def test_without_a_compiler_a_wheel_is_made_all_the_same_and_says_why(unpacked: Path, tmp_path: Path) -> None:
    wheel, said = make("wheel", unpacked, tmp_path / "dist", **NO_COMPILER)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert f"{NATIVE}/{LIBRARY}" not in names(wheel)
    assert f"{NATIVE}/model.c" in names(wheel), "so that it can be built when there is a compiler"
    assert "no C compiler was found" in record_in(wheel)["why_not"]
    assert said.count("native kernel was not built: no C compiler was found") == 1
    answer = installed(wheel, tmp_path / "site")
    assert answer.startswith("NoneType when Fabula was installed, no C compiler was found")


def test_a_wheel_has_the_studios_page(unpacked: Path, tmp_path: Path) -> None:
    wheel, _ = make("wheel", unpacked, tmp_path / "dist", **NO_COMPILER)
    page = ROOT / "fabula" / "studio" / "page"
    served = {f"fabula/studio/page/{name}" for name in page_files(page)}
    assert len(served) > 10
    assert served <= names(wheel)


def test_an_installation_without_the_kernel_can_build_it_later(unpacked: Path, tmp_path: Path) -> None:
    skip_without_compiler()
    wheel, _ = make("wheel", unpacked, tmp_path / "dist", **NO_COMPILER)
    site = tmp_path / "site"
    assert installed(wheel, site).startswith("NoneType")
    command = [sys.executable, "-m", "fabula.native.build"]
    subprocess.run(command, cwd=site, check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", ASK], cwd=site, capture_output=True, text=True, check=True)
    assert done.stdout == "CDLL \n"


def test_sources_that_do_not_compile_do_not_stop_an_installation(unpacked: Path, tmp_path: Path) -> None:
    skip_without_compiler()
    (unpacked / NATIVE / "pool.c").write_text("int answer(void) { return unheard; }\n")
    wheel, said = make("wheel", unpacked, tmp_path / "dist")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "could not compile pool.c" in said
    assert "could not compile pool.c" in record_in(wheel)["why_not"]


def test_an_old_library_in_the_source_tree_never_gets_into_a_wheel(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / NATIVE / LIBRARY).write_bytes(b"old")
    (unpacked / NATIVE / RECORD).write_text("old")
    wheel, _ = make("wheel", unpacked, tmp_path / "dist", FABULA_KERNEL="0")
    assert f"{NATIVE}/{LIBRARY}" not in names(wheel)
    assert record_in(wheel)["why_not"] == "FABULA_KERNEL=0 was set"


def test_an_editable_installation_has_the_kernel_beside_its_sources(unpacked: Path, tmp_path: Path) -> None:
    skip_without_compiler()
    wheel, _ = make("editable", unpacked, tmp_path / "dist")
    assert {name for name in names(wheel) if ".dist-info/" not in name} == {"_fabula.pth"}
    done = subprocess.run([sys.executable, "-c", ASK], cwd=unpacked, capture_output=True, text=True, check=True)
    assert done.stdout == "CDLL \n"


@pytest.mark.slow
def test_the_wheel_of_this_tree_has_the_kernel(sdist: Path, tmp_path: Path) -> None:
    skip_without_compiler()
    wheel, _ = make("wheel", unpack(sdist, tmp_path), tmp_path / "dist")
    assert installed(wheel, tmp_path / "site") == "CDLL "
