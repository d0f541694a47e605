"""Builds the native kernel when Fabula is installed or made into a wheel.

Without a C compiler the installation goes on: Fabula then computes with PyTorch, and says why.
"""

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

NATIVE = "fabula/native"


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the kernel into a wheel, or for an editable installation beside its sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell hatchling what the wheel holds and where it runs."""
        sources = Path(self.root, NATIVE)
        build = _load(sources / "build.py")
        self._temporary = TemporaryDirectory()
        folder = sources if version == "editable" else Path(self._temporary.name)
        try:
            built = build.install(folder, sources)
        except (build.BuildError, OSError) as error:
            self.app.display_warning(f"Fabula's native kernel was not built: {error}. Stories will be told by PyTorch.")
        else:
            self.app.display_info(f"Fabula's native kernel was built for: {', '.join(built)}")
            build_data["pure_python"] = False
            # No Python version: the library is opened by ctypes and knows nothing of Python.
            build_data["tag"] = f"py3-none-{_platform()}"
        if version != "editable":
            build_data["force_include"].update({str(file): f"{NATIVE}/{file.name}" for file in folder.iterdir()})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled for the wheel."""
        self._temporary.cleanup()


def _load(path: Path) -> ModuleType:
    """Load one file of the package alone: its dependencies aren't there yet."""
    spec = importlib.util.spec_from_file_location("kernel_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _platform() -> str:
    """Return the tag of this machine itself, not of a manylinux promise, which takes more than one compiler to keep."""
    return next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))
