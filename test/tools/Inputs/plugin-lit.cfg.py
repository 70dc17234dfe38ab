# Configuration of lit for the tests that tools/new-pass made (new-pass.test).
import os

import lit.formats

config.name = "new-pass"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.test_source_root, "out")
config.environment["PATH"] = os.environ["PATH"]
config.substitutions.append(
    ("nyala-opt", f"nyala-opt --load-pass-plugin='{lit_config.params['plugin']}'"))
# For folders with a space in their names, as in test/lit.cfg.py.
for letter in "sSt":
    config.substitutions.append((rf"(?<![\"'])%{letter}", f'"%{{{letter}:real}}"'))
# nyala-opt knows the passes of plugins in pipelines only.
for name, pipeline in [("fold-scales", "func.func(nyala-fold-scales)"),
                       ("combine-consecutive-quantizations",
                        "nyala-combine-consecutive-quantizations")]:
    config.substitutions.append((f"--nyala-{name}", f"--pass-pipeline='builtin.module({pipeline})'"))
