//===- ArtifactChecks.cpp - Is a verified FlatBuffer a usable program? ----===//
//
// The FlatBuffers verifier proves that tables, vectors and strings can be
// read. This proves that what they say can be executed: indices, offsets,
// sizes, alignment, and the counts, arguments and results of the entries.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact_header.h"
#include "runtime/core/Artifact.h"
#include "runtime/core/Status.h"
#include "runtime/kernel_abi.h"

#include <algorithm>
#include <limits>
#include <sstream>

namespace nyala::rt {
namespace {

/// No size in an artifact may exceed it: x86-64's user address space. Sums of a few such sizes
/// cannot overflow.
constexpr uint64_t maxBytes = uint64_t(1) << 47;

/// What CUDA lets a block and a grid have at most, on any GPU (CUDA programming guide, technical
/// specifications per compute capability).
constexpr uint32_t maxThreads = 1024, warpThreads = 32, maxRowBlocks = 65535;
constexpr uint64_t maxSharedBytes = 227 << 10;

/// May the elements of a list, if it is there and has any, be read? The FlatBuffers verifier sees
/// to the alignment of a list's length alone.
template <typename Element> bool isAligned(const flatbuffers::Vector<Element> *list) {
  using Stored = std::remove_pointer_t<Element>; // lists of structs are of pointers
  return !list || list->size() == 0 ||
         reinterpret_cast<uintptr_t>(list->Data()) % alignof(Stored) == 0;
}

class Checker {
public:
  Checker(const artifact::Artifact &program, const std::string &path, uint64_t fileSize)
      : program(program), path(path), fileSize(fileSize) {}

  void check() const;

private:
  template <typename... Parts> [[noreturn]] void fail(const Parts &...parts) const {
    std::ostringstream text;
    text << "'" << path << "' is malformed: ";
    (text << ... << parts);
    text << "; compile the model again";
    throw Failure(NYALA_CORRUPT, text.str());
  }
  /// a * b, if it is a size that can exist.
  uint64_t product(uint64_t a, uint64_t b, const char *what) const {
    uint64_t result;
    if (__builtin_mul_overflow(a, b, &result) || result > maxBytes)
      fail(what, " would have ", a, " * ", b, " bytes");
    return result;
  }
  void checkModel() const;
  void checkResidents() const;
  void checkSharing() const;
  void checkExecutable(const artifact::Executable &executable) const;
  void checkLaunch(const artifact::Kernel &kernel) const;
  void checkWeights() const;
  void checkEntry(const artifact::Entry &entry) const;
  void checkArguments(const artifact::Entry &entry) const;
  void checkResults(const artifact::Entry &entry) const;
  void checkStep(const artifact::Entry &entry, uint32_t index) const;
  void checkGrid(const artifact::Entry &entry, uint32_t index) const;
  void checkBuffer(const artifact::Entry &entry, uint32_t step, const artifact::Buffer &buffer,
                   uint64_t used) const;

  const artifact::Artifact &program;
  const std::string &path;
  uint64_t fileSize;
};

void Checker::checkModel() const {
  if (program.vocabulary() == 0 || program.vocabulary() > NYALA_MAX_VOCABULARY)
    fail("a vocabulary of ", program.vocabulary(), " tokens");
  if (program.context() == 0 || program.context() > (1u << 30))
    fail("a context of ", program.context(), " positions");
  uint64_t total = 0;
  for (const artifact::State *state : *program.states()) {
    const uint64_t sequence = product(state->slots(), state->slot_bytes(), "a state");
    const uint64_t bytes = product(state->sequences(), sequence, "a state");
    total += bytes;
    if (total > maxBytes)
      fail("the states would have more than ", maxBytes, " bytes");
    if (bytes == 0)
      fail("state '", state->name()->string_view(), "' is empty");
    if (servesSessions(program) && !state->resident() && state->slots() < program.context())
      fail("state '", state->name()->string_view(), "' has ", state->slots(),
           " slots for a context of ", program.context());
  }
}

/// Something must write what is resident before sessions read it.
void Checker::checkResidents() const {
  const auto isResident = [](const artifact::State *state) { return state->resident(); };
  const auto writesResidents = [](const artifact::Entry *entry) {
    const std::string_view name = entry->name()->string_view();
    return entry->device() == artifact::Target::Cuda && (name == "init" || name == "randomize");
  };
  const auto resident = std::ranges::find_if(*program.states(), isResident);
  if (resident != program.states()->end() &&
      std::ranges::none_of(*program.entries(), writesResidents))
    fail("no entry writes the resident state '", (*resident)->name()->string_view(),
         "', expected init or randomize");
}

/// A FlatBuffer may name a table or a vector many times, and segments may overlap: a small file
/// could ask for work and memory beyond all bounds. The compiler writes each once, so all of them
/// together are no larger than the file.
void Checker::checkSharing() const {
  uint64_t bytes = 0;
  for (const artifact::Executable *executable : *program.executables()) {
    bytes += executable->size() + executable->arch()->size();
    for (const flatbuffers::String *feature : *executable->features())
      bytes += feature->size();
  }
  for (const artifact::Entry *entry : *program.entries())
    for (const artifact::Step *step : *entry->steps())
      bytes += step->buffers()->size() * sizeof(artifact::Buffer) +
               step->waits()->size() * sizeof(uint32_t) +
               (step->writes() ? step->writes()->size() * sizeof(uint64_t) : 0) +
               (step->updates() ? step->updates()->size() * sizeof(uint32_t) : 0) +
               (step->floats() ? step->floats()->size() : 0);
  if (bytes > fileSize)
    fail("its parts have ", bytes, " bytes, the file ", fileSize);
}

/// How a GPU is to run the kernel, as far as that does not depend on the step.
void Checker::checkLaunch(const artifact::Kernel &kernel) const {
  const std::string_view name = kernel.name()->string_view();
  if (kernel.threads() == 0 || kernel.threads() % warpThreads != 0 || kernel.threads() > maxThreads)
    fail("kernel '", name, "' has blocks of ", kernel.threads(),
         " threads, expected a multiple of ", warpThreads, " up to ", maxThreads);
  if (kernel.tiles() == 0)
    fail("kernel '", name, "' has no tiles");
  if (kernel.shared_bytes() > maxSharedBytes)
    fail("kernel '", name, "' wants ", kernel.shared_bytes(), " bytes of shared memory, at most ",
         maxSharedBytes, " can be had");
  if (kernel.workspace_bytes() > maxBytes)
    fail("kernel '", name, "' wants a workspace of ", kernel.workspace_bytes(), " bytes");
}

void Checker::checkExecutable(const artifact::Executable &executable) const {
  const std::string_view arch = executable.arch()->string_view();
  if (executable.target() > artifact::Target::MAX)
    fail("the code for '", arch, "' is for an unknown device");
  const bool isGpu = executable.target() == artifact::Target::Cuda;
  const std::string_view format = executable.format()->string_view();
  if (isGpu && format != "cubin" && format != "ptx")
    fail("the code for '", arch, "' has the format '", format, "', expected cubin or ptx");
  if (executable.offset() % NYALA_ARTIFACT_PAGE != 0 || executable.offset() > fileSize ||
      executable.size() > fileSize - executable.offset())
    fail("the code for '", arch, "' does not lie on whole pages of the file");
  const auto &first = *findExecutable(program, executable.target())->kernels();
  const auto hasSameName = [](const artifact::Kernel *a, const artifact::Kernel *b) {
    return a->name()->string_view() == b->name()->string_view();
  };
  if (!std::ranges::equal(*executable.kernels(), first, hasSameName))
    fail("the code for '", arch, "' has other kernels than the first for its device");
  for (const artifact::Kernel *kernel : *executable.kernels()) {
    if (kernel->entry() >= executable.size())
      fail("kernel '", kernel->name()->string_view(), "' begins behind its code");
    if (kernel->size() > executable.size() - kernel->entry())
      fail("kernel '", kernel->name()->string_view(), "' ends behind its code");
    if (kernel->scratch_bytes() > maxBytes)
      fail("kernel '", kernel->name()->string_view(), "' wants ", kernel->scratch_bytes(),
           " bytes of scratch");
    if (kernel->tiles() > std::numeric_limits<int32_t>::max())
      fail("kernel '", kernel->name()->string_view(), "' has ", kernel->tiles(), " tiles");
    if (isGpu)
      checkLaunch(*kernel);
  }
}

void Checker::checkWeights() const {
  const artifact::WeightSegment &segment = *program.weight_segment();
  if (segment.offset() % NYALA_ARTIFACT_PAGE != 0 || segment.offset() > maxBytes ||
      segment.size() > maxBytes)
    fail("the weights do not lie on whole pages of the file");
  if (segment.absent() && (segment.file() || segment.offset() != 0))
    fail("its weights are said to be absent and to have a place");
  if (segment.file()) {
    // Only a plain name: an artifact must not read elsewhere in the file system.
    const std::string_view name = segment.file()->string_view();
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
        name.find('\0') != name.npos)
      fail("its weights are in '", name, "', which is not the name of a file beside it");
  }
  for (const artifact::Weight *weight : *program.weights()) {
    if (!isAligned(weight->shape()))
      fail("weight '", weight->name()->string_view(), "' has a shape that is not aligned");
    if (weight->offset() % NYALA_BUFFER_ALIGNMENT != 0 || weight->offset() > segment.size() ||
        weight->size() > segment.size() - weight->offset())
      fail("weight '", weight->name()->string_view(), "' does not lie in the weight segment");
  }
}

void Checker::checkArguments(const artifact::Entry &entry) const {
  const int rows = findCount(entry, "rows"), wanted = findCount(entry, "wanted");
  for (const artifact::Argument *argument : *entry.arguments()) {
    const artifact::ArgumentRole role = argument->role();
    if (role > artifact::ArgumentRole::MAX)
      fail("entry '", entry.name()->string_view(), "' has an argument of unknown role");
    if (argument->count() >= entry.counts()->size())
      fail("entry '", entry.name()->string_view(), "' has an argument of count ", argument->count(),
           " of ", entry.counts()->size());
    if (isSessionEntry(entry) && static_cast<int>(argument->count()) !=
                                     (role == artifact::ArgumentRole::Wanted ? wanted : rows))
      fail("entry '", entry.name()->string_view(), "' counts its argument '",
           artifact::EnumNameArgumentRole(role), "' by something else than rows or wanted");
  }
}

void Checker::checkResults(const artifact::Entry &entry) const {
  bool hasLogits = false;
  const artifact::Result *topLogits = nullptr, *topIds = nullptr;
  const int wanted = findCount(entry, "wanted");
  for (const artifact::Result *result : *entry.results()) {
    const std::string_view name = result->name()->string_view();
    if (result->count() >= entry.counts()->size())
      fail("result '", name, "' has count ", result->count(), " of ", entry.counts()->size());
    product(entry.counts()->Get(result->count())->max(), result->row_bytes(), "a result");
    if ((name == "loss" || name == "gradient_norm") && result->row_bytes() < sizeof(float))
      fail("'", name, "' has ", result->row_bytes(), " bytes, expected an f32");
    if (!isSessionEntry(entry))
      continue;
    for (auto [candidates, expected] : {std::pair(&topLogits, "top_logits"), {&topIds, "top_ids"}})
      if (name == expected)
        *candidates = result;
    if (name != "logits")
      continue;
    hasLogits = true;
    if (result->row_bytes() != uint64_t(program.vocabulary()) * sizeof(float) ||
        static_cast<int>(result->count()) != wanted)
      fail("'logits' has ", result->row_bytes(), " bytes a row, expected f32 for each of ",
           program.vocabulary(), " tokens and for each wanted row");
  }
  if (isSessionEntry(entry) && !hasLogits)
    fail("entry '", entry.name()->string_view(), "' has no result 'logits'");
  if (!topLogits && !topIds)
    return;
  const auto isOfWanted = [&](const artifact::Result *result) {
    return result && static_cast<int>(result->count()) == wanted;
  };
  if (!isOfWanted(topLogits) || !isOfWanted(topIds) || topIds->row_bytes() == 0 ||
      topIds->row_bytes() % sizeof(int32_t) != 0 ||
      topIds->row_bytes() / sizeof(int32_t) > program.vocabulary() ||
      topIds->row_bytes() != topLogits->row_bytes())
    fail("entry '", entry.name()->string_view(),
         "' has results 'top_logits' and 'top_ids' that are not as many numbers as ids for each "
         "wanted row");
}

/// `used`: how many bytes of it the step is known to read or write.
void Checker::checkBuffer(const artifact::Entry &entry, uint32_t step,
                          const artifact::Buffer &buffer, uint64_t used) const {
  const auto bounded = [&](uint64_t count, auto bytesOf) {
    if (buffer.index() >= count)
      fail("entry '", entry.name()->string_view(), "', step ", step, ": ",
           artifact::EnumNameRegion(buffer.region()), " ", buffer.index(), " of ", count);
    return static_cast<uint64_t>(bytesOf(buffer.index()));
  };
  const auto maxOf = [&](uint32_t count) -> uint64_t { return entry.counts()->Get(count)->max(); };
  uint64_t bytes = 0, alignment = 1;
  switch (buffer.region()) {
  case artifact::Region::Arena:
    bytes = entry.arena_bytes();
    alignment = sizeof(float); // whole values lie on NYALA_BUFFER_ALIGNMENT, rows of them on this
    break;
  case artifact::Region::Weight:
    bytes = bounded(program.weights()->size(),
                    [&](uint32_t i) { return program.weights()->Get(i)->size(); });
    alignment = NYALA_BUFFER_ALIGNMENT;
    break;
  case artifact::Region::State:
    bytes = bounded(program.states()->size(), [&](uint32_t i) {
      const artifact::State &state = *program.states()->Get(i);
      if (state.resident() && entry.device() == artifact::Target::Cpu)
        fail("entry '", entry.name()->string_view(), "', step ", step, ": a CPU uses state '",
             state.name()->string_view(), "', which is resident on a GPU");
      return state.slots() * state.slot_bytes(); // a session may reserve one sequence alone
    });
    break;
  case artifact::Region::Argument:
    bytes = bounded(entry.arguments()->size(), [&](uint32_t i) {
      return maxOf(entry.arguments()->Get(i)->count()) * sizeof(int32_t);
    });
    break;
  case artifact::Region::Result:
    bytes = bounded(entry.results()->size(), [&](uint32_t i) {
      const artifact::Result &result = *entry.results()->Get(i);
      return maxOf(result.count()) * result.row_bytes();
    });
    break;
  default:
    fail("entry '", entry.name()->string_view(), "', step ", step, ": a buffer in unknown region ",
         static_cast<unsigned>(buffer.region()));
  }
  if (buffer.offset() > bytes || buffer.offset() % alignment != 0)
    fail("entry '", entry.name()->string_view(), "', step ", step, ": offset ", buffer.offset(),
         " in ", bytes, " bytes of ", artifact::EnumNameRegion(buffer.region()), ", aligned to ",
         alignment);
  if (used > bytes - buffer.offset())
    fail("entry '", entry.name()->string_view(), "', step ", step, ": uses ", used,
         " bytes at offset ", buffer.offset(), " of ", bytes, " bytes of ",
         artifact::EnumNameRegion(buffer.region()));
}

/// Of a GPU: can the step's grid be launched, and are the buffers of the library call those of the
/// step?
void Checker::checkGrid(const artifact::Entry &entry, uint32_t index) const {
  const artifact::Step &step = *entry.steps()->Get(index);
  const uint64_t rows = entry.counts()->Get(step.rows())->max();
  for (const artifact::Executable *executable : *program.executables()) {
    if (executable->target() != artifact::Target::Cuda)
      continue;
    const artifact::Kernel &kernel = *executable->kernels()->Get(step.kernel());
    if (kernel.row_block() > 0 && (rows - 1) / kernel.row_block() >= maxRowBlocks)
      fail("entry '", entry.name()->string_view(), "', step ", index, ": ", rows,
           " rows in blocks of ", kernel.row_block(), ", more than ", maxRowBlocks, " blocks");
    const artifact::MatmulCall *call = kernel.library_call();
    if (!call)
      continue;
    if (call->columns() == 0 || call->depth() == 0)
      fail("kernel '", kernel.name()->string_view(), "' stands for a product of ", call->columns(),
           " columns and depth ", call->depth());
    const auto checkOperand = [&](int64_t operand, uint64_t operandRows, uint64_t rowBytes) {
      const uint64_t bytes = product(operandRows, rowBytes, "a library's product");
      if (operand >= step.buffers()->size())
        fail("entry '", entry.name()->string_view(), "', step ", index,
             ": a library's product takes buffer ", operand, " of ", step.buffers()->size());
      checkBuffer(entry, index, *step.buffers()->Get(operand), bytes);
    };
    constexpr uint64_t halfBytes = 2;
    checkOperand(call->weight(), call->columns(), halfBytes * call->depth());
    checkOperand(call->activations(), rows, halfBytes * call->depth());
    checkOperand(call->result(), rows, sizeof(float) * call->columns());
    if (call->residual() >= 0)
      checkOperand(call->residual(), rows, sizeof(float) * call->columns());
  }
}

void Checker::checkStep(const artifact::Entry &entry, uint32_t index) const {
  const artifact::Step &step = *entry.steps()->Get(index);
  const auto place = [&] {
    return "entry '" + entry.name()->str() + "', step " + std::to_string(index) + ": ";
  };
  const uint32_t kernels = findExecutable(program, entry.device())->kernels()->size();
  if (step.kernel() >= kernels)
    fail(place(), "kernel ", step.kernel(), " of ", kernels);
  if (step.rows() >= entry.counts()->size())
    fail(place(), "count ", step.rows(), " of ", entry.counts()->size());
  for (uint32_t wait : *step.waits())
    if (wait >= index)
      fail(place(), "waits for step ", wait, ", which is not an earlier one");
  if (!isAligned(step.buffers()) || !isAligned(step.writes()) || !isAligned(step.updates()))
    fail(place(), "its buffers are not aligned");
  const uint32_t buffers = step.buffers()->size(),
                 writes = step.writes() ? step.writes()->size() : 0;
  if (writes > buffers)
    fail(place(), "writes ", writes, " of ", buffers, " buffers");
  for (uint32_t i = 0; i < buffers; ++i) {
    const uint32_t read = buffers - writes;
    checkBuffer(entry, index, *step.buffers()->Get(i), i < read ? 0 : step.writes()->Get(i - read));
  }
  if (step.floats() && step.floats()->size() != writes)
    fail(place(), "says of ", step.floats()->size(), " values whether they are f32, writes ",
         writes);
  for (uint32_t i = 0; step.updates() && i < step.updates()->size(); ++i)
    if (step.updates()->Get(i) >= buffers)
      fail(place(), "updates buffer ", step.updates()->Get(i), " of ", buffers);
  if (entry.device() == artifact::Target::Cuda)
    checkGrid(entry, index);
}

void Checker::checkEntry(const artifact::Entry &entry) const {
  if (entry.device() > artifact::Target::MAX || !findExecutable(program, entry.device()))
    fail("entry '", entry.name()->string_view(), "' is for a device that it has no code for");
  for (const artifact::Count *count : *entry.counts()) {
    const std::string_view name = count->name()->string_view();
    if (count->max() == 0 || count->max() > (1u << 30))
      fail("entry '", entry.name()->string_view(), "' has at most ", count->max(), " ", name);
  }
  if (isSessionEntry(entry) && (findCount(entry, "rows") < 0 || findCount(entry, "wanted") < 0))
    fail("entry '", entry.name()->string_view(), "' lacks a count, expected rows and wanted");
  if (entry.arena_bytes() > maxBytes)
    fail("entry '", entry.name()->string_view(), "' wants an arena of ", entry.arena_bytes(),
         " bytes");
  checkArguments(entry);
  checkResults(entry);
  for (uint32_t i = 0; i < entry.steps()->size(); ++i)
    checkStep(entry, i);
}

void Checker::check() const {
  checkModel();
  if (program.executables()->size() == 0)
    fail("it has no executable");
  for (const artifact::Executable *executable : *program.executables())
    checkExecutable(*executable);
  checkSharing();
  checkWeights();
  bool usable = false;
  for (const artifact::Entry *entry : *program.entries()) {
    checkEntry(*entry);
    const std::string_view name = entry->name()->string_view();
    usable |= isSessionEntry(*entry) || name == "train_step" || name == "accumulate";
  }
  checkResidents();
  if (!usable)
    fail("it has no entry to evaluate tokens or to train with");
}

} // namespace

void checkStructure(const artifact::Artifact &program, const std::string &path, uint64_t fileSize) {
  Checker(program, path, fileSize).check();
}

} // namespace nyala::rt
