//===- Train.h - What nyala-train does --------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_TRAIN_H
#define NYALA_TOOLS_NYALA_TRAIN_TRAIN_H

#include "tools/nyala-train/Options.h"

namespace nyala::train {

/// Returns the exit code: 0, 1 after an error has been printed, 130 after an interrupt.
int runTraining(const TrainOptions &options);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_TRAIN_H
