// RUN: not nyala-opt %s --nyala-merge-linears=row-multiple=0 2>&1 | FileCheck %s

// CHECK: error: option 'row-multiple' of nyala-merge-linears must be positive, got 0
func.func @forward() {
  return
}
