//===- RopeConfig.h - Rotary embedding of checkpoints -----------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_HF_ROPECONFIG_H
#define NYALA_FRONTENDS_HF_ROPECONFIG_H

#include "frontends/ModelBuilder.h"
#include "frontends/RopeParameters.h"
#include "frontends/hf/Config.h"

namespace nyala::hf {

/// Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before), as
/// transformers does: types default, linear, llama3 and yarn, and with `alphaBase` (Hunyuan)
/// dynamic with a fixed alpha, which only stretches the base. Channels pair up by halves of a head.
/// Keys of the object that nobody read are added to `unread`.
RopeParameters readRopeParameters(const ModelBuilder &builder, Config &config, int64_t headDim,
                                  int64_t context, bool alphaBase,
                                  std::vector<std::string> &unread);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_ROPECONFIG_H
