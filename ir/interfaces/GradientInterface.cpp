//===- GradientInterface.cpp - Reverse-mode differentiation ---------------===//
#include "ir/interfaces/GradientInterface.h"

#include "ir/interfaces/GradientInterface.cpp.inc"
