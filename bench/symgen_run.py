"""nyala-run on a record."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import build_folder  # noqa: E402
from quiet import SCRIPT  # noqa: E402
from symgen_reader import spell  # noqa: E402

LONGEST = 10_000  # characters of a record whose prompt shows all of it
SHOWN = 3  # first fields of longer ones


def run_grounded(model, record, request, *flags):
    """What --json prints: prompt_ids, raw, spans. `record`: text of JSON."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(record)
        file.flush()
        if len(record) > LONGEST:
            flags = [*flags, *(f"--fields={spell((key,))}"
                               for key in list(json.loads(record))[:SHOWN])]
        command = [build_folder() / "bin" / "nyala-run", model, "--data", file.name, "-p", request,
                   "--json", *flags]
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                check=False)
    if result.returncode != 0:
        sys.exit(f"{SCRIPT}: '{' '.join(map(str, command))}' failed:\n{result.stderr}")
    return json.loads(result.stdout)
