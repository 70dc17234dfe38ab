// RUN: not nyala-opt %s --nyala-convert-caches=type=f8 2>&1 | FileCheck %s
// CHECK: error: option 'type' of nyala-convert-caches is 'f8', expected f32, f16, q8 or q4
module {}
