"""Records and texts of test_page.py, and the page that the runtime makes of them."""

import json

from runtime_api import HTML, Data

GAME = {
    "date": "2026-11-21",
    "arena": "Harbour Hall",
    "attendance": 18624,
    "home": {"city": "Boston", "name": "Herons", "points": 104, "quarters": [28, 22, 31, 23],
             "field goals": {"made": 39, "tried": 88}},
    "visitor": {"city": "Denver", "name": "Kites", "points": 112, "quarters": [25, 30, 27, 30],
                "field goals": {"made": 43, "tried": 86}},
    "players": [
        {"name": "Ada Okafor", "team": "Kites", "points": 34, "rebounds": 11, "minutes": 38.5},
        {"name": "Lin Moreau", "team": "Kites", "points": 19, "rebounds": 4, "minutes": 35.2},
        {"name": "Jo Petersen", "team": "Herons", "points": 27, "rebounds": 9, "minutes": 40.1},
        {"name": "Sam Iyer", "team": "Herons", "points": 22, "rebounds": 7, "minutes": 36.8},
    ],
    "officials": ["M. Reyes", "T. Holm", "K. Adeyemi"],
    "injuries": [],
    "notes": {"overtime": False, "broadcast": None},
}
SUMMARY = (
    "The {{ visitor.city }} {{ visitor.name }} beat the {{ home.city }} {{ home.name }} "
    "{{ visitor.points }} to {{ home.points }} at {{ arena }} on {{ date | date(\"%-d %B %Y\") }}, "
    "before {{ attendance }} people. It was their 4th win in a row.\n\n"
    "{{ players[0].name }} led with {{ players[0].points }} points and {{ players[0].rebounds }} "
    "rebounds in {{ players[0].minutes }} minutes; {{ players[2].name }} answered with "
    "{{ players[2].points }} for the {{ home.name }}. The four leading scorers made "
    "{{ players | sum(\"points\") }} points between them.\n\n"
    "The difference was shooting: the {{ visitor.name }} hit "
    "{{ (visitor[\"field goals\"].made / visitor[\"field goals\"].tried) | round(2) }} of their "
    "shots, the {{ home.name }} {{ (home[\"field goals\"].made / home[\"field goals\"].tried) | "
    "round(2) }}. Their lead of {{ visitor.points - home.points }} points came in the second "
    "quarter, {{ visitor.quarters[1] }} to {{ home.quarters[1] }}, and it never fell below 3.")

# Markup, what ends a script or a section, what is not seen, what turns text around.
HOSTILE = ("</script><script>window.harmed = 1</script><img src=x onerror='harmed=1'>\"'&amp;]]>"
           "--> \u2028\u2029\u202etxt.exe\u202c\u2066\0\x1b\x7f\x85\ufeff{{ a }} שלום \u0627\u0644")
LONG = "long" * 99
HOSTILE_TITLE = LONG + HOSTILE.replace("\0", "")  # it is a C string
HOSTILE_DATA = {HOSTILE: HOSTILE, "list": [{HOSTILE: 1}], "a": "\u202e1234", LONG: LONG}
HOSTILE_TEXT = (HOSTILE + ' {{ data["' + HOSTILE.replace('"', '\\"') + '"] }} 7 {{ list | count }} '
                + LONG + "{{ " + LONG + " }}" + "9" * 300)

LARGE = {"wards": [{"name": f"ward {ward}", "beds": [{"patient": 1000 * ward + bed, "stay": bed % 9}
                                                     for bed in range(250)]}
                   for ward in range(20)]}
LARGE_TEXT = "Bed {{ wards[13].beds[217].patient }} of {{ wards[13].name }}, and {{ wards | count }}."


def render_page(data, generation, title):
    """The page, as bytes."""
    with Data(json.dumps(data, ensure_ascii=False)) as record:
        return record.render(generation.encode(), HTML, title=title)[0].encode()
