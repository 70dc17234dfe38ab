// RUN: nyala-opt %s --nyala-generate-cpu-kernels --split-input-file --verify-diagnostics

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 0 is tied to argument 2, expected less than 1}}
nyala.kernel @k(%x: tensor<4x16xf32>) -> (tensor<4x16xf32> {nyala.tied = 2 : i64}) attributes {max_rows = 4 : i64} {
  %0 = arith.addf %x, %x : tensor<4x16xf32>
  nyala.return %0 : tensor<4x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 0 is tied to argument 0 of type 'tensor<4x48xf32>', expected the result's type 'tensor<4x16xf32>'}}
nyala.kernel @k(%s: tensor<4x48xf32>, %x: tensor<4x16xf32>) -> (tensor<4x16xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 4 : i64} {
  %0 = arith.addf %x, %x : tensor<4x16xf32>
  nyala.return %0 : tensor<4x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 1 is tied to argument 0, as another result is}}
nyala.kernel @k(%x: tensor<4x16xf32>) -> (tensor<4x16xf32> {nyala.tied = 0 : i64}, tensor<4x16xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 4 : i64} {
  %0 = arith.addf %x, %x : tensor<4x16xf32>
  %1 = arith.mulf %x, %x : tensor<4x16xf32>
  nyala.return %0, %1 : tensor<4x16xf32>, tensor<4x16xf32>
}
}

// -----

// A norm reads all of a row.
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<4x16xf32>, %g: tensor<16xf32>) -> (tensor<4x16xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 4 : i64} {
  // expected-error @below {{reads argument 0 of kernel 'k', which is updated in place: expected elementwise ops alone}}
  %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<4x16xf32>, tensor<16xf32>
  %1 = arith.addf %x, %0 : tensor<4x16xf32>
  nyala.return %1 : tensor<4x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 0 is tied to argument 2, which others are computed from as well: expected one result at most around nyala.linear}}
nyala.kernel @k(%x: tensor<4x16xf32>, %w: tensor<32x16xf32, #nyala.packed<q8_0>>, %r: tensor<4x32xf32>) -> (tensor<4x32xf32> {nyala.tied = 2 : i64}, tensor<4x32xf32>) attributes {max_rows = 4 : i64} {
  %0 = nyala.linear %x, %w : tensor<4x16xf32>, tensor<32x16xf32, #nyala.packed<q8_0>> -> tensor<4x32xf32>
  %1 = arith.addf %r, %0 : tensor<4x32xf32>
  %2 = arith.mulf %r, %0 : tensor<4x32xf32>
  nyala.return %1, %2 : tensor<4x32xf32>, tensor<4x32xf32>
}
}
