// Ops of upstream dialects, on scalars and tensors. Values can be told by hand or are well known
// constants.
// RUN: nyala-interpret %s --precision f64 | FileCheck %s --check-prefixes=CHECK,F64
// RUN: nyala-interpret %s | FileCheck %s --check-prefixes=CHECK,F32

// CHECK-LABEL: {{^}}floats: 16x2xf32
// CHECK-NEXT: {{^}}  [3.5, -4]{{$}}
// CHECK-NEXT: {{^}}  [-1.5, 0]{{$}}
// CHECK-NEXT: {{^}}  [2.5, 4]{{$}}
// CHECK-NEXT: {{^}}  [0.4, 1]{{$}}
// CHECK-NEXT: {{^}}  [2.5, -2]{{$}}
// CHECK-NEXT: {{^}}  [1, -2]{{$}}
// CHECK-NEXT: {{^}}  [-1, 2]{{$}}
// CHECK-NEXT: {{^}}  [1, 2]{{$}}
// F64-NEXT: {{^}}  [2.718281828{{[0-9]*}}, 0.135335283{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [2.7182817, 0.13533528]{{$}}
// F64-NEXT: {{^}}  [0, 0.693147180{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [0, 0.6931472]{{$}}
// F64-NEXT: {{^}}  [1, 1.41421356{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [1, 1.4142135]{{$}}
// F64-NEXT: {{^}}  [1, 0.707106781{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [1, 0.70710677]{{$}}
// F64-NEXT: {{^}}  [0.761594155{{[0-9]*}}, -0.964027580{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [0.7615942, -0.9640276]{{$}}
// F64-NEXT: {{^}}  [0.841470984{{[0-9]*}}, -0.909297426{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [0.84147096, -0.9092974]{{$}}
// F64-NEXT: {{^}}  [0.540302305{{[0-9]*}}, -0.416146836{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [0.5403023, -0.41614684]{{$}}
// F64-NEXT: {{^}}  [0.842700792{{[0-9]*}}, -0.995322265{{[0-9]*}}]{{$}}
// F32-NEXT: {{^}}  [0.8427008, -0.9953223]{{$}}
// An f32 sum is rounded; in f64 the operands are f32 constants still.
// CHECK-LABEL: {{^}}sum: 1xf32
// F64-NEXT: {{^}}  [0.30000000447034836]{{$}}
// F32-NEXT: {{^}}  [0.3]{{$}}
// CHECK-LABEL: {{^}}half: 1xf16
// F64-NEXT: {{^}}  [0.10000000149011612]{{$}}
// F32-NEXT: {{^}}  [0.0999755859375]{{$}}
// CHECK-LABEL: {{^}}integers: 9xi32
// Wraps, rounds towards zero, remainder has the dividend's sign.
// CHECK-NEXT: {{^}}  [-2147483648, 10, -14, -3, -1, 7, -7, -3, 255]{{$}}
// CHECK-LABEL: {{^}}choice: 4xf32
// CHECK-NEXT: {{^}}  [1, -2, -3, 4]{{$}}
// CHECK-LABEL: {{^}}order: 3xi1
// CHECK-NEXT: {{^}}  [1, 0, 1]{{$}}
// CHECK-LABEL: {{^}}concat: 2x3xf32
// CHECK-NEXT: {{^}}  [1, 2, 9]{{$}}
// CHECK-NEXT: {{^}}  [3, 4, 8]{{$}}
// CHECK-LABEL: {{^}}dim: index
// CHECK-NEXT: {{^}}  [3]{{$}}
// CHECK-LABEL: {{^}}splat: 2x2xf32
// CHECK-NEXT: {{^}}  [1.5, 1.5]{{$}}
// CHECK-NEXT: {{^}}  [1.5, 1.5]{{$}}
func.func @forward() -> (
    tensor<16x2xf32> {nyala.result = "floats"}, tensor<1xf32> {nyala.result = "sum"},
    tensor<1xf16> {nyala.result = "half"}, tensor<9xi32> {nyala.result = "integers"},
    tensor<4xf32> {nyala.result = "choice"}, tensor<3xi1> {nyala.result = "order"},
    tensor<2x?xf32> {nyala.result = "concat"}, index {nyala.result = "dim"},
    tensor<2x2xf32> {nyala.result = "splat"}) {
  %x = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
  %y = arith.constant dense<[[2.5, -2.0]]> : tensor<1x2xf32>
  %p = math.absf %x : tensor<1x2xf32>
  %add = arith.addf %x, %y : tensor<1x2xf32>
  %sub = arith.subf %x, %y : tensor<1x2xf32>
  %mul = arith.mulf %x, %y : tensor<1x2xf32>
  %div = arith.divf %x, %y : tensor<1x2xf32>
  %max = arith.maximumf %x, %y : tensor<1x2xf32>
  %min = arith.minimumf %x, %y : tensor<1x2xf32>
  %neg = arith.negf %x : tensor<1x2xf32>
  %exp = math.exp %x : tensor<1x2xf32>
  %log = math.log %p : tensor<1x2xf32>
  %sqrt = math.sqrt %p : tensor<1x2xf32>
  %rsqrt = math.rsqrt %p : tensor<1x2xf32>
  %tanh = math.tanh %x : tensor<1x2xf32>
  %sin = math.sin %x : tensor<1x2xf32>
  %cos = math.cos %x : tensor<1x2xf32>
  %erf = math.erf %x : tensor<1x2xf32>
  %floats = tensor.concat dim(0) %add, %sub, %mul, %div, %max, %min, %neg, %p, %exp, %log, %sqrt, %rsqrt, %tanh, %sin, %cos, %erf
      : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>,
         tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<16x2xf32>

  %tenth = arith.constant dense<0.1> : tensor<1xf32>
  %fifth = arith.constant dense<0.2> : tensor<1xf32>
  %sum = arith.addf %tenth, %fifth : tensor<1xf32>
  %half = arith.truncf %tenth : tensor<1xf32> to tensor<1xf16>

  %most = arith.constant dense<2147483647> : tensor<1xi32>
  %one = arith.constant dense<1> : tensor<1xi32>
  %seven = arith.constant dense<-7> : tensor<1xi32>
  %two = arith.constant dense<2> : tensor<1xi32>
  %wrapped = arith.addi %most, %one : tensor<1xi32>
  %three = arith.constant dense<3> : tensor<1xi32>
  %ten = arith.subi %three, %seven : tensor<1xi32>
  %product = arith.muli %seven, %two : tensor<1xi32>
  %quotient = arith.divsi %seven, %two : tensor<1xi32>
  %rest = arith.remsi %seven, %two : tensor<1xi32>
  %f = arith.sitofp %seven : tensor<1xi32> to tensor<1xf32>
  %back = arith.fptosi %f : tensor<1xf32> to tensor<1xi32>
  %seven_f = arith.constant dense<7.9> : tensor<1xf32>
  %cut = arith.fptosi %seven_f : tensor<1xf32> to tensor<1xi32>
  %three_f = arith.constant dense<-3.9> : tensor<1xf32>
  %cut_negative = arith.fptosi %three_f : tensor<1xf32> to tensor<1xi32>
  %byte = arith.constant dense<-1> : tensor<1xi8>
  %unsigned = arith.extui %byte : tensor<1xi8> to tensor<1xi32>
  %integers = tensor.concat dim(0) %wrapped, %ten, %product, %quotient, %rest, %cut, %back, %cut_negative, %unsigned
      : (tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<9xi32>

  %numbers = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %negated = arith.negf %numbers : tensor<4xf32>
  %nan = arith.constant dense<[0.0, 9.0, 0x7FC00000, 4.0]> : tensor<4xf32>
  %less = arith.cmpf ole, %nan, %numbers : tensor<4xf32>
  %choice = arith.select %less, %numbers, %negated : tensor<4xi1>, tensor<4xf32>
  %all = arith.constant true
  %same = arith.select %all, %choice, %negated : tensor<4xf32>
  %a = arith.constant dense<[-1, 1, 5]> : tensor<3xi32>
  %b = arith.constant dense<[1, -1, 5]> : tensor<3xi32>
  %order = arith.cmpi sle, %a, %b : tensor<3xi32>

  %left = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %right = arith.constant dense<[[9.0], [8.0]]> : tensor<2x1xf32>
  %joined = tensor.concat dim(1) %left, %right : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  %concat = tensor.cast %joined : tensor<2x3xf32> to tensor<2x?xf32>
  %c1 = arith.constant 1 : index
  %dim = tensor.dim %concat, %c1 : tensor<2x?xf32>
  %splat = arith.constant dense<1.5> : tensor<2x2xf32>
  return %floats, %sum, %half, %integers, %same, %order, %concat, %dim, %splat
      : tensor<16x2xf32>, tensor<1xf32>, tensor<1xf16>, tensor<9xi32>, tensor<4xf32>, tensor<3xi1>, tensor<2x?xf32>, index, tensor<2x2xf32>
}

// Reshapes keep the order of values.
// RUN: nyala-interpret %s --entry=reshaped | FileCheck %s --check-prefix=RESHAPED
// RESHAPED: 0: 2x2x2xf32
// RESHAPED: [7, 8]
// RESHAPED: 1: 4x2xf32
// RESHAPED: [7, 8]
func.func @reshaped() -> (tensor<2x2x?xf32>, tensor<?x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %c2 = arith.constant 2 : index
  %dynamic = tensor.cast %x : tensor<4x2xf32> to tensor<4x?xf32>
  %expanded = tensor.expand_shape %dynamic [[0, 1], [2]] output_shape [2, 2, %c2]
     : tensor<4x?xf32> into tensor<2x2x?xf32>
  %ranked = tensor.cast %expanded : tensor<2x2x?xf32> to tensor<?x2x2xf32>
  %collapsed = tensor.collapse_shape %ranked [[0, 1], [2]]
     : tensor<?x2x2xf32> into tensor<?x2xf32>
  return %expanded, %collapsed : tensor<2x2x?xf32>, tensor<?x2xf32>
}

// A slice, without its dimension of one.
// RUN: nyala-interpret %s --entry=slice | FileCheck %s --check-prefix=SLICE
// SLICE: 0: 2x1xf32
// SLICE-NEXT: {{^}}  [4]{{$}}
// SLICE-NEXT: {{^}}  [6]{{$}}
// SLICE: 1: 2xf32
// SLICE-NEXT: {{^}}  [3, 4]{{$}}
func.func @slice() -> (tensor<2x1xf32>, tensor<2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %0 = tensor.extract_slice %x[1, 1] [2, 1] [1, 1] : tensor<3x2xf32> to tensor<2x1xf32>
  %1 = tensor.extract_slice %x[1, 0] [1, 2] [1, 1] : tensor<3x2xf32> to tensor<2xf32>
  return %0, %1 : tensor<2x1xf32>, tensor<2xf32>
}
