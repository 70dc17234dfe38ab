//===- render-chat.cpp - ChatTemplate on a pipe for tests -----------------===//
//
// usage: nyala-test-render-chat < REQUESTS > RESPONSES
//
// Reads a JSON object per line: {"template": source, "messages": [{"role", "content"}, …],
// "add_generation_prompt": bool, "bos_token": text, "eos_token": text}; a missing template is the
// previous line's. Writes {"text": rendered} or {"status": nyala_status, "error": message} per
// line. The clock stands at Friday, 26 July 2024, 13:05:09.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/text/ChatTemplate.h"

#include <iostream>
#include <nlohmann/json.hpp>

using nlohmann::json;
using namespace nyala::rt;

static std::tm readFixedClock() {
  std::tm time{};
  time.tm_year = 2024 - 1900;
  time.tm_mon = 6;
  time.tm_mday = 26;
  time.tm_wday = 5;
  time.tm_hour = 13;
  time.tm_min = 5;
  time.tm_sec = 9;
  return time;
}

static json answer(const json &request, const std::string &source) {
  try {
    ChatTemplate chat(source, request.value("bos_token", ""), request.value("eos_token", ""),
                      readFixedClock);
    std::vector<Message> messages;
    for (const json &message : request.at("messages"))
      messages.push_back({message.at("role"), message.at("content")});
    return {{"text", chat.render(messages, request.value("add_generation_prompt", false))}};
  } catch (const Failure &failure) {
    return {{"status", failure.getStatus()}, {"error", failure.what()}};
  }
}

int main() {
  std::string source;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      json request = json::parse(line);
      source = request.value("template", source);
      std::cout << answer(request, source).dump() << std::endl;
    } catch (const json::exception &error) {
      std::cerr << "nyala-test-render-chat: bad request: " << error.what() << "\n";
      return 1;
    }
  }
  return 0;
}
