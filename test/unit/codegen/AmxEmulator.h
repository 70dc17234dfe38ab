//===- AmxEmulator.h - Tile instructions on CPUs without them ---*- C++ -*-===//
//
// Executes the instructions of AMX in software, where they trap: so kernels that
// use tiles are tested on any machine. Each thread has tiles of its own. What
// the processor would refuse (no configuration, shapes that do not fit) ends the
// process with SIGILL, as it would there.
// Source: Intel SDM volume 2, the instructions' pages and section 2.3 (VEX).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_AMXEMULATOR_H
#define NYALA_TEST_UNIT_CODEGEN_AMXEMULATOR_H

namespace nyala::test {

/// From now on, this process may use tiles: those of the processor, if it has amx-int8 and
/// amx-bf16 and the operating system grants them, else those of the emulator.
void enableTiles();

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_AMXEMULATOR_H
