//===- ImageGradientOps.td - Training of image networks -----*- tablegen -*-===//
#ifndef NYALA_IR_IMAGEGRADIENTOPS_TD
#define NYALA_IR_IMAGEGRADIENTOPS_TD

include "ir/ImageOpBase.td"

/// An op of which each result depends on all images: pure, executable by the interpreter, with a cost.
class Nyala_BatchOp<string mnemonic, list<Trait> traits = []>
    : Nyala_Op<mnemonic, traits#[Pure, DeclareOpInterfaceMethods<Nyala_CostOpInterface>,
                                 DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>]>;

//===----------------------------------------------------------------------===//
// Convolutions and pooling
//===----------------------------------------------------------------------===//

def Nyala_ConvolutionWeightGradientOp : Nyala_BatchOp<"convolution_weight_gradient"> {
  let summary = "gradient of a convolution with respect to its weight";
  let description = [{
    For the convolution of `images` with these attributes whose result's gradient is `windows`, over all images n and windows (y, x):

    `result[o, c, i, j] = sum_{n,y,x} windows[n, o, y, x] * images[n, o / (O/g) * C/g + c,
       y * strides[0] + i * dilations[0] - pads[0], x * strides[1] + j * dilations[1] - pads[1]]`.

    For a transposed convolution `windows` is its input, `images` its result's gradient.

    ```mlir
    %dw = nyala.convolution_weight_gradient %dy, %x {strides = array<i64: 2, 2>, pads = array<i64: 3, 3, 3, 3>}
       : tensor<8x64x112x112xf32>, tensor<8x3x224x224xf32> -> tensor<64x3x7x7xf32>
    ```
  }];
  let arguments = !con((ins Nyala_Images:$windows, Nyala_Images:$images),
                       Nyala_Window<>.parameters, (ins DefaultValuedAttr<I64Attr, "1">:$groups));
  let results = (outs Nyala_Filters:$result);
  let assemblyFormat = [{
    $windows `,` $images attr-dict `:` type($windows) `,` type($images) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_PoolGradientOp : Nyala_ImageOp<"pool_gradient"> {
  let summary = "gradient of pool";
  let description = [{
    The result has the shape of the pooled images; windows are those of `nyala.pool` with these attributes. A window's gradient goes to
    its maximum, which is found in `input` again, the first in the order of rows and columns where several are equal; that
    of an average, in equal parts, to all that took part in it, for which `input` is not needed and must be absent.

    ```mlir
    %dx = nyala.pool_gradient max %dy of %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>}
       : tensor<8x64x55x55xf32>, tensor<8x64x112x112xf32> -> tensor<8x64x112x112xf32>
    %dz = nyala.pool_gradient average %dm {window = array<i64: 7, 7>} : tensor<8x64x1x1xf32> -> tensor<8x64x7x7xf32>
    ```
  }];
  let arguments = !con((ins Nyala_PoolKindAttr:$kind, Nyala_Images:$gradient,
                        Optional<Nyala_Images>:$input, DenseI64ArrayAttr:$window),
                       Nyala_Window<>.parameters, (ins UnitAttr:$count_pads));
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = [{
    `` $kind $gradient (`of` $input^)? attr-dict `:` type($gradient) (`,` type($input)^)?
    `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

def Nyala_BatchNormTrainingOp
    : Nyala_BatchOp<"batch_norm_training",
                    [AllTypesMatch<["input", "result"]>,
                     AllTypesMatch<["scale", "bias", "mean", "variance"]>]> {
  let summary = "batch normalization by the batch's own statistics";
  let description = [{
    `mean[c]` and `variance[c]` are those of channel c, the second dimension, over all images and places (the variance divided by their
    number); `result` is `nyala.batch_norm` by them (Ioffe and Szegedy 2015, algorithm 1).

    ```mlir
    %n, %m, %v = nyala.batch_norm_training %x scale %s bias %b {epsilon = 1.0e-5 : f32}
       : tensor<8x64x56x56xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$input, Nyala_Vector:$scale, Nyala_Vector:$bias,
                       F32Attr:$epsilon);
  let results = (outs Nyala_Planes:$result, Nyala_Vector:$mean, Nyala_Vector:$variance);
  let assemblyFormat = [{
    $input `scale` $scale `bias` $bias attr-dict `:` type($input) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Nyala_BatchNormWeightGradientOp
    : Nyala_BatchOp<"batch_norm_weight_gradient",
                    [AllTypesMatch<["gradient", "input"]>,
                     AllTypesMatch<["mean", "variance", "scale_gradient", "bias_gradient"]>]> {
  let summary = "gradients of batch_norm with respect to scale and bias";
  let description = [{
    With z = (input - mean[c]) / sqrt(variance[c] + epsilon), summed over images and places of channel c:
    `scale_gradient[c] = sum gradient * z`, `bias_gradient[c] = sum gradient`. The same for statistics of the batch.

    ```mlir
    %ds, %db = nyala.batch_norm_weight_gradient %dy, %x mean %m variance %v {epsilon = 1.0e-5 : f32}
       : tensor<8x64x56x56xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$gradient, Nyala_Planes:$input, Nyala_Vector:$mean,
                       Nyala_Vector:$variance, F32Attr:$epsilon);
  let results = (outs Nyala_Vector:$scale_gradient, Nyala_Vector:$bias_gradient);
  let assemblyFormat = [{
    $gradient `,` $input `mean` $mean `variance` $variance attr-dict `:` type($input) `,` type($mean)
  }];
  let hasVerifier = 1;
}

def Nyala_BatchNormGradientOp
    : Nyala_ImageOp<"batch_norm_gradient",
                    [Nyala_Pointwise, AllTypesMatch<["gradient", "input", "result"]>,
                     AllTypesMatch<["scale", "mean", "variance", "scale_gradient", "bias_gradient"]>]> {
  let summary = "gradient of batch_norm_training with respect to its input";
  let description = [{
    With z as in `nyala.batch_norm_weight_gradient`, which gives the sums, and n places of a channel in all images:
    `result = scale[c] / sqrt(variance[c] + epsilon) * (gradient - (bias_gradient[c] + z * scale_gradient[c]) / n)`.

    ```mlir
    %dx = nyala.batch_norm_gradient %dy, %x scale %s mean %m variance %v sums %ds, %db {epsilon = 1.0e-5 : f32}
       : tensor<8x64x56x56xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$gradient, Nyala_Planes:$input, Nyala_Vector:$scale,
                       Nyala_Vector:$mean, Nyala_Vector:$variance, Nyala_Vector:$scale_gradient,
                       Nyala_Vector:$bias_gradient, F32Attr:$epsilon);
  let results = (outs Nyala_Planes:$result);
  let assemblyFormat = [{
    $gradient `,` $input `scale` $scale `mean` $mean `variance` $variance `sums` $scale_gradient `,`
    $bias_gradient attr-dict `:` type($input) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Nyala_MovingAverageOp
    : Nyala_BatchOp<"moving_average", [SameOperandsAndResultType,
                                       DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>]> {
  let summary = "a step of an exponential moving average";
  let description = [{
    `result = momentum * state + (1 - momentum) * value`, computed where the state lies: the running statistics of
    batch normalization.

    ```mlir
    %m1 = nyala.moving_average %m, %mean {momentum = 0.9 : f32} : tensor<1x64xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$state, Nyala_Matrix:$value, F32Attr:$momentum);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$state `,` $value attr-dict `:` type($result)";
}

def Nyala_LocalResponseNormGradientOp
    : Nyala_ImageOp<"local_response_norm_gradient", [AllTypesMatch<["gradient", "input", "result"]>]> {
  let summary = "gradient of local_response_norm";
  let description = [{
    With d[k] the divisor of channel k before it is raised to `beta`, over the channels k whose sum contains channel c:
    `result[c] = gradient[c] / d[c]^beta - 2 * alpha * beta / size * input[c] * sum_k gradient[k] * input[k] / d[k]^(beta + 1)`.

    ```mlir
    %dx = nyala.local_response_norm_gradient %dy, %x
       {size = 5, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<8x96x54x54xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$gradient, Nyala_Planes:$input, I64Attr:$size, F32Attr:$alpha,
                       F32Attr:$beta, F32Attr:$bias);
  let results = (outs Nyala_Planes:$result);
  let assemblyFormat = "$gradient `,` $input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

def Nyala_TransposedResizeOp : Nyala_ImageOp<"transposed_resize"> {
  let summary = "the transpose of a resize";
  let description = [{
    What `nyala.resize` with the same attributes, of images of the result's size, gathers, scattered: each pixel of the input, by its
    weights, is added to the pixels that `nyala.resize` makes it of. Its gradient.

    ```mlir
    %dx = nyala.transposed_resize nearest %dy {coordinates = #nyala<resize_coordinates asymmetric>,
         rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.0, 2.0>}
       : tensor<8x64x56x56xf32> -> tensor<8x64x28x28xf32>
    ```
  }];
  let arguments = (ins Nyala_ResizeKindAttr:$kind, Nyala_Images:$input,
      Nyala_ResizeCoordinatesAttr:$coordinates,
      DefaultValuedAttr<Nyala_ResizeRoundingAttr, "::nyala::ResizeRounding::HalfDown">:$rounding,
      DenseF64ArrayAttr:$scales);
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = "`` $kind $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif // NYALA_IR_IMAGEGRADIENTOPS_TD
