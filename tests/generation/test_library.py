"""Building the native kernel, and refusing one that is stale, damaged or not there."""

import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fabula.native.build import (
    HERE,
    INSTRUCTION_SETS,
    LIBRARY,
    RECORD,
    SANITIZERS,
    SWITCH,
    BuildError,
    Sanitizer,
    build,
    find_compiler,
    install,
)
from fabula.native.library import open_library
from tests.generation.small_kernel import write_small_kernel


def has_compiler() -> bool:
    try:
        find_compiler()
    except BuildError:
        return False
    return True


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler here")


@pytest.fixture(autouse=True)
def as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the person who runs the tests has switched off."""
    monkeypatch.delenv(SWITCH, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_kernel(tmp_path / "native")


@pytest.fixture
def built(folder: Path) -> Path:
    install(folder, folder)
    return folder


def opened(folder: Path) -> ctypes.CDLL:
    found = open_library(folder)
    assert not isinstance(found, str), found
    return found


def refused(folder: Path) -> str:
    """The reason, which must be one line."""
    reason = open_library(folder)
    assert isinstance(reason, str)
    assert "\n" not in reason
    assert not reason.endswith(".")
    return reason


def fake_compiler(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_the_library_holds_every_instruction_set_that_the_compiler_knows(folder: Path) -> None:
    made = install(folder, folder)
    kernel = opened(folder)
    kernel.names.restype = ctypes.c_char_p
    assert kernel.names().decode().split() == made
    for name in made:
        say = kernel[f"name_{name}"]
        say.restype = ctypes.c_char_p
        assert say().decode() == name
    assert made[-1] == "portable"
    machine = {"x86_64": "__x86_64__", "aarch64": "__aarch64__", "arm64": "__aarch64__"}.get(platform.machine())
    assert set(made) <= {each.name for each in INSTRUCTION_SETS if each.machine in ("", machine)}


@needs_compiler
def test_what_is_not_for_others_is_hidden(built: Path) -> None:
    kernel = opened(built)
    assert kernel.answer() == 1
    with pytest.raises(AttributeError):
        _ = kernel.unused_portable


@needs_compiler
def test_an_instruction_set_that_the_compiler_refuses_is_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = install(folder, folder)
    refused_flags = {word for each in INSTRUCTION_SETS if each.name != "portable" for word in each.flags}
    real = find_compiler()[0]
    script = f'for word in "$@"; do case "$word" in {"|".join(sorted(refused_flags))}) exit 1;; esac; done; {real} "$@"'
    monkeypatch.setenv("CC", fake_compiler(tmp_path / "old-compiler", script))
    assert install(folder, folder) == ["portable"]
    kernel = opened(folder)
    kernel.names.restype = ctypes.c_char_p
    assert kernel.names() == b"portable"
    assert whole[-1] == "portable"


@needs_compiler
def test_a_compiler_may_have_options_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{find_compiler()[0]} -DUNHEARD=2")
    (folder / "pool.c").write_text('#include "kernel.h"\nint answer(void) { return UNHEARD; }\n')
    install(folder, folder)
    assert opened(folder).answer() == 2


@needs_compiler
def test_a_process_keeps_the_library_that_it_has_open(built: Path) -> None:
    old = opened(built)
    (built / "pool.c").write_text('#include "kernel.h"\nint answer(void) { return 2; }\n')
    install(built, built)
    assert old.answer() == 1
    said = subprocess.run(
        [sys.executable, "-c", f"import ctypes; print(ctypes.CDLL({str(built / LIBRARY)!r}).answer())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "2"


@needs_compiler
def test_sources_that_do_not_compile_say_where_and_leave_no_library(built: Path) -> None:
    (built / "pool.c").write_text('#include "kernel.h"\n\nint answer(void) { return unheard; }\n')
    with pytest.raises(BuildError, match=r"could not compile pool\.c: .*pool\.c:3:.*unheard") as raised:
        install(built, built)
    assert "\n" not in str(raised.value)
    assert "unheard" in raised.value.output
    assert sorted(path.name for path in built.iterdir() if "_kernel" in path.name) == [RECORD]
    assert "could not compile pool.c" in refused(built)


@needs_compiler
def test_sources_that_do_not_fit_together_leave_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "pool.c").write_text("int name_portable(void);\nint name_portable(void) { return 0; }\n")
    with pytest.raises(BuildError, match="could not link the kernel"):
        build(tmp_path / "out.so", sources=folder)
    assert not list(tmp_path.glob("*out.so*"))


@needs_compiler
def test_warnings_are_errors_only_when_that_is_asked_for(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (folder / "pool.c").open("a", encoding="utf-8") as source:
        source.write("static int idle(int x) { return x; }\n")
    build(tmp_path / "out.so", sources=folder)
    assert "idle" in capfd.readouterr().err
    with pytest.raises(BuildError, match=r"could not compile pool\.c: .*idle"):
        build(tmp_path / "out.so", sources=folder, strict=True)


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        ("", "no C compiler was found (looked for cc, gcc and clang)"),
        ("no-such-compiler -m64", "no C compiler was found (CC names 'no-such-compiler', which isn't there)"),
    ],
)
def test_without_a_compiler_the_reason_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, compiler: str, reason: str
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(BuildError) as raised:
        install(folder, folder)
    assert str(raised.value) == reason
    assert refused(folder).startswith(f"when Fabula was installed, {reason}; ")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", r"could not compile [a-z]+\.c: exit status 3"),
        ("echo 'licence expired'; exit 1", r"could not compile [a-z]+\.c: licence expired"),
    ],
)
def test_a_compiler_that_fails_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setenv("CC", fake_compiler(tmp_path / "cc", script))
    with pytest.raises(BuildError, match=reason):
        install(folder, folder)


def test_a_compiler_that_cannot_be_run_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_bytes(b"\0not a program")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(BuildError, match="could not be run"):
        install(folder, folder)


@needs_compiler
def test_the_switch_is_obeyed_when_installing_and_when_running(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    opened(built)
    monkeypatch.setenv(SWITCH, "0")
    assert refused(built) == "FABULA_KERNEL=0 switches it off"
    with pytest.raises(BuildError, match="FABULA_KERNEL=0 was set"):
        install(built, built)
    monkeypatch.delenv(SWITCH)
    assert "FABULA_KERNEL=0 was set" in refused(built)
    assert not (built / LIBRARY).exists()


def test_a_library_that_was_never_built_says_how_to_build_it(folder: Path) -> None:
    assert refused(folder) == "it was not built; to build it run: python -m fabula.native.build"


@needs_compiler
@pytest.mark.parametrize("name", ["kernel.h", "compute.c", "new.c"])
def test_a_library_of_other_sources_is_refused(built: Path, name: str) -> None:
    with (built / name).open("a", encoding="utf-8") as source:
        source.write("/* changed */\n")
    assert "other sources" in refused(built)
    install(built, built)
    opened(built)


@needs_compiler
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_a_truncated_library_is_refused(built: Path, keep: float) -> None:
    content = (built / LIBRARY).read_bytes()
    (built / LIBRARY).write_bytes(content[: int(keep * len(content))])
    assert "is damaged" in refused(built)


@needs_compiler
def test_a_library_with_one_wrong_bit_is_refused(built: Path) -> None:
    content = bytearray((built / LIBRARY).read_bytes())
    content[len(content) // 2] ^= 4
    (built / LIBRARY).write_bytes(content)
    assert "is damaged" in refused(built)


@needs_compiler
def test_a_library_for_another_machine_is_refused(built: Path) -> None:
    (built / LIBRARY).write_bytes(b"\x7fELF of another machine")
    record = json.loads((built / RECORD).read_text())
    record["library"] = hashlib.sha256((built / LIBRARY).read_bytes()).hexdigest()
    (built / RECORD).write_text(json.dumps(record))
    assert "can't be loaded" in refused(built)


@needs_compiler
def test_a_library_that_is_gone_is_refused(built: Path) -> None:
    (built / LIBRARY).unlink()
    assert "can't be loaded" in refused(built)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"sources": ""}', b"\xff\xfe", b"null"])
def test_a_damaged_record_is_refused(folder: Path, content: bytes) -> None:
    (folder / RECORD).write_bytes(content)
    assert f"{RECORD} is damaged" in refused(folder)


def asked(**environment: str) -> list[str]:
    """What a process of its own, with a library of its own, says."""
    code = (
        "from fabula.native.library import library, why_not;"
        "print(type(library()).__name__, library() is library(), why_not(), sep='|')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return done.stdout.strip().split("|")


@needs_compiler
def test_the_kernel_of_this_tree_is_built_of_its_sources() -> None:
    assert asked() == ["CDLL", "True", ""], "run `make kernel`"


def test_who_asks_learns_why_there_is_none() -> None:
    assert asked(FABULA_KERNEL="0") == ["NoneType", "True", "FABULA_KERNEL=0 switches it off"]


@needs_compiler
def test_the_sources_compile_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SANITIZERS, "none", ("-O0",))  # a tenth of the time
    build(tmp_path / LIBRARY, strict=True)


@needs_compiler
@pytest.mark.slow
def test_the_command_compiles_without_a_warning(tmp_path: Path) -> None:
    target = tmp_path / LIBRARY
    command = [sys.executable, "-m", "fabula.native.build", "--strict", "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith(f"{target}: ")
    ctypes.CDLL(str(target))


def run_program(program: Path) -> subprocess.CompletedProcess[str]:
    # Programs for the thread sanitizer don't start where the system spreads addresses further than they expect.
    fixed = ["setarch", "-R"] if sys.platform == "linux" and shutil.which("setarch") else []
    environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
    return subprocess.run([*fixed, str(program)], capture_output=True, text=True, env=environment)


FAULTS: dict[str, tuple[Sanitizer, str, str]] = {
    "none": ("address", "", ""),
    "none with threads": ("thread", "", ""),
    "memory": (
        "address",
        "volatile char *at = malloc(4); free((void *)at); return *at;",
        "heap-use-after-free",
    ),
    "leak": ("address", "void *volatile room = malloc(64); room = 0;", "detected memory leaks"),
    "undefined": ("address", "volatile int most = 2147483647; most = most + count;", "signed integer overflow"),
    "race": (
        "thread",
        "pthread_t other; pthread_create(&other, 0, add, 0); add(0); pthread_join(other, 0);",
        "data race",
    ),
}


@needs_compiler
@pytest.mark.parametrize(("sanitizer", "fault", "report"), FAULTS.values(), ids=FAULTS)
def test_a_driver_with_a_fault_is_stopped(
    folder: Path, tmp_path: Path, sanitizer: Sanitizer, fault: str, report: str
) -> None:
    if "leak" in report and sys.platform != "linux":
        pytest.skip("leaks are looked for on Linux only")
    driver = tmp_path / "driver.c"
    driver.write_text(
        "#include <kernel.h>\n#include <pthread.h>\n#include <stdlib.h>\n"
        "static int shared;\n"
        "void *add(void *unused);\n"
        "void *add(void *unused) { for (int i = 0; i < 1000; i++) shared += answer(); return unused; }\n"
        f"int main(int count, char **words) {{ (void)words; (void)count; (void)add; {fault} return answer() - 1; }}\n"
    )
    build(tmp_path / "driver", sources=folder, driver=driver, sanitizer=sanitizer)
    done = run_program(tmp_path / "driver")
    assert report in done.stderr
    assert (done.returncode != 0) == bool(fault), done.stderr


@needs_compiler
def test_the_command_builds_again_what_has_changed(folder: Path) -> None:
    shutil.copy(HERE / "build.py", folder)

    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(folder / "build.py"), *options]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})

    assert run("--if-changed").stdout.startswith(f"{folder / LIBRARY}: ")
    assert run("--if-changed").stdout == ""
    (folder / LIBRARY).write_bytes(b"damaged")
    assert run("--if-changed").stdout != ""
    with (folder / "pool.c").open("a", encoding="utf-8") as source:
        source.write("/* changed */\n")
    without = {"CC": "no-such-compiler"}
    assert run("--if-changed", **without).returncode == 1
    assert run("--if-changed", **without).returncode == 0, "it has been said"
    assert run(**without).returncode == 1, "whoever asks for it learns why there is none"
    assert run().returncode == 0


@needs_compiler
def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "build.py"), "--target", str(tmp_path / "none" / "out.so")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CC": "no-such-compiler"})
    assert done.returncode == 1
    assert done.stderr.startswith("the native kernel was not built: no C compiler was found")
    assert done.stderr.count("\n") == 1
