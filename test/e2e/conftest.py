"""Fixtures that several end-to-end tests share."""

import ctypes
import os
from pathlib import Path

import pytest

import tiny_models
from harness import BUILD, compile_model, run_measured

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def smollm2():
    """The real model's GGUF file."""
    path = Path(os.environ.get("NYALA_SMOLLM2", BUILD / "models" / MODEL_FILE))
    if not path.is_file():
        pytest.skip(f"the model is not at {path}: run tools/quickstart, or set NYALA_SMOLLM2")
    return path


@pytest.fixture(scope="session")
def compiled_smollm2(smollm2, tmp_path_factory):
    """(artifact of the real model for this CPU, resources that compiling it took)"""
    directory = tmp_path_factory.mktemp("smollm2")
    artifact = directory / "smollm2.nyala"
    _, usage = run_measured(directory, "nyala-compile", smollm2, "-o", artifact, timeout=300)
    return artifact, usage


@pytest.fixture(scope="session")
def smollm2_artifact(compiled_smollm2):
    return compiled_smollm2[0]


@pytest.fixture(scope="session")
def smollm2_f32_artifact(smollm2, tmp_path_factory):
    """The same in the arithmetic that is the reference."""
    return compile_model(smollm2, tmp_path_factory.mktemp("smollm2") / "f32.nyala",
                         "--arithmetic=f32", timeout=300)


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory):
    return tiny_models.make(tmp_path_factory.mktemp("tiny"), "q4_1")


@pytest.fixture(scope="session")
def tiny_artifact(tiny_gguf, tmp_path_factory):
    return compile_model(tiny_gguf, tmp_path_factory.mktemp("tiny") / "q4_1.nyala")


@pytest.fixture(scope="session")
def gpu_arch():
    """What the first GPU is, as --cuda-arch names it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        pytest.skip(f"there is no nvidia driver: {error}")
    if (result := driver.cuInit(0)) != 0:
        pytest.skip(f"there is no nvidia gpu: cuInit says {result}")
    capability = []
    for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, 0)
        capability.append(value.value)
    return f"sm_{capability[0]}{capability[1]}" + ("a" if capability[0] >= 9 else "")
