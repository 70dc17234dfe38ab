//===- TextReport.cpp - An artifact as text -------------------------------===//

#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Facts.h"
#include "tools/nyala-inspect/Reports.h"
#include "tools/nyala-inspect/Table.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace nyala::inspect {
namespace {

std::string describeBytes(uint64_t bytes) {
  char text[32];
  if (bytes < 10'000)
    std::snprintf(text, sizeof(text), "%llu bytes", static_cast<unsigned long long>(bytes));
  else if (bytes < 1'000'000)
    std::snprintf(text, sizeof(text), "%.1f kB", static_cast<double>(bytes) / 1e3);
  else
    std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

template <typename List, typename Describe>
std::string join(const List &list, const std::string &separator, Describe describe) {
  std::string text;
  bool first = true;
  for (const auto &element : list) {
    text += first ? "" : separator;
    text += describe(element);
    first = false;
  }
  return text;
}

std::string describeShape(const artifact::Weight &weight) {
  return join(*weight.shape(), "x", [](int64_t size) { return std::to_string(size); });
}

/// "weight blk.0.q" or "arena+64".
std::string describeBuffer(const artifact::Artifact &program, const artifact::Entry &entry,
                           const artifact::Buffer &buffer) {
  std::string text = getName(buffer.region());
  const std::string object = getObjectName(program, entry, buffer);
  if (!object.empty())
    text += " " + object;
  if (object.empty() || buffer.offset() > 0)
    text.append("+").append(std::to_string(buffer.offset()));
  return text;
}

/// "decode", or "decode on cuda".
std::string describeName(const artifact::Entry &entry) {
  return entry.name()->str() +
         (entry.device() == artifact::Target::Cpu ? "" : " on " + getName(entry.device()));
}

std::string describeEntry(const artifact::Entry &entry) {
  const auto countName = [&](uint32_t index) { return entry.counts()->Get(index)->name()->str(); };
  std::string text = "entry " + describeName(entry) + ": ";
  text += join(*entry.counts(), ", ", [](const artifact::Count *count) {
    return count->name()->str() + " at most " + std::to_string(count->max());
  });
  text += "; " + std::to_string(entry.steps()->size()) + " steps, arena " +
          describeBytes(entry.arena_bytes()) + "\n  arguments: ";
  text += join(*entry.arguments(), ", ", [&](const artifact::Argument *argument) {
    return getName(argument->role()) + "[" + countName(argument->count()) + "]";
  });
  text += "\n  results: ";
  text += join(*entry.results(), ", ", [&](const artifact::Result *result) {
    return result->name()->str() + "[" + countName(result->count()) + "] of " +
           describeBytes(result->row_bytes());
  });
  return text + "\n";
}

std::string describeCode(const artifact::Executable &executable) {
  std::string text = getName(executable.target()) + " " + executable.arch()->str() + ", " +
                     executable.format()->str() + ", " + describeBytes(executable.size()) + ", " +
                     std::to_string(executable.kernels()->size()) + " kernels";
  if (executable.target() == artifact::Target::Cpu)
    text += "; needs " + join(*executable.features(), " ",
                              [](const flatbuffers::String *feature) { return feature->str(); });
  return text;
}

std::string describeCpuKernels(const artifact::Artifact &program) {
  const std::vector<uint32_t> uses = countKernelUses(program, artifact::Target::Cpu);
  Table table({"kernel", "target", "arch", "format", ">bytes", ">scratch", ">tiles", ">uses"});
  for (const artifact::Executable *executable : *program.executables())
    for (uint32_t i = 0; executable->target() == artifact::Target::Cpu && i < uses.size(); ++i) {
      const artifact::Kernel &kernel = *executable->kernels()->Get(i);
      table.add({kernel.name()->str(), getName(executable->target()), executable->arch()->str(),
                 executable->format()->str(), std::to_string(kernel.size()),
                 std::to_string(kernel.scratch_bytes()),
                 std::to_string(kernel.tiles()) + (kernel.tiles_per_row() ? "/row" : ""),
                 std::to_string(uses[i])});
    }
  return table.toString();
}

/// "24 x rows/64": tiles by blocks of 64 rows.
std::string describeGrid(const artifact::Kernel &kernel) {
  std::string text = std::to_string(kernel.tiles());
  if (kernel.row_block() == 1)
    text += " x rows";
  else if (kernel.row_block() > 1)
    text += " x rows/" + std::to_string(kernel.row_block());
  return text;
}

std::string describeCall(const artifact::MatmulCall *call) {
  if (!call)
    return "-";
  return "matmul " + std::to_string(call->columns()) + "x" + std::to_string(call->depth()) +
         (call->residual() >= 0 ? " + residual" : "");
}

std::string describeGpuKernels(const artifact::Artifact &program) {
  const std::vector<uint32_t> uses = countKernelUses(program, artifact::Target::Cuda);
  Table table({"kernel", "target", "arch", "format", ">bytes", ">threads", ">blocks", ">shared",
               ">workspace", ">uses", "library"});
  for (const artifact::Executable *executable : *program.executables())
    for (uint32_t i = 0; executable->target() == artifact::Target::Cuda && i < uses.size(); ++i) {
      const artifact::Kernel &kernel = *executable->kernels()->Get(i);
      table.add({kernel.name()->str(), getName(executable->target()), executable->arch()->str(),
                 executable->format()->str(), std::to_string(kernel.size()),
                 std::to_string(kernel.threads()), describeGrid(kernel),
                 std::to_string(kernel.shared_bytes()), std::to_string(kernel.workspace_bytes()),
                 std::to_string(uses[i]), describeCall(kernel.library_call())});
    }
  return table.toString();
}

std::string describeSteps(const artifact::Artifact &program, const artifact::Entry &entry) {
  Table table({">step", "kernel", "rows", ">flops/row", ">bytes", ">bytes/row", "waits"});
  for (uint32_t i = 0; i < entry.steps()->size(); ++i) {
    const artifact::Step &step = *entry.steps()->Get(i);
    const std::string waits =
        join(*step.waits(), " ", [](uint32_t wait) { return std::to_string(wait); });
    table.add({std::to_string(i), getKernelName(program, entry, step),
               entry.counts()->Get(step.rows())->name()->str(),
               std::to_string(step.flops_per_row()), std::to_string(step.bytes_fixed()),
               std::to_string(step.bytes_per_row()), waits.empty() ? "-" : waits});
    std::string buffers;
    for (uint32_t b = 0; b < step.buffers()->size(); ++b) {
      buffers += b == countReadBuffers(step) ? " -> " : b == 0 ? "" : ", ";
      buffers += describeBuffer(program, entry, *step.buffers()->Get(b));
    }
    table.addNote(buffers);
  }
  return table.toString();
}

/// A column for each offset, a line for each step.
std::string describeMemory(const artifact::Artifact &program, const artifact::Entry &entry) {
  const std::vector<LiveRange> ranges = findLiveRanges(entry);
  std::set<uint64_t> offsets;
  for (const LiveRange &range : ranges)
    offsets.insert(range.offset);

  std::vector<std::string> titles = {">step"};
  for (const uint64_t offset : offsets)
    titles.push_back(">+" + std::to_string(offset));
  titles.insert(titles.end(), {">bytes", "kernel"});
  Table table(titles);
  uint64_t peak = 0;
  uint32_t peakStep = 0;
  for (uint32_t number = 0; number < entry.steps()->size(); ++number) {
    std::map<uint64_t, std::string> cells;
    for (const LiveRange &range : ranges) {
      if (!range.isLive(number))
        continue;
      const bool read = std::binary_search(range.reads.begin(), range.reads.end(), number);
      cells[range.offset] = range.written == number ? "W " + std::to_string(range.bytes)
                            : read                  ? "R"
                                                    : "|";
    }
    std::vector<std::string> line = {std::to_string(number)};
    for (const uint64_t offset : offsets)
      line.push_back(cells.contains(offset) ? cells[offset] : ".");
    const uint64_t bytes = countLiveBytes(ranges, number);
    if (bytes > peak) {
      peak = bytes;
      peakStep = number;
    }
    line.push_back(std::to_string(bytes));
    line.push_back(getKernelName(program, entry, *entry.steps()->Get(number)));
    table.add(line);
  }
  return "arena of " + describeName(entry) + ": " + std::to_string(entry.arena_bytes()) +
         " bytes, at most " + std::to_string(peak) + " live (step " + std::to_string(peakStep) +
         ")\n" + table.toString();
}

} // namespace

std::string reportSummary(const rt::Artifact &artifact) {
  const artifact::Artifact &program = artifact.program();
  std::string text;
  const auto line = [&](const std::string &name, const std::string &value) {
    text += name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + value + "\n";
  };
  line("file", artifact.getPath() + ", " + describeBytes(artifact.getFile().getSize()));
  line("producer", program.producer()->str());
  line("architecture", program.architecture()->str());
  line("arithmetic", program.arithmetic()->str());
  line("vocabulary", std::to_string(program.vocabulary()) + " tokens" +
                         (program.tokenizer() ? "" : ", without tokenizer"));
  line("context", std::to_string(program.context()) + " positions");
  for (const artifact::Executable *executable : *program.executables())
    line("code", describeCode(*executable));
  const artifact::WeightSegment &weights = *program.weight_segment();
  line("weights", describeBytes(weights.size()) + ", " + std::to_string(program.weights()->size()) +
                      " weights" + (weights.file() ? " in " + weights.file()->str() : "") +
                      (weights.absent() ? ", absent: compiled with --weights=none" : ""));
  if (const uint64_t bytes = countResidentBytes(program); bytes > 0)
    line("GPU weights", describeBytes(bytes) + " in the GPU's layout, written when it is loaded");
  const std::string type = getMetadata(program, "kv_type");
  if (rt::servesSessions(program))
    line("kv cache", std::to_string(countKvBytesPerToken(program)) + " bytes per token" +
                         (type.empty() ? "" : " as " + type) + ", at most " +
                         std::to_string(rt::getMaxSequences(program)) + " sequences");
  else
    line("states", describeBytes(countStateBytes(program)) + ", " +
                       std::to_string(program.states()->size()) + " matrices");
  if (const std::string batch = getMetadata(program, "batch"); !batch.empty())
    line("batch", batch + " sequences of " + getMetadata(program, "length") + " tokens");
  if (const std::string map = getMetadata(program, "kv_sharing"); !map.empty()) {
    const std::string source = getMetadata(program, "kv_sharing_source");
    const std::string lossy = getMetadata(program, "kv_sharing_lossy");
    line("kv sharing",
         map + (source.empty() ? "" : ", source " + source) + (lossy.empty() ? "" : "; " + lossy));
  }
  if (const std::string tail = getMetadata(program, "prefill_tail"); !tail.empty())
    line("prefill tail", tail + ": logits of a prompt's last token alone");
  for (const artifact::Entry *entry : *program.entries())
    line("entry", describeName(*entry) + ", " + std::to_string(entry->steps()->size()) +
                      " steps, arena " + describeBytes(entry->arena_bytes()));
  return text;
}

std::string reportEntries(const artifact::Artifact &program, bool steps) {
  return join(*program.entries(), "\n", [&](const artifact::Entry *entry) {
    return describeEntry(*entry) + (steps ? describeSteps(program, *entry) : "");
  });
}

std::string reportMemory(const artifact::Artifact &program) {
  return join(*program.entries(), "\n", [&](const artifact::Entry *entry) {
    if (saysWhatIsWritten(*entry))
      return describeMemory(program, *entry);
    return "arena of " + describeName(*entry) + ": " + std::to_string(entry->arena_bytes()) +
           " bytes; the artifact does not say what its steps write, compile the model again to "
           "see it\n";
  });
}

Plot plotMemory(const artifact::Artifact &program) {
  Plot plot{"step", "live memory in the arena in MB", {}, {}, /*fromZero=*/true};
  for (const artifact::Entry *entry : *program.entries()) {
    if (!saysWhatIsWritten(*entry))
      throw rt::Failure(NYALA_UNSUPPORTED, "the artifact does not say what its steps write; "
                                           "compile the model again to see it");
    Curve curve{describeName(*entry), {}, /*isStaircase=*/true};
    const std::vector<LiveRange> ranges = findLiveRanges(*entry);
    for (uint32_t step = 0; step < entry->steps()->size(); ++step)
      curve.points.emplace_back(step, static_cast<double>(countLiveBytes(ranges, step)) / 1e6);
    plot.curves.push_back(std::move(curve));
  }
  return plot;
}

std::string reportKernels(const artifact::Artifact &program) {
  const bool cpu = rt::findExecutable(program, artifact::Target::Cpu);
  const bool gpu = rt::findExecutable(program, artifact::Target::Cuda);
  return (cpu ? describeCpuKernels(program) : "") + (cpu && gpu ? "\n" : "") +
         (gpu ? describeGpuKernels(program) : "");
}

std::string reportWeights(const artifact::Artifact &program) {
  Table table({"weight", "format", "shape", ">offset", ">bytes"});
  for (const artifact::Weight *weight : *program.weights())
    table.add({weight->name()->str(), weight->format()->str(), describeShape(*weight),
               std::to_string(weight->offset()), std::to_string(weight->size())});
  Table totals({"format", ">weights", ">bytes"});
  for (const auto &[format, total] : countWeightFormats(program))
    totals.add({format, std::to_string(total.weights), std::to_string(total.bytes)});
  return table.toString() + "\n" + totals.toString();
}

} // namespace nyala::inspect
