"""C sources in the kernel's form that compile in a moment: each instruction set says its name."""

from pathlib import Path

SOURCES = {
    "kernel.h": """
#define FABULA_API __attribute__((visibility("default")))
#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define QUOTED(a) #a
#define TEXT(a) QUOTED(a)
FABULA_API int answer(void);
FABULA_API const char *names(void);
""",
    "pool.c": '#include "kernel.h"\nint answer(void) { return 1; }\n',
    "memory.c": '#include "kernel.h"\nint idle_memory(void);\nint idle_memory(void) { return 0; }\n',
    "read.c": '#include "kernel.h"\nint idle_read(void);\nint idle_read(void) { return 0; }\n',
    "training.c": '#include "kernel.h"\nint idle_training(void);\nint idle_training(void) { return 0; }\n',
    "model.c": """
#include "kernel.h"
const char *name_portable(void);
const char *names(void) {
    return ""
#if FABULA_HAVE_AVX512BF16
        "avx512bf16 "
#endif
#if FABULA_HAVE_AVX512
        "avx512 "
#endif
#if FABULA_HAVE_AVX2
        "avx2 "
#endif
#if FABULA_HAVE_NEON
        "neon "
#endif
        "portable";
}
""",
    "compute.c": '#include "kernel.h"\nFABULA_API const char *NAMED(name, ISA)(void) { return TEXT(ISA); }\n',
    "sampling.c": '#include "kernel.h"\nint NAMED(unused, ISA)(void);\nint NAMED(unused, ISA)(void) { return 0; }\n',
    "train_attention.c": '#include "kernel.h"\nvoid NAMED(idle_a, ISA)(void);\nvoid NAMED(idle_a, ISA)(void) {}\n',
    "train_layers.c": '#include "kernel.h"\nvoid NAMED(idle_l, ISA)(void);\nvoid NAMED(idle_l, ISA)(void) {}\n',
}


def write_small_kernel(folder: Path) -> Path:
    """Write the sources, in place of others of the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in SOURCES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
