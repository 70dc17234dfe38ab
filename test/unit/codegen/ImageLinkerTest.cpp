//===- ImageLinkerTest.cpp - Objects that become images, and others -------===//
#include "codegen/cpu/ObjectCompiler.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sys/mman.h>

using namespace mlir;
using namespace nyala;
using ::testing::HasSubstr;

namespace {

/// The object that LLVM makes of a module's text.
std::string compileObject(StringRef text, StringRef tripleName = "x86_64-unknown-linux-gnu") {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, diagnostic, context);
  if (!module) {
    ADD_FAILURE() << diagnostic.getMessage().str();
    return {};
  }
  llvm::Triple triple(tripleName);
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "", "", llvm::TargetOptions(), llvm::Reloc::PIC_, llvm::CodeModel::Small));
  module->setTargetTriple(triple);
  module->setDataLayout(machine->createDataLayout());
  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile);
  passes.run(*module);
  return std::string(object.data(), object.size());
}

std::string linkError(StringRef object, const std::vector<std::string> &kernels = {"k"}) {
  std::string error;
  EXPECT_TRUE(failed(cpu::linkImage(object, kernels, error)));
  EXPECT_NE(error, "");
  return error;
}

constexpr char kTable[] = R"(
  @table = internal constant [4 x i32] [i32 5, i32 7, i32 11, i32 13], align 64
  define internal i32 @twice(i64 %i) noinline {
    %p = getelementptr i32, ptr @table, i64 %i
    %v = load i32, ptr %p
    %w = mul i32 %v, 2
    ret i32 %w
  }
  define i32 @k(i64 %i) section ".text.first" { 
    %v = call i32 @twice(i64 %i)
    ret i32 %v
  }
  define i32 @l(i64 %i) section ".text.second" {
    %v = call i32 @k(i64 %i)
    %w = add i32 %v, 1
    ret i32 %w
  }
)";

// Calls and constants in other sections are found wherever the image lies.
TEST(ImageLinkerTest, ImagesRunAnywhere) {
  std::string error;
  auto image = cpu::linkImage(compileObject(kTable), {"l", "k"}, error);
  ASSERT_TRUE(succeeded(image)) << error;
  ASSERT_EQ(image->kernels.size(), 2u);
  EXPECT_EQ(image->kernels[0].name, "l");
  EXPECT_EQ(image->kernels[1].name, "k");
  size_t size = image->bytes.size();
  for (int copies = 0; copies < 2; ++copies) {
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    std::memcpy(memory, image->bytes.data(), size);
    ASSERT_EQ(mprotect(memory, size, PROT_READ | PROT_EXEC), 0);
    auto *l =
        reinterpret_cast<int (*)(int64_t)>(static_cast<char *>(memory) + image->kernels[0].entry);
    EXPECT_EQ(l(0), 11);
    EXPECT_EQ(l(3), 27);
  }
}

// Debuggers and objdump see an ELF file with the kernels' names.
TEST(ImageLinkerTest, ImagesAreElfFiles) {
  std::string error;
  auto image = cpu::linkImage(compileObject(kTable), {"k"}, error);
  ASSERT_TRUE(succeeded(image)) << error;
  auto file = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(StringRef(image->bytes.data(), image->bytes.size()), "image"));
  ASSERT_TRUE(static_cast<bool>(file)) << llvm::toString(file.takeError());
  std::vector<std::string> names;
  for (const llvm::object::ELFSymbolRef symbol : (*file)->symbols()) {
    names.push_back(llvm::cantFail(symbol.getName()).str());
    EXPECT_EQ(symbol.getSize(), image->kernels[0].size);
  }
  EXPECT_GT(image->kernels[0].size, 0u);
  EXPECT_EQ(names, std::vector<std::string>{"k"});
}

TEST(ImageLinkerTest, UndefinedSymbols) {
  EXPECT_THAT(linkError(compileObject("declare float @expf(float)\n"
                                      "define float @k(float %x) {\n"
                                      "  %y = call float @expf(float %x)\n  ret float %y\n}\n")),
              HasSubstr("'expf' is not defined"));
}

TEST(ImageLinkerTest, WritableData) {
  EXPECT_EQ(linkError(compileObject("@count = internal global i32 1\n"
                                    "define i32 @k() {\n  %c = load i32, ptr @count\n"
                                    "  store i32 5, ptr @count\n  ret i32 %c\n}\n")),
            "section '.data' is writable");
  EXPECT_EQ(linkError(compileObject("@zero = internal global i32 0\n"
                                    "define i32 @k() {\n  %c = load i32, ptr @zero\n"
                                    "  store i32 5, ptr @zero\n  ret i32 %c\n}\n")),
            "section '.bss' is writable");
}

TEST(ImageLinkerTest, AbsoluteAddresses) {
  EXPECT_THAT(linkError(compileObject("@address = constant ptr @k\n"
                                      "define ptr @k() {\n  %c = load ptr, ptr @address\n"
                                      "  ret ptr %c\n}\n")),
              HasSubstr("is writable"));
  EXPECT_THAT(
      linkError(compileObject("@address = constant ptr @k, section \".rodata.mine\"\n"
                              "define void @k() {\n  ret void\n}\n")),
      ::testing::AnyOf(HasSubstr("is not relative to its place"), HasSubstr("is writable")));
}

TEST(ImageLinkerTest, KernelsWithoutCode) {
  EXPECT_EQ(linkError(compileObject("define void @k() {\n  ret void\n}\n"), {"k", "absent"}),
            "kernel 'absent' has no code");
}

TEST(ImageLinkerTest, OtherMachines) {
  EXPECT_EQ(
      linkError(compileObject("define void @k() {\n  ret void\n}\n", "i686-unknown-linux-gnu")),
      "not an object of x86-64");
}

TEST(ImageLinkerTest, BytesThatAreNoObject) {
  linkError("");
  linkError("neither ELF nor anything");
  std::string object = compileObject(kTable);
  for (size_t size = 0; size < object.size(); size += 1 + size / 50) {
    std::string error;
    // Cut in what nothing refers to, it may still be whole enough.
    if (failed(cpu::linkImage(StringRef(object).take_front(size), {"k"}, error)))
      EXPECT_NE(error, "") << size;
  }
}

} // namespace
