// Trains a model with a compiled training step.
#include "tools/nyala-train/Train.h"

int main(int argc, char **argv) {
  nyala::train::TrainOptions options;
  if (const std::optional<int> exitCode = nyala::train::parseOptions(argc, argv, options))
    return *exitCode;
  return nyala::train::runTraining(options);
}
