// RUN: nyala-opt %s --nyala-stage-weights --split-input-file --verify-diagnostics

// expected-error @below {{the name @cuda_init is taken; expected it free for what writes weights}}
func.func @cuda_init() {
  return
}

// -----

module attributes {nyala.model = {weights = "none"}} {
  nyala.weight @w : tensor<16x32xf32, #nyala.packed<q4_1>>
  func.func @cuda_decode(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "rows"}) -> tensor<?x16xf32>
      attributes {nyala.device = "cuda", nyala.entry} {
    // expected-error @below {{cannot make up weight 'w', which is stored as q4_1; expected f32, q8_0 or q4_0, or products of bf16}}
    %w = nyala.load @w : tensor<16x32xf32, #nyala.packed<q4_1>>
    %y = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<q4_1>> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
