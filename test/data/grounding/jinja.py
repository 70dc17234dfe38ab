#!/usr/bin/env python3
"""Writes jinja.json: what Jinja (jinja2 3.1) renders for references that it knows, too.

Run it again after a change of DATA or REFERENCES: jinja.py > jinja.json
"""

import json

import jinja2

DATA = r"""{
  "i": 42, "negative": -17, "zero": 0, "large": 9007199254740993, "big": 123456789012345678901234567890,
  "f": 0.1, "g": 2.675, "half": 2.5, "tiny": 1e-7, "huge": 1e16, "long": 3.14159265358979323846, "whole": 3.0,
  "yes": true, "no": false, "nothing": null,
  "city": "san JOSÉ-del (cabo) o'neill", "braces": "{{ i }}", "html": "<b>&", "empty": "",
  "odd key": 1, "quo\"te": 2, "sub": {"x": {"y z": [10, 20.5, -3]}, "items": 5},
  "numbers": [3, 1, 2], "floats": [0.1, 0.2, 0.3], "mixed": [1, 2.5, 1],
  "rows": [{"p": 1, "q": 0.5}, {"p": 4, "q": 1.5}]
}"""

REFERENCES = """
i negative zero large big f g half tiny huge long whole yes no nothing city braces html empty
data["odd_key"] data["quo\\"te"] sub.x["y_z"][1] sub["items"] rows[1].q
i_|_round f_|_round half_|_round g_|_round(2) long_|_round(4) huge_|_round(3) negative_|_round(2)
city_|_upper city_|_lower city_|_title
numbers_|_sum numbers_|_min numbers_|_max numbers_|_count floats_|_sum mixed_|_min mixed_|_max
floats_|_sum_|_round(1) rows_|_sum("p") rows_|_sum("q") rows_|_count
i_-_negative i_-_f i_/_negative i_/_f large_-_i f_/_g (i_/_negative)_|_round(3) (f_-_g)_|_round
(large_-_i)_|_round
"""


def main():
    data = json.loads(DATA)
    references = ["{{ " + text.replace("_", " ") + " }}" for text in REFERENCES.split()]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    shown = {text: environment.from_string(text).render(data, data=data) for text in references}
    print(json.dumps({"data": DATA, "references": shown}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
