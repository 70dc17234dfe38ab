"""Builds a plugin with the flags of a file of the project, which its precompiled headers need:

build-plugin.py BUILD_DIR FILE_OF_PROJECT SOURCE OUTPUT [FLAGS...]
"""
import json
import os
import shlex
import subprocess
import sys

build, like, source, output, *flags = sys.argv[1:]
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
    entry = next(entry for entry in json.load(file) if entry["file"].endswith("/" + like))
command = shlex.split(entry["command"])
if os.path.basename(command[0]) == "ccache":
    del command[0]
# From -MD on: dependency files, input and output.
command = command[:command.index("-MD")] if "-MD" in command else command[:command.index("-o")]
# The flags come first: an -I of theirs hides the project's folder.
subprocess.run([command[0], *flags, *command[1:], "-g0", "-Werror", "-shared", source, "-o",
                output], cwd=entry["directory"], check=True)
