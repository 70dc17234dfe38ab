# Configuration of lit: tests are .mlir and .test files with RUN lines.
import glob
import os
import re
import shutil

import lit.formats

config.name = "nyala"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["data", "e2e", "unit", "Inputs"]
config.test_source_root = os.path.join(config.nyala_source_dir, "test")
config.test_exec_root = os.path.join(config.nyala_build_dir, "test")

# Tools are found by name; FileCheck, not and split-file come with LLVM.
paths = [os.path.join(config.nyala_build_dir, "bin"), config.llvm_tools_dir]
config.environment["PATH"] = os.pathsep.join([*paths, config.environment["PATH"]])

# A variable of one CHECK-LABEL block must not leak into the next.
config.substitutions.append((r"(?<![\w/-])FileCheck(?![\w-])", "FileCheck --enable-var-scope"))

# The source tree, for tests that read a file of it; the build tree and MLIR's headers, for those
# that build something.
quote = '"' if re.search(r"\s", config.nyala_source_dir + config.nyala_build_dir) else ""
config.substitutions.append(("%nyala_src", quote + config.nyala_source_dir + quote))
config.substitutions.append(("%nyala_build", quote + config.nyala_build_dir + quote))
config.substitutions.append(("%mlir_include", os.path.join(config.llvm_tools_dir, "../include")))
if quote:
    # %s, %S and %t would fall apart at the space. lit expands %{s:real} after this.
    for letter in "sSt":
        config.substitutions.append((rf"(?<![\"'])%{letter}", f'"%{{{letter}:real}}"'))

# REQUIRES: avx2, avx512 for tests that run what they compiled for those.
with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
    flags = set(re.search(r"^flags\s*:(.*)$", cpuinfo.read(), re.MULTILINE)[1].split())
if {"avx2", "fma", "f16c", "bmi2"} <= flags:
    config.available_features.add("avx2")
if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
    config.available_features.add("avx512")

# REQUIRES: ptxas, %ptxas for tests that assemble kernels of GPUs: a toolkit's, or that of
# requirements.txt.
candidates = [
    *(os.path.join(os.environ[name], "bin/ptxas") for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ),
    shutil.which("ptxas"),
    *glob.glob(os.path.join(config.nyala_build_dir, "venv/lib/python3*/site-packages/nvidia/*/bin/ptxas")),
    "/usr/local/cuda/bin/ptxas",
]
for candidate in candidates:
    if candidate and os.access(candidate, os.X_OK):
        config.available_features.add("ptxas")
        config.substitutions.append(("%ptxas", quote + candidate + quote))
        break
