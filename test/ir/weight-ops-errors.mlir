// RUN: nyala-opt %s -split-input-file -verify-diagnostics

func.func @groups(%w: tensor<10x4xf32>) {
  // expected-error @below {{expected groups to divide the 10 rows, got 3}}
  %0 = nyala.interleave_rows %w {groups = 3, dims = 2} : tensor<10x4xf32>
  return
}

// -----

func.func @odd(%w: tensor<10x4xf32>) {
  // expected-error @below {{expected dims to be an even number of the 5 rows of a group, got 3}}
  %0 = nyala.interleave_rows %w {groups = 2, dims = 3} : tensor<10x4xf32>
  return
}

// -----

func.func @too_many(%w: tensor<10x4xf32>) {
  // expected-error @below {{expected dims to be an even number of the 5 rows of a group, got 6}}
  %0 = nyala.interleave_rows %w {groups = 2, dims = 6} : tensor<10x4xf32>
  return
}

// -----

func.func @packed(%w: tensor<16x4xf32, #nyala.packed<f32>>) {
  // expected-error @below {{expected a plain weight with rows}}
  %0 = nyala.interleave_rows %w {groups = 2, dims = 4} : tensor<16x4xf32, #nyala.packed<f32>>
  return
}
