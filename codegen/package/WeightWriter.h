//===- WeightWriter.h - Weights as an artifact stores them ------*- C++ -*-===//
//
// Evaluates weights at compile time: reads their source, or runs their
// initializer on stored blocks. Rows are streamed; nothing but the source's
// mapping is in memory, and where an initializer computes (a mean), the values
// of that weight.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_PACKAGE_WEIGHTWRITER_H
#define NYALA_CODEGEN_PACKAGE_WEIGHTWRITER_H

#include "ir/WeightOps.h"
#include "ir/storage/MappedFile.h"

#include "llvm/ADT/StringMap.h"

#include <functional>

namespace nyala::package {

class WeightWriter {
public:
  explicit WeightWriter(mlir::ModuleOp module) : module(module) {}

  /// Bytes of the weight as an artifact holds it: packed, or plain f32.
  static int64_t getBytes(WeightOp weight);
  /// "q4_1x16" (packed), "f32".
  static std::string getFormatName(WeightOp weight);

  using Sink = std::function<void(llvm::ArrayRef<uint8_t>)>;
  /// Passes the weight's getBytes() bytes to `sink`, in order. Throws nyala::Error naming the
  /// weight if its file is too short or its initializer cannot be evaluated, or the file if it
  /// cannot be opened.
  void write(WeightOp weight, const Sink &sink);

private:
  /// Consecutive rows (of a vector: elements) in stored form: of a file, or computed.
  struct Piece {
    const MappedFile *file; ///< null: computed
    std::shared_ptr<const std::vector<uint8_t>> computed;
    uint64_t offset;
    int64_t rows;

    const uint8_t *getBytes() const {
      return (file ? file->bytes().data() : computed->data()) + offset;
    }
  };
  struct Stored {
    StoredFormat format = StoredFormat::F32;
    int64_t columns = 1; ///< values of a row; 1 for a vector
    std::vector<Piece> pieces;
  };

  Stored evaluate(WeightOp weight, unsigned depth);
  /// A value of the weight's initializer.
  Stored evaluate(WeightOp weight, mlir::Value value, unsigned depth);
  static Stored interleaveRows(const Stored &stored, InterleaveRowsOp op);
  /// The values of an elementwise expression on weights, in f32.
  std::vector<float> computeValues(WeightOp weight, mlir::Value value, unsigned depth);
  void writePacked(const Stored &stored, mlir::RankedTensorType type, const Sink &sink);
  static void writePlain(const Stored &stored, const Sink &sink);
  const MappedFile &open(llvm::StringRef path);

  mlir::ModuleOp module;
  llvm::StringMap<std::unique_ptr<MappedFile>> files;
};

} // namespace nyala::package

#endif // NYALA_CODEGEN_PACKAGE_WEIGHTWRITER_H
