#include "test/unit/codegen/AmxEmulator.h"

#include "runtime/devices/cpu/CpuFeatures.h"

#include <array>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ucontext.h>

using namespace nyala;

namespace {

constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

/// What LDTILECFG loads.
struct Configuration {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

struct Tile {
  alignas(64) uint8_t rows[kRows][kRowBytes];

  template <typename T> T get(int row, int element) const {
    T value;
    std::memcpy(&value, rows[row] + element * sizeof(T), sizeof(T));
    return value;
  }
  template <typename T> void set(int row, int element, T value) {
    std::memcpy(rows[row] + element * sizeof(T), &value, sizeof(T));
  }
};

thread_local Configuration configuration;
thread_local std::array<Tile, kTiles> tiles;

/// A VEX-encoded instruction of map 0F38 with 128-bit length and without a wide operand.
struct Instruction {
  int prefix; ///< 0: none, 1: 66, 2: F3, 3: F2
  int opcode;
  int reg, rm, other; ///< registers: ModRM.reg, ModRM.rm and VEX.vvvv
  bool isMemory;
  bool hasSib = false;
  uint64_t address = 0; ///< of memory, without the index of a SIB byte
  uint64_t stride = 0;  ///< that index, scaled
  const uint8_t *end;
};

uint64_t getRegister(const mcontext_t &context, int number) {
  static constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<uint64_t>(context.gregs[order[number]]);
}

template <typename T> int64_t readSigned(const uint8_t *&at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  at += sizeof(T);
  return value;
}

std::optional<Instruction> decode(const mcontext_t &context) {
  const auto *at = std::bit_cast<const uint8_t *>(context.gregs[REG_RIP]);
  if (at[0] != 0xC4 || (at[1] & 0x1F) != 2 || (at[2] & 0x84) != 0)
    return std::nullopt;
  // The prefix holds these bits inverted.
  const int highReg = at[1] & 0x80 ? 0 : 8, highIndex = at[1] & 0x40 ? 0 : 8,
            highBase = at[1] & 0x20 ? 0 : 8;
  Instruction result;
  result.prefix = at[2] & 3;
  result.other = ~at[2] >> 3 & 15;
  result.opcode = at[3];
  const uint8_t modrm = at[4];
  at += 5;
  const int mode = modrm >> 6, low = modrm & 7;
  result.reg = (modrm >> 3 & 7) + highReg;
  result.rm = low + highBase;
  result.isMemory = mode != 3;
  const bool relative = mode == 0 && low == 5;
  if (result.isMemory && !relative) {
    int base = low;
    result.hasSib = low == 4;
    if (result.hasSib) {
      const uint8_t sib = *at++;
      base = sib & 7;
      const int index = (sib >> 3 & 7) + highIndex;
      if (index != 4)
        result.stride = getRegister(context, index) << (sib >> 6);
    }
    if (mode == 0 && base == 5) // a displacement alone
      result.address = readSigned<int32_t>(at);
    else
      result.address = getRegister(context, base + highBase);
  }
  if (mode == 1)
    result.address += readSigned<int8_t>(at);
  else if (mode == 2 || relative)
    result.address += readSigned<int32_t>(at);
  result.end = at;
  if (relative)
    result.address += reinterpret_cast<uint64_t>(at);
  return result;
}

bool configure(const Configuration &wanted) {
  if (wanted.palette > 1 || wanted.startRow != 0)
    return false;
  for (int t = 0; t < 16; ++t)
    if (wanted.palette == 1 && (wanted.rows[t] > kRows || wanted.rowBytes[t] > kRowBytes ||
                                (t >= kTiles && (wanted.rows[t] || wanted.rowBytes[t])) ||
                                (wanted.rows[t] == 0) != (wanted.rowBytes[t] == 0)))
      return false;
  configuration = wanted;
  tiles = {};
  return true;
}

bool isConfigured(int tile) {
  return configuration.palette == 1 && tile < kTiles && configuration.rows[tile] != 0;
}

bool execute49(const Instruction &instruction) {
  auto *memory = std::bit_cast<void *>(instruction.address + instruction.stride);
  if (instruction.isMemory) {
    if (instruction.reg != 0)
      return false;
    if (instruction.prefix == 0) { // ldtilecfg
      Configuration wanted;
      std::memcpy(&wanted, memory, sizeof(wanted));
      return configure(wanted);
    }
    std::memcpy(memory, &configuration, sizeof(configuration)); // sttilecfg
    return instruction.prefix == 1;
  }
  if (instruction.prefix == 0) // tilerelease
    return configure({});
  tiles[instruction.reg] = {}; // tilezero
  return instruction.prefix == 3 && isConfigured(instruction.reg);
}

/// tileloadd, tileloaddt1, tilestored
bool execute4B(const Instruction &instruction) {
  const int tile = instruction.reg;
  if (!instruction.hasSib || instruction.prefix == 0 || !isConfigured(tile))
    return false;
  const bool isStore = instruction.prefix == 2;
  if (!isStore)
    tiles[tile] = {};
  for (int r = 0; r < configuration.rows[tile]; ++r) {
    auto *memory = std::bit_cast<void *>(instruction.address + r * instruction.stride);
    if (isStore)
      std::memcpy(memory, tiles[tile].rows[r], configuration.rowBytes[tile]);
    else
      std::memcpy(tiles[tile].rows[r], memory, configuration.rowBytes[tile]);
  }
  return true;
}

template <typename A, typename B> void multiplyBytes(Tile &c, const Tile &a, const Tile &b) {
  for (int m = 0; m < kRows; ++m)
    for (int n = 0; n < kRowBytes / 4; ++n) {
      uint32_t sum = c.get<uint32_t>(m, n);
      for (int k = 0; k < kRowBytes; ++k)
        sum += a.get<A>(m, k) * b.get<B>(k / 4, 4 * n + k % 4);
      c.set(m, n, sum);
    }
}

/// A bf16 as f32, zero if subnormal.
float widen(uint16_t half) {
  const auto bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0F, value) : value;
}

float flush(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0F, value) : value;
}

void multiplyHalves(Tile &c, const Tile &a, const Tile &b) {
  for (int m = 0; m < kRows; ++m)
    for (int n = 0; n < kRowBytes / 4; ++n) {
      float sums[2] = {0, 0};
      for (int k = 0; k < kRowBytes / 4; ++k)
        for (int i = 0; i < 2; ++i)
          sums[i] = flush(std::fma(widen(a.get<uint16_t>(m, 2 * k + i)),
                                   widen(b.get<uint16_t>(k, 2 * n + i)), sums[i]));
      c.set(m, n, flush(flush(c.get<float>(m, n)) + flush(sums[0] + sums[1])));
    }
}

/// Tiles are zero outside their shapes, so that products of whole ones are those of the shapes.
bool executeProduct(const Instruction &instruction) {
  const int c = instruction.reg, a = instruction.rm, b = instruction.other;
  if (instruction.isMemory || !isConfigured(a) || !isConfigured(b) || !isConfigured(c) || a == b ||
      b == c || a == c || configuration.rows[c] != configuration.rows[a] ||
      configuration.rowBytes[a] != 4 * configuration.rows[b] ||
      configuration.rowBytes[c] != configuration.rowBytes[b])
    return false;
  if (instruction.opcode == 0x5C) {
    multiplyHalves(tiles[c], tiles[a], tiles[b]);
    return instruction.prefix == 2; // tdpbf16ps
  }
  static constexpr decltype(&multiplyBytes<int8_t, int8_t>) products[] = {
      multiplyBytes<uint8_t, uint8_t>, multiplyBytes<uint8_t, int8_t>,
      multiplyBytes<int8_t, uint8_t>, multiplyBytes<int8_t, int8_t>};
  products[instruction.prefix](tiles[c], tiles[a], tiles[b]);
  return true;
}

bool execute(const Instruction &instruction) {
  switch (instruction.opcode) {
  case 0x49:
    return execute49(instruction);
  case 0x4B:
    return execute4B(instruction);
  case 0x5C:
  case 0x5E:
    return executeProduct(instruction);
  default:
    return false;
  }
}

void handle(int, siginfo_t *, void *context) {
  mcontext_t &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
  const std::optional<Instruction> instruction = decode(machine);
  if (instruction && execute(*instruction))
    machine.gregs[REG_RIP] = reinterpret_cast<greg_t>(instruction->end);
  else
    std::signal(SIGILL, SIG_DFL); // the instruction traps again
}

} // namespace

void nyala::test::enableTiles() {
  static const bool enabled = [] {
    const rt::CpuFeatures &cpu = rt::CpuFeatures::host();
    auto has = [&](const char *feature) {
      return cpu.query(feature) == rt::CpuFeatures::Answer::Present;
    };
    if (has("amx-int8") && has("amx-bf16") && rt::requestAmx())
      return true;
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
    return true;
  }();
  (void)enabled;
}
