//===- CublasLt.cpp - A library's matrix products -------------------------===//
//
// Types and numbers: cuBLAS library documentation, release 13.0, "Using the
// cuBLASLt API"; they are part of its stable binary interface.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/CublasLt.h"
#include "runtime/core/SharedLibrary.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <cstdlib>

namespace nyala::rt::cuda {
namespace {

using Handle = struct HandleObject *;
using Description = struct DescriptionObject *;
using Layout = struct LayoutObject *;
using Preference = struct PreferenceObject *;
struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspaceBytes;
  int state;
  float waves;
  int reserved[4];
};

constexpr int float32 = 0, bfloat16 = 14; // cudaDataType_t
constexpr int computeFloat32 = 68;        // cublasComputeType_t
constexpr int transposeA = 3;             // cublasLtMatmulDescAttributes_t
constexpr int32_t transposed = 1;         // cublasOperation_t
constexpr int maxWorkspace = 1;           // cublasLtMatmulPreferenceAttributes_t

/// Calls FUNCTION(member, symbol, parameter types...) for each function.
#define NYALA_CUBLASLT_FUNCTIONS(FUNCTION)                                                         \
  FUNCTION(create, cublasLtCreate, Handle *handle)                                                 \
  FUNCTION(destroy, cublasLtDestroy, Handle handle)                                                \
  FUNCTION(descriptionCreate, cublasLtMatmulDescCreate, Description *description, int compute,     \
           int scale)                                                                              \
  FUNCTION(descriptionSet, cublasLtMatmulDescSetAttribute, Description description, int attribute, \
           const void *value, size_t bytes)                                                        \
  FUNCTION(descriptionDestroy, cublasLtMatmulDescDestroy, Description description)                 \
  FUNCTION(layoutCreate, cublasLtMatrixLayoutCreate, Layout *layout, int type, uint64_t rows,      \
           uint64_t columns, int64_t stride)                                                       \
  FUNCTION(layoutDestroy, cublasLtMatrixLayoutDestroy, Layout layout)                              \
  FUNCTION(preferenceCreate, cublasLtMatmulPreferenceCreate, Preference *preference)               \
  FUNCTION(preferenceSet, cublasLtMatmulPreferenceSetAttribute, Preference preference,             \
           int attribute, const void *value, size_t bytes)                                         \
  FUNCTION(preferenceDestroy, cublasLtMatmulPreferenceDestroy, Preference preference)              \
  FUNCTION(choose, cublasLtMatmulAlgoGetHeuristic, Handle handle, Description description,         \
           Layout a, Layout b, Layout c, Layout d, Preference preference, int most,                \
           Heuristic *results, int *count)                                                         \
  FUNCTION(multiply, cublasLtMatmul, Handle handle, Description description, const void *alpha,    \
           const void *a, Layout aLayout, const void *b, Layout bLayout, const void *beta,         \
           const void *c, Layout cLayout, void *d, Layout dLayout, const Algorithm *algorithm,     \
           void *workspace, size_t workspaceBytes, Stream stream)

} // namespace

class CublasLt::Library {
public:
  explicit Library(SharedLibrary file) : file(std::move(file)) {}
  ~Library() {
    if (handle)
      destroy(handle);
  }
  /// False if it lacks a function, or does not start on this GPU and driver.
  bool start() {
    bool complete = true;
#define NYALA_FIND(member, symbol, ...) complete &= file.find(#symbol, member);
    NYALA_CUBLASLT_FUNCTIONS(NYALA_FIND)
#undef NYALA_FIND
    return complete && create(&handle) == 0;
  }

#define NYALA_MEMBER(member, symbol, ...) int (*member)(__VA_ARGS__);
  NYALA_CUBLASLT_FUNCTIONS(NYALA_MEMBER)
#undef NYALA_MEMBER
  Handle handle = nullptr;

private:
  SharedLibrary file;
};

/// A product of one shape. The library's matrices are stored column after column, so it computes
///   result^T[columns x rows] = weight[columns x depth] * activations^T[depth x rows]
/// whose factors it finds as [depth x columns], to be transposed, and [depth x rows].
struct CublasLt::Product {
  uint32_t columns, depth, rows;
  bool residual;
  bool usable = false;
  Library &library;
  Description description = nullptr;
  Layout weight = nullptr, activations = nullptr, result = nullptr;
  Algorithm algorithm = {};

  Product(Library &library, const artifact::MatmulCall &call, uint32_t rows)
      : columns(call.columns()), depth(call.depth()), rows(rows), residual(call.residual() >= 0),
        library(library) {
    usable =
        library.descriptionCreate(&description, computeFloat32, float32) == 0 &&
        library.descriptionSet(description, transposeA, &transposed, sizeof(transposed)) == 0 &&
        library.layoutCreate(&weight, bfloat16, depth, columns, depth) == 0 &&
        library.layoutCreate(&activations, bfloat16, depth, rows, depth) == 0 &&
        library.layoutCreate(&result, float32, columns, rows, columns) == 0 && choose();
  }
  ~Product() {
    for (Layout layout : {weight, activations, result})
      if (layout)
        library.layoutDestroy(layout);
    if (description)
      library.descriptionDestroy(description);
  }
  Product(const Product &) = delete;
  Product &operator=(const Product &) = delete;

  bool choose() {
    Preference preference = nullptr;
    if (library.preferenceCreate(&preference) != 0)
      return false;
    const size_t bytes = workspaceBytes;
    Heuristic best = {};
    int count = 0;
    const bool chosen =
        library.preferenceSet(preference, maxWorkspace, &bytes, sizeof(bytes)) == 0 &&
        library.choose(library.handle, description, weight, activations, result, result, preference,
                       1, &best, &count) == 0 &&
        count > 0;
    library.preferenceDestroy(preference);
    algorithm = best.algorithm;
    return chosen;
  }
};

CublasLt::CublasLt() = default;
CublasLt::~CublasLt() = default;

static std::optional<SharedLibrary> loadLibrary() {
  std::string error;
  if (const char *path = std::getenv("NYALA_CUBLASLT"); path && *path) {
    if (std::string_view(path) == "none")
      return std::nullopt;
    SharedLibrary library(path, error);
    if (!library)
      throw Failure(NYALA_UNSUPPORTED,
                    "NYALA_CUBLASLT names a library that cannot be loaded: " + error);
    return library;
  }
  for (const char *name : {"libcublasLt.so.13", "libcublasLt.so.12"})
    if (SharedLibrary library(name, error); library)
      return library;
  return std::nullopt;
}

CublasLt::Product *CublasLt::find(const artifact::MatmulCall &call, uint32_t rows) {
  const std::lock_guard lock(mutex);
  if (!loaded) {
    std::optional<SharedLibrary> file = loadLibrary();
    loaded = true;
    if (file)
      library = std::make_unique<Library>(*std::move(file));
    if (library && !library->start())
      library.reset();
  }
  if (!library)
    return nullptr;
  const auto same = std::ranges::find_if(products, [&](const std::unique_ptr<Product> &product) {
    return product->columns == call.columns() && product->depth == call.depth() &&
           product->rows == rows && product->residual == (call.residual() >= 0);
  });
  Product &product = same != products.end()
                         ? **same
                         : *products.emplace_back(std::make_unique<Product>(*library, call, rows));
  return product.usable ? &product : nullptr;
}

bool CublasLt::prepare(const artifact::MatmulCall &call, uint32_t rows) { return find(call, rows); }

void CublasLt::multiply(const artifact::MatmulCall &call, std::span<const Address> buffers,
                        uint32_t rows, Address workspace, Stream stream) {
  const Product &product = *find(call, rows);
  const auto pointer = [](Address address) { return reinterpret_cast<void *>(address); };
  void *result = pointer(buffers[call.result()]);
  const void *added =
      product.residual ? pointer(buffers[static_cast<size_t>(call.residual())]) : result;
  const float alpha = 1, beta = product.residual ? 1 : 0;
  const int status = library->multiply(
      library->handle, product.description, &alpha, pointer(buffers[call.weight()]), product.weight,
      pointer(buffers[call.activations()]), product.activations, &beta, added, product.result,
      result, product.result, &product.algorithm, pointer(workspace), workspaceBytes, stream);
  if (status != 0)
    throw Failure(NYALA_DEVICE_FAILED,
                  "cublaslt cannot multiply " + std::to_string(rows) + "x" +
                      std::to_string(product.depth) + " by " + std::to_string(product.columns) +
                      "x" + std::to_string(product.depth) + ": status " + std::to_string(status) +
                      "; NYALA_CUBLASLT=none runs nyala's own kernels");
}

} // namespace nyala::rt::cuda
