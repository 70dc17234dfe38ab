"""The page of a grounded text: its markup by Python's parser, then what a person does with it, in
Chromium by its driver, where those are installed (tools/test-packages.txt).

As a program it takes a picture for docs: test_page.py PICTURE.png
"""

import base64
import hashlib
import re
import shutil
import sys
import time
from html.parser import HTMLParser

import pytest

from page_cases import (GAME, HOSTILE, HOSTILE_DATA, HOSTILE_TEXT, HOSTILE_TITLE, LARGE,
                        LARGE_TEXT, SUMMARY, render_page)

TITLE = "Kites at Herons: summary of the game"
VOID = {"meta"}
UNSEEN = "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufeff]"

# What meets: text on backgrounds (WCAG 2.2, 1.4.3), and lines that mean something (1.4.11).
TEXT_PAIRS = [("text", "page"), ("text", "panel"), ("text", "value"), ("soft", "page"),
              ("soft", "panel"), ("soft", "value"), ("alert", "bare"), ("alert", "page")]
LINE_PAIRS = [("accent", "page"), ("accent", "panel"), ("accent", "value"), ("alert", "bare")]


class Markup(HTMLParser):
    """Elements as (name, attributes), the text of those that have no children, and errors."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.errors, self.contents = [], [], [], {}
        self.feed(page)
        self.close()
        self.errors += [f"{name} is not closed" for name in self.open]

    def handle_starttag(self, tag, attrs):
        if len(dict(attrs)) != len(attrs):
            self.errors.append(f"an attribute comes twice: {tag} {attrs}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data):
        self.contents.setdefault(self.open[-1] if self.open else "", []).append(data)

    def handle_comment(self, data):
        self.errors.append(f"a comment: {data}")

    unknown_decl = handle_pi = handle_comment

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


def sha256(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of files, by name."""
    folder = tmp_path_factory.mktemp("pages")
    cases = {"game": (GAME, SUMMARY, TITLE), "hostile": (HOSTILE_DATA, HOSTILE_TEXT, HOSTILE_TITLE),
             "large": (LARGE, LARGE_TEXT, "Wards")}
    for name, case in cases.items():
        (folder / f"{name}.html").write_bytes(render_page(*case))
    return {name: folder / f"{name}.html" for name in cases}


@pytest.mark.parametrize("name", ["game", "hostile", "large"])
def test_markup(pages, name):
    page = pages[name].read_text(encoding="utf-8")
    markup = Markup(page)
    assert not markup.errors
    ids = markup.values("id")
    assert len(set(ids)) == len(ids)
    targets = [target[1:] for target in markup.values("href") if target.startswith("#")]
    assert len(targets) == len(markup.values("href")), "a link leaves the page"
    assert set(targets) <= set(ids)
    assert {name for names in ("aria-labelledby", "aria-describedby")
            for name in markup.values(names)} <= set(ids)
    assert {tag for tag, _ in markup.elements} <= {
        "a", "aside", "body", "code", "details", "div", "h1", "h2", "head", "header", "html", "li",
        "main", "meta", "ol", "p", "script", "section", "span", "style", "summary", "title", "ul"}
    assert {attribute for _, attributes in markup.elements for attribute in attributes} <= {
        "aria-describedby", "aria-labelledby", "charset", "class", "content", "dir", "href",
        "http-equiv", "id", "lang", "name", "open", "role", "tabindex", "translate"}
    # What is not seen or turns text around is spelled.
    assert not re.search(UNSEEN, page)


def test_policy_names_style_and_script(pages):
    markup = Markup(pages["game"].read_text(encoding="utf-8"))
    policy = next(attributes["content"] for _, attributes in markup.elements
                  if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    for kind in ("style", "script"):
        right = f"{kind}-src 'sha256-{sha256(''.join(markup.contents[kind]))}'"
        assert right in policy, f"runtime/grounding/Page{kind.title()}.h: the hash is {right}"


def luminance(color):
    channels = [int(color[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_have_contrast(pages):
    style = Markup(pages["game"].read_text(encoding="utf-8")).contents["style"][0]
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block))
               for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)]
    assert len(schemes) == 2  # light, dark
    for scheme in schemes:
        for pairs, least in ((TEXT_PAIRS, 4.5), (LINE_PAIRS, 3)):
            for front, back in pairs:
                assert contrast(scheme[front], scheme[back]) >= least, (front, back, scheme)


def open_browser():
    """A driver, or None where there is no browser."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return None
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu",
                 "no-first-run", "disable-extensions", "window-size=1280,900",
                 "force-device-scale-factor=1"):
        options.add_argument("--" + flag)
    return webdriver.Chrome(
        options=options,
        service=webdriver.ChromeService(executable_path=shutil.which("chromedriver")))


class Browser:
    """A driver with what these tests ask for."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, page, scheme="light", width=1280, height=900, scripts=True, media=""):
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command("Emulation.setEmulatedMedia", media=media,
                     features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=width < 500)
        self.command("Emulation.setTouchEmulationEnabled", enabled=width < 500)
        # Another address, so that nothing is left of the page before.
        self.driver.get("about:blank")
        self.driver.get(page.as_uri())

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def evaluate(self, expression):
        """The value of a JavaScript expression, also where the page may run none."""
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, *keys):
        from selenium.webdriver import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.evaluate("document.activeElement.id")

    def shown_tips(self):
        """The tips that are seen: texts."""
        return self.evaluate("Array.from(document.querySelectorAll('.tip'))"
                             ".filter(tip => tip.checkVisibility()).map(tip => tip.innerText)")

    def check_console(self):
        assert self.driver.get_log("browser") == []
        assert self.evaluate("performance.getEntriesByType('resource').length") == 0


@pytest.fixture(scope="module")
def browser():
    driver = open_browser()
    if driver is None:
        pytest.skip("there is no browser: apt-get install chromium chromium-driver")
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="module")
def keys():
    return pytest.importorskip("selenium.webdriver.common.keys").Keys


def test_keyboard(browser, keys, pages):
    browser.open(pages["game"])
    browser.press(keys.TAB)
    assert browser.focused() == "r0"
    assert browser.shown_tips() == ['visitor.city = "Denver"']
    for key, expected in ((keys.TAB, "r1"), (keys.ARROW_RIGHT, "r2"), (keys.ARROW_DOWN, "r3"),
                          (keys.ARROW_LEFT, "r2"), (keys.ARROW_UP, "r1"),
                          (keys.ARROW_LEFT, "r0"), (keys.ARROW_LEFT, "r23"),
                          (keys.ARROW_RIGHT, "r0")):
        browser.press(key)
        assert browser.focused() == expected
    # Escape puts the tip away, the next value has its own again.
    browser.press(keys.ESCAPE)
    assert browser.shown_tips() == [] and browser.focused() == "r0"
    browser.press(*[keys.ARROW_RIGHT] * 7)
    assert browser.shown_tips() == ['date | date("%-d %B %Y")\ndate = "2026-11-21"']
    # To the field and back, by Escape and by the field's own link; also to one that is folded away.
    browser.press(*[keys.ARROW_RIGHT] * 2)
    assert browser.shown_tips() == ['players[0].name = "Ada Okafor"']
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    for back in (keys.ESCAPE, keys.ENTER):
        browser.press(keys.ENTER)
        field = browser.evaluate("document.activeElement.innerText.replace(/\\s+/g, ' ')")
        assert field.startswith('name "Ada Okafor"')
        assert browser.evaluate("document.activeElement.checkVisibility()")
        browser.press(back)
        assert browser.focused() == "r9"
    browser.check_console()


def test_expressions_tell_all_operands(browser, pages):
    browser.open(pages["game"])
    tips = browser.evaluate("Array.from(document.querySelectorAll('.tip')).map(tip => "
                            "tip.textContent.trim().split('\\n'))")
    assert ["players | sum(\"points\")", "players: 4 elements", "players[0].points = 34",
            "players[1].points = 19", "players[2].points = 27", "players[3].points = 22"] in tips
    assert ['(visitor["field goals"].made / visitor["field goals"].tried) | round(2)',
            'visitor["field goals"].made = 43', 'visitor["field goals"].tried = 86'] in tips


def test_without_script(browser, keys, pages):
    browser.open(pages["game"], scripts=False)
    browser.press(keys.TAB, keys.TAB, keys.TAB, keys.TAB, keys.TAB)
    assert browser.focused() == "r4"
    assert browser.shown_tips() == ["visitor.points = 112"]
    browser.press(keys.ENTER)
    assert browser.evaluate("document.activeElement.textContent").startswith("points 112")
    browser.press(keys.ENTER)
    assert browser.focused() == "r4"
    hover(browser, "r6")
    assert 'arena = "Harbour Hall"' in browser.shown_tips()
    # The tip stays while it is pointed at.
    hover(browser, "t6")
    assert 'arena = "Harbour Hall"' in browser.shown_tips()
    browser.check_console()


def hover(browser, name):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    ActionChains(browser.driver).move_to_element(browser.driver.find_element(By.ID, name)).perform()


def test_accessible_names(browser, pages):
    browser.open(pages["game"])
    nodes = [node for node in browser.command("Accessibility.getFullAXTree")["nodes"]
             if not node["ignored"]]

    def find(role):
        return [tuple(node.get(key, {}).get("value", "") for key in ("name", "description"))
                for node in nodes if node["role"]["value"] == role]

    assert ("Denver", 'visitor.city = "Denver"') in find("link")
    assert ("8", "visitor.points - home.points visitor.points = 112 home.points = 104") in find(
        "link")
    assert ("points 104 (back to the text)", "") in find("link")
    assert all(name for role in ("link", "heading", "DisclosureTriangle") for name, _ in find(role))
    assert find("RootWebArea")[0][0] == TITLE
    assert find("complementary") == [("Data", "")]
    assert len(find("main")) == len(find("banner")) == 1
    assert {name for name, _ in find("heading")} == {TITLE, "Numbers without a source: 2", "Data"}
    assert [name for name, _ in find("region")] == ["Numbers without a source: 2"]


# The contrast of every text with what is behind it, the least of all.
LEAST_CONTRAST = """(() => {
  const parse = (color) => color.match(/[0-9.]+/g).map(Number);
  const luminance = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight *
    (c[i] <= 10.31 ? c[i] / 255 / 12.92 : ((c[i] / 255 + 0.055) / 1.055) ** 2.4), 0);
  let least = [21, ""];
  for (const element of document.body.querySelectorAll("*")) {
    if (!Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim()) ||
        !element.checkVisibility()) continue;
    let back = element;
    while (parse(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
    const pair = [element, back].map((one, i) => luminance(parse(
      getComputedStyle(one)[i ? "backgroundColor" : "color"]))).sort((a, b) => a - b);
    const ratio = (pair[1] + 0.05) / (pair[0] + 0.05);
    if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 80)];
  }
  return least;
})()"""


@pytest.mark.parametrize("scheme, page", [("light", "rgb(255, 255, 255)"),
                                          ("dark", "rgb(20, 23, 27)")])
def test_schemes(browser, keys, pages, scheme, page):
    browser.open(pages["game"], scheme=scheme)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == page
    browser.press(keys.TAB)  # a tip, too
    ratio, element = browser.evaluate(LEAST_CONTRAST)
    assert ratio >= 4.5, element


def test_phone(browser, pages):
    browser.open(pages["game"], width=390)
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    for index in range(24):
        left, right = browser.evaluate(
            f"(() => {{ document.getElementById('r{index}').focus();"
            f"const box = document.getElementById('t{index}').getBoundingClientRect();"
            "return [box.left, box.right]; })()")
        assert 0 <= left < right <= 390
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    # The first tap tells, the second follows.
    for expected in ("r6", None):
        x, y = browser.evaluate("(() => { const box = document.getElementById('r6')"
                                ".getClientRects()[0]; return [box.left + 5, box.top + 5]; })()")
        browser.command("Input.dispatchTouchEvent", type="touchStart",
                        touchPoints=[{"x": x, "y": y}])
        browser.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        if expected:
            assert browser.focused() == expected
            assert browser.shown_tips()[0].startswith('arena = "Harbour Hall"')
    assert browser.evaluate("document.activeElement.className") == "field"
    browser.check_console()


def test_print(browser, pages):
    browser.open(pages["game"], media="print", scheme="dark")
    assert browser.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(29, 33, 39)"
    assert browser.shown_tips() == []
    assert browser.evaluate("document.querySelector('.sources').checkVisibility()")
    assert browser.evaluate("document.querySelectorAll('.sources li').length") == 24
    assert base64.b64decode(browser.command("Page.printToPDF")["data"]).startswith(b"%PDF")


@pytest.mark.parametrize("width", [320, 1280])
def test_hostile_data(browser, pages, width):
    browser.open(pages["hostile"], width=width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("window.harmed") is None
    assert browser.evaluate("document.images.length + document.scripts.length") == 1
    # Nothing is lost.
    for element, text in (("#r1", HOSTILE), ("h1", HOSTILE_TITLE), ("title", HOSTILE_TITLE)):
        spelled = re.sub(UNSEEN, lambda match: f"U+{ord(match[0]):04X}", text)
        assert browser.evaluate(f"document.querySelector('{element}').textContent") == spelled
    browser.check_console()


def test_large_record(browser, keys, pages):
    begin = time.monotonic()
    browser.open(pages["large"])
    assert browser.evaluate("document.querySelectorAll('.data li').length") > 10_000
    assert browser.evaluate("Array.from(document.querySelectorAll('.data li'))"
                            ".filter(one => one.checkVisibility()).length") < 150
    browser.press(keys.TAB, keys.ENTER)
    assert browser.evaluate("document.activeElement.innerText").startswith("patient")
    box = browser.evaluate("(() => { const box = document.activeElement.getBoundingClientRect(); "
                           "return [box.top, box.bottom]; })()")
    assert 0 <= box[0] < box[1] <= 900
    browser.check_console()
    assert time.monotonic() - begin < 10


if __name__ == "__main__":
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_bytes(render_page(GAME, SUMMARY, TITLE))
        session = Browser(open_browser())
        session.command("Emulation.setScrollbarsHidden", hidden=True)
        session.open(path, width=1200, height=740)
        session.evaluate("document.getElementById('r16').focus()")
        session.driver.save_screenshot(sys.argv[1])
        session.driver.quit()
