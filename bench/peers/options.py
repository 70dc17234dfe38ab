"""What the scripts that measure beside peers take on their command lines."""
import argparse
import json
import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


def number_list(text):
    """Of "1,4,16": the numbers, ascending, each once."""
    return sorted({int(count) for count in text.split(",")})


def choice_list(choices):
    """What parses a list of some of `choices`."""
    def parse(text):
        chosen = [choice for choice in text.split(",") if choice]
        for choice in chosen:
            if choice not in choices:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(choices)}, got "
                                                 f"'{choice}'")
        return chosen
    return parse


def build_folder():
    """Where nyala is built."""
    return Path(os.environ.get("NYALA_BUILD_DIR", SOURCE / "build")).resolve()


def figure_writer(file):
    """What prints a line of figures, and writes them to `file` as JSON if there is one."""
    def out(figures):
        print("  ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
                        for key, value in figures.items()), flush=True)
        if file:
            file.write(json.dumps(figures) + "\n")
            file.flush()
    return out
