"""Compile the native kernel; as a command: `python -m fabula.native.build`.

Most of the sources are compiled once for every instruction set that the compiler knows; the kernel chooses among them
when it runs. Nothing here needs Fabula or anything else that must be installed: the installer loads this file alone.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

HERE = Path(__file__).resolve().parent
LIBRARY = "_kernel.dylib" if sys.platform == "darwin" else "_kernel.so"
RECORD = "_kernel.json"
"""Says of which sources the library beside it was made, and its hash; or why there is none."""
COMMAND = "python -m fabula.native.build"
SWITCH = "FABULA_KERNEL"
"""Environment variable; 0: don't build the kernel, and don't use it."""

COMPILERS = ("cc", "gcc", "clang")
COMPILED_ONCE = ("model.c", "read.c", "memory.c", "pool.c", "training.c")
COMPILED_PER_SET = ("compute.c", "sampling.c", "train_attention.c", "train_layers.c")
FLAGS = ("-std=c11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno", "-pthread")
WARNINGS = ("-Wall", "-Wextra")
LIBRARIES = ("-lm",)

Sanitizer = Literal["none", "address", "thread"]
SANITIZERS: dict[Sanitizer, tuple[str, ...]] = {
    "none": ("-O2",),
    "address": ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "thread": ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=thread"),
}


class InstructionSet(NamedTuple):
    """One of the forms in which the kernel is compiled."""

    name: str
    machine: str
    """The compiler's macro for the machine that has it; empty: every machine."""
    flags: tuple[str, ...]


AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni")
INSTRUCTION_SETS = (
    InstructionSet("avx512bf16", "__x86_64__", (*AVX512, "-mavx512bf16")),
    InstructionSet("avx512", "__x86_64__", AVX512),
    InstructionSet("avx2", "__x86_64__", AVX2),
    InstructionSet("neon", "__aarch64__", ("-march=armv8.2-a+dotprod",)),
    InstructionSet("portable", "", ()),
)


class BuildError(Exception):
    """There is no library, and the message says why in one line."""

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output
        """All that the compiler said."""


def install(folder: Path = HERE, sources: Path = HERE) -> list[str]:
    """Put the library and its record into a folder; returns the instruction sets it was compiled for.

    Raises:
        BuildError: there is none; the record says why, and an older library is gone.
    """
    library = folder / LIBRARY
    record = {"sources": fingerprint(sources), "library": "", "why_not": ""}
    try:
        if os.environ.get(SWITCH) == "0":
            raise BuildError(f"{SWITCH}=0 was set")
        instruction_sets = build(library, sources=sources)
        record["library"] = _hash(library)
        return instruction_sets
    except BuildError as error:
        library.unlink(missing_ok=True)
        record["why_not"] = str(error)
        raise
    finally:
        _replace(folder / RECORD, json.dumps(record, indent=2) + "\n")


def build(
    target: Path,
    *,
    sources: Path = HERE,
    driver: Path | None = None,
    sanitizer: Sanitizer = "none",
    strict: bool = False,
) -> list[str]:
    """Compile the kernel into a shared library, or with a `driver` (a C file with `main`) into a program.

    `strict` makes warnings errors. A file that stood at `target` is replaced in one step, so that a process which
    has it open keeps the old one.

    Returns:
        The names of the instruction sets that it was compiled for, the best first.

    Raises:
        BuildError: no compiler, or one that refuses the sources.
    """
    from concurrent.futures import ThreadPoolExecutor  # here: who only asks for a name or a hash starts sooner
    from tempfile import TemporaryDirectory

    compiler = find_compiler()
    flags = [*FLAGS, *WARNINGS, *SANITIZERS[sanitizer], *["-Werror"] * strict]
    linking = [] if driver else ["-shared"]
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with TemporaryDirectory() as objects, ThreadPoolExecutor(os.cpu_count()) as pool:
        known = pool.map(lambda candidate: _accepts(compiler, candidate), INSTRUCTION_SETS)
        chosen = [candidate for candidate, accepted in zip(INSTRUCTION_SETS, known, strict=True) if accepted]
        having = [f"-DFABULA_HAVE_{candidate.name.upper()}=1" for candidate in chosen]
        jobs = [(sources / name, f"{name}.o", having) for name in COMPILED_ONCE]
        for candidate in chosen:
            special = [*having, f"-DISA={candidate.name}", *candidate.flags]
            jobs += [(sources / name, f"{name}.{candidate.name}.o", special) for name in COMPILED_PER_SET]
        if driver:
            jobs.append((driver, "driver.o", [*having, f"-I{sources}"]))
        commands = [
            [*compiler, *flags, *special, "-c", str(source), "-o", str(Path(objects, name))]
            for source, name, special in jobs
        ]
        for _ in pool.map(_compile, commands):
            pass
        outputs = [command[-1] for command in commands]
        try:
            _compile([*compiler, *flags, *linking, *outputs, *LIBRARIES, "-o", str(partial)])
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return [candidate.name for candidate in chosen]


def find_compiler() -> list[str]:
    """Return the C compiler's command: $CC, or the first of `COMPILERS` that is installed.

    Raises:
        BuildError: there is none.
    """
    if named := shlex.split(os.environ.get("CC", "")):
        if shutil.which(named[0]) is None:
            raise BuildError(f"no C compiler was found (CC names {named[0]!r}, which isn't there)")
        return named
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise BuildError(f"no C compiler was found (looked for {', '.join(COMPILERS[:-1])} and {COMPILERS[-1]})")


def fingerprint(sources: Path = HERE) -> str:
    """Return a hash of all that decides what the library is: the C files, and this one."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted([*sources.glob("*.c"), *sources.glob("*.h")]):
        content = path.read_bytes()
        digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _is_current() -> bool:
    """Say whether the record is of these sources and the library still what it says, or there was no compiler."""
    try:
        record = json.loads((HERE / RECORD).read_text(encoding="utf-8"))
        return bool(
            record["sources"] == fingerprint() and (not record["library"] or record["library"] == _hash(HERE / LIBRARY))
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _accepts(compiler: Sequence[str], candidate: InstructionSet) -> bool:
    """Say whether the compiler compiles for machines that have the instruction set, and knows its flags."""
    if not candidate.machine:
        return True
    program = f"#ifndef {candidate.machine}\n#error another machine\n#endif\n"
    status, _ = _run([*compiler, "-Werror", *candidate.flags, "-fsyntax-only", "-x", "c", "-"], program)
    return status == 0


def _compile(command: Sequence[str]) -> None:
    status, output = _run(command)
    if status:
        sources = [Path(word).name for word in command if word.endswith(".c")]
        doing = f"compile {sources[0]}" if sources else "link the kernel"
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        telling = (line for line in lines if re.search("error|undefined|multiple definition", line))
        reason = next(telling, lines[0] if lines else f"exit status {status}")
        raise BuildError(f"{command[0]} could not {doing}: {reason}", output)
    sys.stderr.write(output)


def _run(command: Sequence[str], text: str = "") -> tuple[int, str]:
    """Run a program; returns its exit status and all that it printed."""
    import subprocess

    try:
        done = subprocess.run(
            command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise BuildError(f"{command[0]} could not be run: {error.strerror or error}") from None
    return done.returncode, done.stdout


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def main() -> None:
    """Build the library where Fabula looks for it, or what the options say; exits 1 with a line when it can't."""
    import argparse

    parser = argparse.ArgumentParser(prog=COMMAND, description="Compile Fabula's native kernel.")
    parser.add_argument("--target", type=Path, help="the file to write (default: the one that Fabula uses)")
    parser.add_argument("--driver", type=Path, help="a C file with main: compile a program, not a library")
    parser.add_argument("--sanitize", default="none", choices=SANITIZERS, help="check memory or threads when it runs")
    parser.add_argument("--strict", action="store_true", help="take warnings for errors")
    parser.add_argument("--if-changed", action="store_true", help="only when the sources have changed since")
    options = parser.parse_args()
    if not options.target and (options.driver or options.sanitize != "none" or options.strict):
        parser.error("--driver, --sanitize and --strict need a --target: what they make is not for use")
    target = options.target or HERE / LIBRARY
    if options.if_changed and _is_current():
        return
    try:
        if options.target:
            made = build(target, driver=options.driver, sanitizer=options.sanitize, strict=options.strict)
        else:
            made = install()
    except BuildError as error:
        sys.exit(f"{error.output}the native kernel was not built: {error}")
    except OSError as error:
        sys.exit(f"the native kernel was not built: {error}")
    print(f"{target}: {', '.join(made)}")  # noqa: T201


if __name__ == "__main__":
    main()
