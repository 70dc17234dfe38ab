#include "frontends/Decoder.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;
using namespace nyala;

namespace {

class DecoderBuilder {
public:
  DecoderBuilder(ModelBuilder &builder, const Decoder &decoder, const DecoderNames &names)
      : builder(builder), decoder(decoder), names(names) {}

  void build();

private:
  void addFacts();
  std::vector<State> makeStates();
  int64_t getProducer(int64_t layer) const {
    return decoder.producers.empty() ? layer : decoder.producers[layer];
  }
  std::string getBlock(int64_t layer) const { return (names.blocks + Twine(layer) + ".").str(); }
  Value buildRotated(Value input, const std::string &block, StringRef name, StringRef norm,
                     int64_t heads);
  Value buildAttention(Value input, int64_t layer);
  Value buildFeedForward(Value input, int64_t layer);

  ModelBuilder &builder;
  const Decoder &decoder;
  const DecoderNames &names;
  std::vector<size_t> keyStates; ///< of each producer; that of its values is the next one
};

void DecoderBuilder::addFacts() {
  builder.addFact("context", decoder.context);
  builder.addFact("vocabulary", decoder.vocabulary);
  builder.addFact("layers", decoder.layers);
  builder.addFact("width", decoder.width);
  builder.addFact("feed_forward", decoder.hidden);
  builder.addFact("heads", decoder.heads);
  builder.addFact("kv_heads", decoder.kvHeads);
  if (!decoder.producers.empty())
    builder.addFact("kv_sharing", llvm::join(llvm::map_range(decoder.producers,
                                                             [](int64_t producer) {
                                                               return std::to_string(producer);
                                                             }),
                                             ","));
}

std::vector<State> DecoderBuilder::makeStates() {
  std::vector<State> states;
  for (int64_t layer = 0; layer < decoder.layers; ++layer) {
    keyStates.push_back(states.size());
    if (getProducer(layer) != layer)
      continue;
    states.push_back({getBlock(layer) + "keys", decoder.kvHeads * decoder.keyDim, {}});
    states.push_back({getBlock(layer) + "values", decoder.kvHeads * decoder.valueDim, {}});
  }
  return states;
}

/// Queries or keys as attention takes them: rotated, and normalized if the model does so.
Value DecoderBuilder::buildRotated(Value input, const std::string &block, StringRef name,
                                   StringRef norm, int64_t heads) {
  if (decoder.headNorm == HeadNorm::BeforeRope)
    input = builder.buildRmsNorm(input, block + norm, decoder.epsilon, heads);
  input = buildRope(builder, block + name + ".rope", input, heads, decoder.rope);
  if (decoder.headNorm == HeadNorm::AfterRope)
    input = builder.buildRmsNorm(input, block + norm, decoder.epsilon, heads);
  return input;
}

Value DecoderBuilder::buildAttention(Value input, int64_t layer) {
  std::string block = getBlock(layer);
  Value normed = builder.buildRmsNorm(input, block + names.attentionNorm, decoder.epsilon);
  auto project = [&](StringRef name, int64_t outputs) {
    return builder.buildLinear(normed, block + name, outputs, decoder.attentionBias);
  };
  Value query = project(names.query, decoder.heads * decoder.keyDim);
  int64_t producer = getProducer(layer);
  Value key, value;
  if (producer == layer) {
    key = project(names.key, decoder.kvHeads * decoder.keyDim);
    value = project(names.value, decoder.kvHeads * decoder.valueDim);
  }
  query = buildRotated(query, block, names.query, names.queryNorm, decoder.heads);
  // A producer's states hold what it has appended, from then on.
  State &keys = builder.getState(keyStates[producer]);
  State &values = builder.getState(keyStates[producer] + 1);
  if (producer == layer) {
    key = buildRotated(key, block, names.key, names.keyNorm, decoder.kvHeads);
    builder.buildCacheAppend(keys, key);
    builder.buildCacheAppend(values, value);
  }

  ImplicitLocOpBuilder &b = builder.at(block + names.attention);
  auto scale = static_cast<float>(decoder.rope.magnitude * decoder.rope.magnitude /
                                  std::sqrt(decoder.keyDim));
  int64_t window = decoder.windows.empty() ? 0 : decoder.windows[layer];
  Value attended = AttentionOp::create(
      b, builder.getRowsType(decoder.heads * decoder.valueDim), query, keys.value, values.value,
      builder.getPositions(), builder.getSequences(), decoder.heads, decoder.kvHeads,
      llvm::APFloat(scale), MaskAttr::get(b.getContext(), MaskKind::Causal, window));
  Value output = builder.buildLinear(attended, block + names.attentionOutput, decoder.width,
                                     decoder.outputBias);
  return arith::AddFOp::create(builder.at(block + names.attention + "_residual"), input, output);
}

Value DecoderBuilder::buildFeedForward(Value input, int64_t layer) {
  std::string block = getBlock(layer);
  Value normed = builder.buildRmsNorm(input, block + names.feedForwardNorm, decoder.epsilon);
  auto project = [&](Value from, StringRef name, int64_t outputs) {
    return builder.buildLinear(from, block + name, outputs, decoder.feedForwardBias);
  };
  Value gate = project(normed, names.gate, decoder.hidden);
  Value up = project(normed, names.up, decoder.hidden);
  Value gated = GatedActivationOp::create(builder.at(block + names.feedForward + "_act"),
                                          decoder.activation, gate, up);
  Value down = project(gated, names.down, decoder.width);
  return arith::AddFOp::create(builder.at(block + names.feedForward + "_residual"), input, down);
}

void DecoderBuilder::build() {
  addFacts();
  builder.beginForward(makeStates());

  SmallVector<int64_t> shape = {decoder.vocabulary, decoder.width};
  Value table = builder.loadWeight(names.embedding + ".weight", shape);
  RankedTensorType rowsType = builder.getRowsType(decoder.width);
  Value rows =
      EmbeddingOp::create(builder.at(names.embedding), rowsType, builder.getTokens(), table);
  for (int64_t layer = 0; layer < decoder.layers; ++layer)
    rows = buildFeedForward(buildAttention(rows, layer), layer);

  // Only the wanted rows go through the head, by far the widest product.
  rows = GatherOp::create(builder.at("wanted"), rowsType, rows, builder.getWanted());
  rows = builder.buildRmsNorm(rows, names.norm, decoder.epsilon);
  Value head = decoder.tied ? table : builder.loadWeight(names.head + ".weight", shape);
  builder.endForward(LinearOp::create(builder.at(names.head),
                                      builder.getRowsType(decoder.vocabulary), rows, head,
                                      /*bias=*/Value()));
}

} // namespace

std::optional<std::string> nyala::renameTensor(StringRef name, const DecoderNames &from,
                                               const DecoderNames &to) {
  using Part = llvm::StringLiteral DecoderNames::*;
  constexpr Part ofModel[] = {&DecoderNames::embedding, &DecoderNames::norm, &DecoderNames::head};
  constexpr Part ofBlock[] = {
      &DecoderNames::attentionNorm,   &DecoderNames::query,     &DecoderNames::key,
      &DecoderNames::value,           &DecoderNames::queryNorm, &DecoderNames::keyNorm,
      &DecoderNames::attentionOutput, &DecoderNames::gate,      &DecoderNames::up,
      &DecoderNames::feedForwardNorm, &DecoderNames::down};
  auto [part, kind] = name.rsplit('.'); // "weight"
  std::string block;
  ArrayRef<Part> parts = ofModel;
  if (part.consume_front(from.blocks)) {
    auto [number, rest] = part.split('.');
    block = (to.blocks + number + ".").str();
    part = rest;
    parts = ofBlock;
  }
  for (Part member : parts)
    if (!(from.*member).empty() && part == from.*member)
      return block + (to.*member + "." + kind).str();
  return std::nullopt;
}

void nyala::buildDecoder(ModelBuilder &builder, const Decoder &decoder, const DecoderNames &names) {
  DecoderBuilder(builder, decoder, names).build();
}
