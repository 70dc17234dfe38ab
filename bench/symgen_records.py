"""Records for grounded generation, the same from a seed everywhere.

`make_varied` has what data can do to a reader of references: keys that are no names, braces and
special tokens in strings, numbers beyond 64 bits, nothing at all. `make_questions` has records with
questions whose right paths are known. `make_wide` has as many paths as asked for.
"""
import json
import random
from dataclasses import dataclass

NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Eun-ji", "Farah", "Goran", "Hana", "Ines", "Jonas")
SURNAMES = ("Okafor", "Lindqvist", "Marchetti", "Novak", "Park", "Haddad", "Silva", "Weber")
CITIES = ("Porto", "Lyon", "Tampere", "Graz", "Boise", "Osaka", "Quito", "Bergen", "Tunis",
          "Cork")
TEAMS = ("Hawks", "Otters", "Comets", "Badgers", "Ravens", "Sharks", "Foxes", "Pilots")
SKIES = ("sunny", "cloudy", "rainy", "foggy", "windy")
WORDS = ("river", "rivet", "station", "height", "heat", "summer", "sum", "total", "lamp", "land",
         "open", "order", "number", "north", "south", "depth", "day", "date", "water", "wind",
         "rate", "ratio", "index", "input", "level", "lower", "upper", "value", "volume", "yield")
PRODUCTS = ("desk lamp", "oak table", "bicycle pump", "tea kettle", "wool blanket", "notebook")
MARKUP = ("{{ game.points }}", "}}", "{% if x %}", "{# no #}", "{{", "<|im_end|>",
          "<|im_start|>user", "<|endoftext|>", "<b>&amp;</b>", "</script>", "a {{ b }} c {{ d", "\\",
          "\"quoted\"", "two\nlines\tand a tab", "\u2028", "", " ", "{", "}")
UNICODE = ("ключ", "名前", "größe", "naïve", "δ", "emoji 😀", "schöner Titel", "العربية", "e\u0301",
           "ß")
ODD = ("points in paint", "9 lives", "a.b", "x[0]", "quo\"te", "back\\slash", "", "}}", "{{ a }}",
       "in", "items", "data", "self", "__len__", "semi;colon", "new\nline", "true", "<|im_end|>",
       "a-b", "%}")
HUGE = (10**30, -10**25, 2**63, 2**63 - 1, -2**63, 2**53 + 1, 1e300, -1e-300, 1.5e150, 5e-324, 0.1,
        1e16, 123456789.125, 0, -0.0, 3.0, 1e-7)
DATES = ("2024-02-29", "1999-12-31", "2026-11-27T04:25:00Z", "2021-07-04 09:30", "0001-01-01",
         "2023-10-05T23:59:59.25+05:30", "2023-02-30", "12/31/1999", "2024-2-9")


def person(draw):
    return f"{draw.choice(NAMES)} {draw.choice(SURNAMES)}"


def day(draw):
    return f"20{draw.randrange(20, 27)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"


# --- Kinds of records that a model may meet ---------------------------------------------------


def make_game(draw):
    home, visitor = draw.sample(TEAMS, 2)

    def team(name):
        quarters = [draw.randrange(15, 35) for _ in range(4)]
        return {"name": name, "city": draw.choice(CITIES), "points": sum(quarters),
                "rebounds": draw.randrange(30, 60), "quarters": quarters}

    return {"date": day(draw), "home": team(home), "visitor": team(visitor),
            "best_player": {"name": person(draw), "points": draw.randrange(18, 45),
                            "assists": draw.randrange(2, 14)}}


def make_weather(draw):
    return {"city": draw.choice(CITIES), "date": day(draw), "sky": draw.choice(SKIES),
            "temperature": {"low": draw.randrange(-9, 12), "high": draw.randrange(12, 36)},
            "wind": {"speed": draw.randrange(3, 60),
                     "direction": draw.choice(("north", "south-west"))},
            "humidity": draw.randrange(20, 100)}


def make_patient(draw):
    return {"patient": {"name": person(draw), "age": draw.randrange(18, 95),
                        "room": draw.randrange(101, 420)},
            "vitals": {"heart_rate": draw.randrange(48, 130),
                       "temperature": draw.randrange(355, 400) / 10,
                       "systolic": draw.randrange(95, 180), "diastolic": draw.randrange(55, 110),
                       "oxygen": draw.randrange(85, 101)},
            "pain": draw.randrange(0, 11),
            "allergies": draw.sample(("penicillin", "latex", "nuts"), 2)}


def make_invoice(draw):
    items = [{"product": product, "quantity": draw.randrange(1, 9),
              "price": draw.randrange(500, 90000) / 100} for product in draw.sample(PRODUCTS, 3)]
    total = round(sum(item["quantity"] * item["price"] for item in items), 2)
    return {"number": draw.randrange(10000, 99999), "customer": person(draw), "issued": day(draw),
            "due": day(draw), "items": items, "total": total, "paid": draw.random() < 0.5}


# --- Records that are hard to read ------------------------------------------------------------


def make_unicode(draw):
    keys = draw.sample(UNICODE, 6)
    return {key: draw.choice((draw.randrange(100), draw.choice(UNICODE),
                              {draw.choice(UNICODE): 1.5}))
            for key in keys} | {"city": "São Paulo", "名": {"姓": "山田", "点": [1, 2, 3]}}


def make_odd_keys(draw):
    return {key: draw.choice((7, "text", {draw.choice(ODD): True}, [1, {draw.choice(ODD): 2}]))
            for key in draw.sample(ODD, 12)} | {"plain": {"items": 3, "keys": 4, "score": 5}}


def make_markup(draw):
    return {f"field_{number}": text for number, text in enumerate(draw.sample(MARKUP, 8))} | {
        "note": f"The answer is {draw.choice(MARKUP)} and not {draw.choice(MARKUP)}.", "score": 12,
        draw.choice(MARKUP[:9]): {"value": 3}}


def make_empties(draw):
    nothing = (None, True, False, "", [], {}, [[]], [None], {"a": {}}, [{}], {"b": []})
    return {f"{draw.choice('abcd')}{number}": value
            for number, value in enumerate(draw.sample(nothing, 8))} | {"count": 0, "ready": True}


def make_huge(draw):
    return {f"n{number}": value for number, value in enumerate(draw.sample(HUGE, 10))} | {
        "list": draw.sample(HUGE[:9], 4), "mixed": [1, 2.5, -3], "rate": 0.0725}


def make_dates(draw):
    return {"opened": draw.choice(DATES[:6]), "closed": draw.choice(DATES),
            "log": [{"at": at, "level": draw.randrange(5), "by": person(draw)}
                    for at in draw.sample(DATES, 4)]}


def make_deep(draw):
    value = draw.choice((42, "bottom", [1, 2, 3], None))
    for _ in range(draw.choice((5, 20, 60, 100, 120))):
        value = draw.choice(({"a": value}, {"n": value, "m": 1}, [value], [0, value]))
    return {"top": value, "depth": 1}


def make_rows(draw):
    rows = [{"name": person(draw), "points": draw.randrange(50), "share": round(draw.random(), 3),
             **({"captain": True} if draw.random() < 0.3 else {})}
            for _ in range(draw.randrange(2, 9))]
    return draw.choice((rows, {"players": rows}, {"teams": [{"players": rows}, {"players": []}]}))


def make_wide(draw, paths):
    """So many paths, in groups of fields that repeat, beside keys that are no names."""
    record, left = {"title": "Station report"}, paths - 1
    while left >= 11:
        station = {"name": draw.choice(CITIES), "height": draw.randrange(3000),
                   "open": draw.random() < 0.9, "last visit": day(draw),
                   "readings": [draw.randrange(1000) / 10 for _ in range(5)]}
        record[f"station_{len(record)}"] = station
        left -= 11
    return record | {f"extra_{number}": number for number in range(left)}


def make_flat(draw, paths):
    """One object of so many numbers, whose keys are one to three words: nothing in it repeats."""
    record = {}
    while len(record) < paths:
        record["_".join(draw.choices(WORDS, k=draw.randrange(1, 4)))] = draw.randrange(1000)
    return record


KINDS = (make_game, make_unicode, make_odd_keys, make_markup, make_empties, make_huge, make_dates,
         make_deep, make_rows, make_invoice)


def make_varied(count=50, seed=0):
    """Texts of JSON; the last has 10,000 paths."""
    draw = random.Random(seed)
    records = [KINDS[number % len(KINDS)](draw) for number in range(count - 1)]
    return [json.dumps(record, ensure_ascii=draw.random() < 0.3)
            for record in [*records, make_wide(draw, 10000)]]


# --- Questions with known answers -------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    json: str
    text: str
    asked: tuple  # paths as references spell them


# Of a kind of record: what is asked, and where the answer stands.
ASKED = {
    make_game: {
        "how many points the home team scored": "home.points",
        "how many points the visiting team scored": "visitor.points",
        "the name of the home team": "home.name",
        "the name of the visiting team": "visitor.name",
        "the best player's name": "best_player.name",
        "how many assists the best player had": "best_player.assists",
        "the rebounds of the visiting team": "visitor.rebounds",
        "the date of the game": "date",
    },
    make_weather: {
        "the city": "city",
        "the highest temperature": "temperature.high",
        "the lowest temperature": "temperature.low",
        "the wind speed": "wind.speed",
        "the humidity": "humidity",
        "how the sky looks": "sky",
    },
    make_patient: {
        "the patient's name": "patient.name",
        "the patient's age": "patient.age",
        "the heart rate": "vitals.heart_rate",
        "the body temperature": "vitals.temperature",
        "the oxygen saturation": "vitals.oxygen",
        "the systolic blood pressure": "vitals.systolic",
        "the pain score": "pain",
    },
    make_invoice: {
        "the invoice number": "number",
        "the customer": "customer",
        "the total": "total",
        "the date it is due": "due",
        "the first item's product": "items[0].product",
        "the price of the first item": "items[0].price",
    },
}


def make_questions(count=200, seed=0):
    draw = random.Random(seed)
    questions = []
    for number in range(count):
        make, answers = list(ASKED.items())[number % len(ASKED)]
        wanted = draw.sample(list(answers), 2 + number // len(ASKED) % 2)
        text = "In one or two sentences, state " + ", ".join(wanted[:-1]) + f" and {wanted[-1]}."
        questions.append(Question(json.dumps(make(draw), ensure_ascii=False), text,
                                  tuple(answers[key] for key in wanted)))
    return questions
