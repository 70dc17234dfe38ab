//===- KvMap.cpp - Which layers share keys and values ---------------------===//
#include "passes/kv/KvMap.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nyala::kv;

KvMap nyala::kv::makeOwnMap(int64_t layers) { return makeFactorMap(layers, 1); }

KvMap nyala::kv::makeFactorMap(int64_t layers, int64_t factor) {
  KvMap map(layers);
  for (int64_t i = 0; i < layers; ++i)
    map[i] = i - i % factor;
  return map;
}

KvMap nyala::kv::makeBalancedMap(int64_t layers, int64_t caches) {
  KvMap map;
  int64_t size = layers / caches, larger = layers % caches;
  for (int64_t group = 0; group < caches; ++group)
    map.append(size + (group < larger ? 1 : 0), static_cast<int64_t>(map.size()));
  return map;
}

LogicalResult nyala::kv::verifyMap(ArrayRef<int64_t> map, int64_t layers, EmitError emitError) {
  if (static_cast<int64_t>(map.size()) != layers)
    return emitError() << "the map of shared keys and values has " << map.size()
                       << " entries; expected one for each of the " << layers << " layers";
  for (int64_t i = 0; i < layers; ++i) {
    auto fail = [&](StringRef what) {
      return emitError() << "layer " << i << " is to use the keys and values of layer " << map[i]
                         << ", " << what;
    };
    if (map[i] < 0 || map[i] >= layers)
      return fail("which is out of range; expected 0 to ") << i;
    if (map[i] > i)
      return fail("which comes later; expected itself or a layer before it");
    if (map[map[i]] != map[i])
      return fail("which has none of its own: it uses those of layer ")
             << map[map[i]] << "; expected a layer that uses its own";
  }
  return success();
}

int64_t nyala::kv::countProducers(ArrayRef<int64_t> map) {
  return llvm::count_if(llvm::enumerate(map), [](auto entry) {
    return entry.value() == static_cast<int64_t>(entry.index());
  });
}

std::string nyala::kv::formatMap(ArrayRef<int64_t> map) {
  return llvm::join(llvm::map_range(map, [](int64_t producer) { return std::to_string(producer); }),
                    ",");
}

LogicalResult nyala::kv::parseMap(StringRef text, SmallVectorImpl<int64_t> &map) {
  for (StringRef entry : llvm::split(text, ','))
    if (entry.getAsInteger(10, map.emplace_back()))
      return failure();
  return success();
}
