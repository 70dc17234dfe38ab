//===- CommandLine.h - Checks of numbers on command lines -------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_COMMANDLINE_H
#define NYALA_TOOLS_RUNSUPPORT_COMMANDLINE_H

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace nyala {

/// The largest number of tokens or positions that tools take.
constexpr int64_t maxCount = std::numeric_limits<int32_t>::max();

/// A number from `least` to `most`; "3.7" or "many" is none.
template <typename T> CLI::Validator between(T least, T most, const std::string &expected) {
  return CLI::Validator(
      [=](std::string &text) -> std::string {
        T value;
        if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most)
          return "";
        return "expected " + expected + ", got '" + text + "'";
      },
      "", "");
}

/// One of a few words.
inline CLI::Validator oneOf(const std::vector<std::string> &words) {
  return CLI::Validator(
      [words](std::string &text) -> std::string {
        std::string list;
        for (const std::string &word : words) {
          if (text == word)
            return "";
          list += list.empty() ? word : (&word == &words.back() ? " or " : ", ") + word;
        }
        return "expected " + list + ", got '" + text + "'";
      },
      "", "");
}

/// An option that is a number from 0 to `most`.
inline CLI::Option *addNumber(CLI::App &app, const std::string &name, double &value, double most,
                              const std::string &help) {
  return app.add_option(name, value, help)
      ->check(between<double>(0, most, "a number from 0 to " + CLI::detail::to_string(most)))
      ->capture_default_str()
      ->type_name("X");
}

/// --device, as nyala.h takes it.
inline void addDeviceOption(CLI::App &app, std::string &device) {
  const auto check = [](const std::string &text) {
    constexpr std::string_view prefix = "cuda:";
    uint32_t number;
    const bool isNumbered =
        text.starts_with(prefix) && CLI::detail::lexical_cast(text.substr(prefix.size()), number);
    return text == "cpu" || text == "cuda" || isNumbered
               ? ""
               : "expected cpu, cuda or cuda:N, got '" + text + "'";
  };
  app.add_option("--device", device,
                 "cpu, cuda (the first GPU) or cuda:N (default: the first that the model was "
                 "compiled for and that is there)")
      ->check(CLI::Validator([=](std::string &text) { return check(text); }, "", ""))
      ->type_name("NAME");
}

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_COMMANDLINE_H
