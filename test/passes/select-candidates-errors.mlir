// RUN: nyala-opt %s --nyala-select-candidates=count=0 --verify-diagnostics

// expected-error @below {{option 'count' of nyala-select-candidates must be at least 1, got 0}}
func.func @cuda_decode(%z: tensor<?x16xf32>) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.device = "cuda", nyala.entry} {
  return %z : tensor<?x16xf32>
}
