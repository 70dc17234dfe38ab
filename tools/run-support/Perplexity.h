//===- Perplexity.h - How well a model predicts a text ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_PERPLEXITY_H
#define NYALA_TOOLS_RUNSUPPORT_PERPLEXITY_H

#include "tools/run-support/Model.h"

namespace nyala {

/// Tokens of a window.
inline constexpr size_t perplexityWindow = 512;

struct Perplexity {
  double value;   ///< exp of the mean negative log likelihood
  size_t tokens;  ///< that were predicted
  size_t windows; ///< of 512 tokens
};

/// -log of the probability of all tokens of `window` but the first, from an empty context, summed
/// in nats. Throws rt::Failure.
double computeNegativeLogLikelihood(Session &session, uint32_t vocabulary,
                                    std::span<const int32_t> window);

/// Of `ids` in windows of 512 tokens that do not overlap; each starts with an empty context, all of
/// its tokens but the first are predicted, and a last short window is dropped. Throws rt::Failure
/// if there is no whole window or the session's context is shorter than one.
Perplexity computePerplexity(Session &session, uint32_t vocabulary, const Tokens &ids);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_PERPLEXITY_H
