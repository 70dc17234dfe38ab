//===- DisassemblerTest.cpp - Machine code to text ------------------------===//

#include "tools/nyala-inspect/Disassembler.h"

#include <gtest/gtest.h>

using namespace nyala::inspect;

namespace {

TEST(DisassemblerTest, NamesTargets) {
  const uint8_t code[] = {
      0xeb, 0x02,                               // 0: jmp 4
      0x0f, 0x0b,                               // 2: ud2
      0xe8, 0x17, 0x00, 0x00, 0x00,             // 4: call 0x20
      0x06,                                     // 9: no instruction in 64-bit mode
      0x75, 0xf8,                               // a: jne 4
      0x75, 0xf5,                               // c: jne 3, into an instruction
      0x48, 0x8d, 0x05, 0x01, 0x00, 0x00, 0x00, // e: lea rax, [rip + 1]
      0xc3,                                     // 15: ret
      0x48, 0x8d,                               // 16: an instruction that is cut off
      0,    0,    0,    0,    0,    0,    0,    0, 0xc3,
  };
  const std::vector<CodeSymbol> symbols = {{"f", 0, 0x18}, {"g", 0x20, 1}};
  EXPECT_EQ(disassembleX86(std::as_bytes(std::span(code)), symbols[0], symbols),
            "       0:  jmp L0\n"
            "       2:  ud2\n"
            "L0:\n"
            "       4:  call g\n"
            "       9:  (not an instruction)\n"
            "       a:  jne L0\n"
            "       c:  jne 0x3\n"
            "       e:  lea rax, [rip + 0x1]  # 0x16\n"
            "      15:  ret\n"
            "      16:  (not an instruction)\n"
            "      17:  (not an instruction)\n");
}

} // namespace
