//===- PageScript.h - Keys on the page of a grounded text -------*- C++ -*-===//
//
// The script of HtmlPage.h and its hash (PageStyle.h). The page can be read
// without: this adds the arrow keys, Escape, a first tap that tells and a second
// that follows, and a jump that opens what is closed and leaves the text where it
// is.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_PAGESCRIPT_H
#define NYALA_RUNTIME_GROUNDING_PAGESCRIPT_H

#include <string_view>

namespace nyala::rt::grounding {

/// SHA-256 in base64.
inline constexpr std::string_view pageScriptHash = "ePnxvzB6XDynaLju0YF2pvkNJp/rf9JIaMFcrWaglGo=";

inline constexpr std::string_view pageScript = R"js(
"use strict";
const root = document.documentElement;
const values = Array.from(document.querySelectorAll("a.value"));
const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
let last = null; // the value that was followed
let isFirstTap = false;
root.classList.add("scripted");

function show(field) {
  for (let at = field.parentElement; at; at = at.parentElement)
    if (at.localName === "details") at.open = true;
  field.focus({ preventScroll: true });
  field.scrollIntoView({ block: "nearest" });
}

document.addEventListener("pointerdown", (event) => {
  const value = event.target.closest("a.value");
  isFirstTap = event.pointerType === "touch" && value !== document.activeElement;
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.value, a.field");
  const tells = isFirstTap;
  isFirstTap = false;
  if (!link || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.classList.contains("value")) {
    event.preventDefault();
    if (tells) {
      link.focus();
    } else {
      last = link;
      show(document.getElementById(link.hash.slice(1)));
    }
  } else if (last && last.hash === "#" + link.id) {
    event.preventDefault();
    last.focus();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const at = values.indexOf(document.activeElement);
  if (event.key === "Escape") {
    if (at < 0 && last) last.focus();
    else root.classList.add("quiet");
  } else if (at >= 0 && event.key in steps) {
    event.preventDefault();
    values[(at + steps[event.key] + values.length) % values.length].focus();
  }
});
// Details that Escape put away come back with the next value.
for (const kind of ["focusin", "pointerover"])
  document.addEventListener(kind, (event) => {
    if (event.target.closest(".reference")) root.classList.remove("quiet");
  });
)js";

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_PAGESCRIPT_H
