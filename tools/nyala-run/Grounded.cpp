//===- Grounded.cpp - Text about data, with references --------------------===//

#include "tools/nyala-run/Grounded.h"
#include "runtime/core/CApi.h"
#include "runtime/core/OutputFile.h"
#include "runtime/grounding/Path.h"
#include "tools/nyala-run/DataPrompt.h"
#include "tools/nyala-run/Report.h"
#include "tools/nyala-run/ValueStream.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/ModelCache.h"
#include "tools/run-support/Output.h"
#include "tools/run-support/Prompt.h"

#include <algorithm>
#include <sstream>
#include <unistd.h>

using Json = nlohmann::ordered_json;
using namespace nyala::rt::grounding;

namespace nyala {
namespace {

template <typename Handle, void (*close)(Handle *)> struct Closer {
  void operator()(Handle *handle) const { close(handle); }
};
using Data = std::unique_ptr<nyala_data, Closer<nyala_data, nyala_data_close>>;
using Constraint =
    std::unique_ptr<nyala_constraint, Closer<nyala_constraint, nyala_constraint_close>>;
using Grounding = std::unique_ptr<nyala_grounding, Closer<nyala_grounding, nyala_grounding_close>>;

/// Runs a body; names the file in failures that its content causes.
template <typename Body> void about(const std::string &file, const Body &body) {
  try {
    body();
  } catch (const rt::Failure &failure) {
    if (failure.getStatus() != NYALA_INVALID_TEXT && failure.getStatus() != NYALA_INVALID_ARGUMENT)
      throw;
    const std::string name = file == "-" ? "standard input" : "'" + file + "'";
    throw rt::Failure(failure.getStatus(), name + ": " + failure.what());
  }
}

Data readData(const std::string &file) {
  const std::string json = readText(file);
  nyala_data *data = nullptr;
  about(file, [&] { check(nyala_data_parse(json.data(), json.size(), &data)); });
  return Data(data);
}

std::string render(const nyala_grounding &grounding, nyala_rendering rendering,
                   const std::string &title) {
  size_t length = 0;
  check(nyala_grounding_render(&grounding, rendering, title.c_str(), nullptr, 0, &length));
  std::string text(length, '\0');
  check(nyala_grounding_render(&grounding, rendering, title.c_str(), text.data(), length, &length));
  return text;
}

/// How many tokens the largest parts of the fields take, for messages: "players takes 812, venue
/// takes 20".
std::string describeLargest(const Model &model, const ShownFields &fields) {
  constexpr size_t count = 3;
  const DataTree &data = fields.getData();
  std::vector<std::pair<size_t, NodeId>> sizes;
  for (NodeId child : data.getChildren(fields.findFork()))
    if (fields.has(child))
      sizes.emplace_back(std::min(model.tokenize(fields.list(child), false).size(),
                                  model.tokenize(data.toJson(child), false).size()),
                         child);
  const size_t shown = std::min(count, sizes.size());
  std::ranges::partial_sort(sizes, sizes.begin() + static_cast<ptrdiff_t>(shown), std::greater());
  std::string text;
  for (size_t i = 0; i < shown; ++i)
    text += (i == 0 ? "" : ", ") + spellPath(data, sizes[i].second) + " takes " +
            std::to_string(sizes[i].first);
  return text;
}

/// One run of --data.
class GroundedRun {
public:
  GroundedRun(const RunOptions &options, const std::string &request)
      : options(options), choice(*options.data), request(request), data(readData(choice.file)),
        model(openModel(options.model, options.device)), constraint(makeConstraint()),
        fields(data->tree, choice.fields), shown(showFields(model, fields)),
        example(makeExample(fields)) {}

  void run() {
    const Tokens prompt =
        tokenizeAsked(model, choice.isIndirect ? askForProse(shown, request)
                                               : askForReferences(shown, example, request));
    if (choice.showPrompt)
      return showPrompt(prompt);
    if (choice.output)
      output.emplace(*choice.output); // known before a long generation and not after it
    Session session(model, options.session, options.sampler);
    checkLength(prompt, session);
    if (choice.isIndirect)
      rewrite(session, writeProse(session, prompt));
    else
      write(session, prompt, constraint.get(), options);
  }

private:
  /// Also for what does without: data that cannot be referred to are refused at once.
  Constraint makeConstraint() const {
    nyala_constraint *made = nullptr;
    about(choice.file,
          [&] { check(nyala_constraint_create_references(model.get(), data.get(), &made)); });
    return Constraint(made);
  }

  nyala_rendering getRendering() const {
    if (choice.rendering)
      return *choice.rendering;
    const std::string name = choice.output.value_or("");
    return name.ends_with(".html") || name.ends_with(".htm") ? NYALA_RENDER_HTML
           : name.ends_with(".jsonl")                        ? NYALA_RENDER_JSONL
                                                             : NYALA_RENDER_TEXT;
  }

  void showPrompt(const Tokens &prompt) const {
    std::string text;
    for (int32_t token : prompt)
      text += model.tokenBytes(token, true);
    writeOutput(text + (isatty(STDOUT_FILENO) ? "\n" : ""));
  }

  void checkLength(const Tokens &prompt, const Session &session) const {
    const size_t context = session.getContext();
    if (prompt.size() > context)
      throw rt::Failure(NYALA_CONTEXT_FULL,
                        "the prompt has " + std::to_string(prompt.size()) + " tokens, " +
                            std::to_string(prompt.size() - context) +
                            " more than the context has positions; show fewer fields of the data "
                            "(--fields): " +
                            describeLargest(model, fields));
  }

  /// Text without references, no longer than leaves room for the rewrite: its prompt has the text
  /// once more, and references are longer than what they stand for.
  std::string writeProse(Session &session, const Tokens &prompt) const {
    const Tokens frame = tokenizeAsked(model, askForRewrite(shown, example, ""));
    checkLength(frame, session);
    const size_t room = (session.getContext() - std::max(prompt.size(), frame.size())) / 4;
    if (room == 0)
      throw rt::Failure(
          NYALA_CONTEXT_FULL,
          "the prompt has " + std::to_string(frame.size()) + " tokens: of the context's " +
              std::to_string(session.getContext()) +
              " positions too few are left to write a text and rewrite it; show fewer "
              "fields of the data (--fields): " +
              describeLargest(model, fields));
    RunOptions limited = options;
    limited.maxTokens = std::min<uint64_t>(room, options.maxTokens.value_or(room));
    const Generation result = generate(model, session, prompt, limited, [](std::string_view) {});
    if (result.finish == Finish::Interrupted)
      throw Interrupted();
    writeMessage("prose of " + std::to_string(result.ids.size()) + " tokens");
    std::string prose = result.text;
    for (size_t at; (at = prose.find("{{")) != std::string::npos;)
      prose.erase(at, 1); // it would open a reference
    return prose;
  }

  void rewrite(Session &session, const std::string &prose) {
    nyala_constraint *made = nullptr;
    check(nyala_constraint_create_rewrite(model.get(), data.get(), prose.data(), prose.size(),
                                          &made));
    const Constraint same(made);
    const Tokens prompt = tokenizeAsked(model, askForRewrite(shown, example, prose));
    const size_t needed = prompt.size() + nyala_constraint_least(made);
    if (needed > session.getContext())
      throw rt::Failure(NYALA_CONTEXT_FULL, "rewriting the prose takes " + std::to_string(needed) +
                                                " tokens with its prompt, the context has " +
                                                std::to_string(session.getContext()) +
                                                " positions; ask for shorter prose (-n)");
    RunOptions unlimited = options;
    unlimited.maxTokens.reset();
    write(session, prompt, made, unlimited, &prose);
    session.constrain(nullptr, 0);
  }

  /// Generates and renders. `prose`: what is rewritten; null: nothing.
  void write(Session &session, const Tokens &prompt, nyala_constraint *chosen,
             const RunOptions &limits, const std::string *prose = nullptr) {
    const bool streams = !options.json && !choice.output && getRendering() == NYALA_RENDER_TEXT;
    ValueStream values(data->tree);
    const auto print = [&](std::string_view piece) {
      if (streams)
        writeOutput(values.append(piece));
    };
    const Generation result = generate(model, session, prompt, limits, print, chosen);
    if (streams)
      writeOutput(values.flush());
    if (result.finish == Finish::Interrupted)
      throw Interrupted();
    nyala_grounding *made = nullptr;
    check(nyala_grounding_create(data.get(), result.text.data(), result.text.size(), &made));
    const Grounding grounding(made);
    if (options.json)
      return printJson(result, prompt, *grounding, prose);
    const std::string text = streams ? "" : render(*grounding, getRendering(), request);
    if (output) {
      output->write(0, std::as_bytes(std::span(text)));
      output->commit();
    } else {
      writeOutput(text + (isatty(STDOUT_FILENO) ? "\n" : ""));
    }
    reportGeneration(result, prompt.size(), session.getContext());
  }

  void printJson(const Generation &result, const Tokens &prompt, const nyala_grounding &grounding,
                 const std::string *prose) const {
    Json json = toJson(result, prompt, model);
    json["text"] = grounding.grounded.text;
    json["raw"] = grounding.grounded.raw;
    if (prose)
      json["prose"] = *prose;
    json["spans"] = Json::array();
    std::istringstream lines(render(grounding, NYALA_RENDER_JSONL, ""));
    for (std::string line; std::getline(lines, line);)
      json["spans"].push_back(Json::parse(line));
    writeOutput(json.dump() + "\n");
  }

  const RunOptions &options;
  const DataOptions &choice;
  const std::string &request;
  Data data;
  Model model;
  Constraint constraint;
  ShownFields fields;
  std::string shown;
  WorkedExample example;
  std::optional<rt::OutputFile> output;
};

} // namespace

void runGrounded(const RunOptions &options, const std::string &request) {
  GroundedRun(options, request).run();
}

} // namespace nyala
