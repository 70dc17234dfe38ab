// RUN: nyala-opt %s --nyala-share-rope-tables -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-share-rope-tables --remarks-filter=nyala-share-rope-tables -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --seed 1 --tolerance 1e-5 --dim rows=3
// A table of the wrong base must be noticed.
// RUN: sed -e "s/base = 5.0e+05/base = 5.1e+05/;s/base = 5.000000e+05/base = 5.1e+05/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --seed 1 --tolerance 1e-5 --dim rows=3

// REMARK: remark: {{.*}}RopeTableShared{{.*}}nyala-share-rope-tables{{.*}}forward{{.*}}one table of angles for 3 rotations

// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32> {{{[^}]*}}}, %[[POSITIONS:[a-z0-9]+]]: tensor<?xi32>
// Tables come first: they depend on the positions alone.
// CHECK-NEXT: %[[NEAR:.+]] = nyala.rope_table %[[POSITIONS]] {base = 1.000000e+04 : f64, dims = 8 : i64} : tensor<?xi32> -> tensor<?x8xf32>
// CHECK-NEXT: %[[FAR:.+]] = nyala.rope_table %[[POSITIONS]] {base = 5.000000e+05 : f64, dims = 8 : i64} : tensor<?xi32> -> tensor<?x8xf32>
// CHECK-NEXT: %[[SCALED:.+]] = nyala.rope_table %[[POSITIONS]] {{{.*}}factors = array<f32: 1.000000e+00, 1.000000e+00, 2.000000e+00, 4.000000e+00>, scale = 5.000000e-01 : f64}
// Heads and pairing do not matter to a table.
// CHECK-NEXT: %[[A:.+]] = nyala.rotate adjacent %[[X]] by %[[NEAR]] {heads = 4 : i64}
// CHECK-NEXT: %[[B:.+]] = nyala.rotate half %[[A]] by %[[NEAR]] {heads = 2 : i64}
// CHECK-NEXT: %[[C:.+]] = nyala.rotate half %[[B]] by %[[FAR]] {heads = 4 : i64}
// CHECK-NEXT: %[[D:.+]] = nyala.rotate half %[[C]] by %[[SCALED]] {heads = 4 : i64}
// CHECK-NEXT: %[[E:.+]] = nyala.rotate adjacent %[[D]] by %[[NEAR]] {heads = 4 : i64}
// CHECK-NEXT: return %[[E]]
func.func @forward(%x: tensor<?x32xf32> {nyala.role = "x"},
                   %positions: tensor<?xi32> {nyala.role = "positions"}) -> tensor<?x32xf32> {
  %a = nyala.rope adjacent %x at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %b = nyala.rope half %a at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %c = nyala.rope half %b at %positions {heads = 4, dims = 8, base = 5.0e5}
     : tensor<?x32xf32>, tensor<?xi32>
  %d = nyala.rope half %c at %positions
     {heads = 4, dims = 8, base = 5.0e5, scale = 0.5, factors = array<f32: 1.0, 1.0, 2.0, 4.0>}
     : tensor<?x32xf32>, tensor<?xi32>
  %e = nyala.rope adjacent %d at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  return %e : tensor<?x32xf32>
}

// Positions that are computed: the table follows them. Other positions make another table.
// CHECK-LABEL: func.func @computed_positions
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x16xf32>, %[[P:[a-z0-9]+]]: tensor<?xi32>
// CHECK-NEXT: %[[T0:.+]] = nyala.rope_table %[[P]]
// CHECK-NEXT: %[[S:.+]] = arith.addi %[[P]], %[[P]]
// CHECK-NEXT: %[[T1:.+]] = nyala.rope_table %[[S]]
// CHECK-NEXT: %[[A:.+]] = nyala.rotate adjacent %[[X]] by %[[T1]]
// CHECK-NEXT: nyala.rotate adjacent %[[A]] by %[[T0]]
func.func @computed_positions(%x: tensor<?x16xf32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
  %shifted = arith.addi %positions, %positions : tensor<?xi32>
  %a = nyala.rope adjacent %x at %shifted {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %b = nyala.rope adjacent %a at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  return %b : tensor<?x16xf32>
}

// A function without ropes is left alone.
// CHECK-LABEL: func.func @nothing_to_do
// CHECK-NEXT: return
func.func @nothing_to_do(%x: tensor<?x16xf32>, %positions: tensor<?xi32>) -> tensor<?x16xf32> {
  return %x : tensor<?x16xf32>
}
