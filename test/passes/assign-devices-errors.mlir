// RUN: nyala-opt %s --nyala-assign-devices --split-input-file --verify-diagnostics
// RUN: not nyala-opt %s --nyala-assign-devices=cuda-prefill-rows=-1 --split-input-file 2>&1 | FileCheck %s

// CHECK: error: option 'cuda-prefill-rows' of nyala-assign-devices must be from 0 to 2147483647, got -1
module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
  func.func @decode() attributes {nyala.entry} {
    return
  }
  // expected-error @below {{the name @cuda_decode is taken; expected it free for the GPU's entry point}}
  func.func @cuda_decode() {
    return
  }
}
