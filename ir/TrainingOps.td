//===- TrainingOps.td - Ops of training steps ---------------*- tablegen -*-===//
#ifndef NYALA_IR_TRAININGOPS_TD
#define NYALA_IR_TRAININGOPS_TD

include "ir/NyalaOpBase.td"

/// An op of a training step: pure, executable by the interpreter, with a cost.
class Nyala_TrainingOp<string mnemonic, list<Trait> traits = []>
    : Nyala_Op<mnemonic, traits # [
        Pure,
        DeclareOpInterfaceMethods<Nyala_CostOpInterface>,
        DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>,
        DeclareOpInterfaceMethods<Nyala_FusibleOpInterface>]>;

/// One of which each result row has a row of its own.
class Nyala_TrainingRowOp<string mnemonic, list<Trait> traits = []>
    : Nyala_TrainingOp<mnemonic, traits # [
        DeclareOpInterfaceMethods<Nyala_RowDomainOpInterface, ["getRowOperands"]>]>;

def Nyala_Scalar : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({1, 1}, ::mlir::Float32Type::get($_self.getContext()))">,
    "tensor<1x1xf32>", "::mlir::RankedTensorType">,
  BuildableType<"::mlir::RankedTensorType::get({1, 1}, $_builder.getF32Type())">;
/// One number a row.
def Nyala_Column : ConfinedType<2DTensorOf<[F32]>, [
    CPred<"::llvm::cast<::mlir::ShapedType>($_self).getDimSize(1) == 1">], "one column of f32">;

//===----------------------------------------------------------------------===//
// Products and sums over rows
//===----------------------------------------------------------------------===//

def Nyala_MatmulOp : Nyala_TrainingOp<"matmul"> {
  let summary = "a matrix product";
  let description = [{
    `result[i, j] = sum_k A[i, k] * B[k, j] (+ accumulator[i, j])`, where A is `a`, or its transpose if
    `transpose_a`, and B likewise. Sums are in the result's type. The gradients of a linear layer:

    ```mlir
    %dx = nyala.matmul %dy, %w : tensor<512x1536xf32>, tensor<1536x576xf32> -> tensor<512x576xf32>
    %dw = nyala.matmul %dy, %x {transpose_a}
       : tensor<512x1536xf32>, tensor<512x576xf32> -> tensor<1536x576xf32>
    %s = nyala.matmul %a, %b plus %r {transpose_b}
       : tensor<8x16xf32>, tensor<4x16xf32>, tensor<8x4xf32> -> tensor<8x4xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$a, Nyala_Matrix:$b, Optional<Nyala_Matrix>:$accumulator,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $a `,` $b (`plus` $accumulator^)? attr-dict `:` type($a) `,` type($b) (`,` type($accumulator)^)?
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_SumRowsOp : Nyala_TrainingOp<"sum_rows"> {
  let summary = "the sum of all rows, or of their squares";
  let description = [{
    `result[0, c] = sum_r input[r, c]`; with `squared`, of `input[r, c]^2`. Rows ascending.

    ```mlir
    %db = nyala.sum_rows %dy : tensor<512x576xf32> -> tensor<1x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input, UnitAttr:$squared);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_ScatterAddOp : Nyala_TrainingOp<"scatter_add", [
    DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>]> {
  let summary = "adds rows to rows chosen by index";
  let description = [{
    `result = initial` (zeros if absent), then `result[ids[r], :] += rows[r, :]` for r ascending. The
    gradient of a look-up. Canonicalization adds to another value at once, rather than adding a matrix that is
    mostly zeros.

    ```mlir
    %dt = nyala.scatter_add %dy at %tokens
       : tensor<512x576xf32>, tensor<512xi32> -> tensor<49152x576xf32>
    %ds = nyala.scatter_add %dy at %tokens into %dt
       : tensor<512x576xf32>, tensor<512xi32>, tensor<49152x576xf32> -> tensor<49152x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$rows, Nyala_Ids:$ids, Optional<Nyala_Matrix>:$initial);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $rows `at` $ids (`into` $initial^)? attr-dict `:` type($rows) `,` type($ids)
    (`,` type($initial)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Nyala_BroadcastColumnsOp : Nyala_TrainingRowOp<"broadcast_columns"> {
  let summary = "one number a row, in every channel";
  let description = [{
    `result[r, c] = input[r, 0]`: the gradient of a sum over channels.

    ```mlir
    %x = nyala.broadcast_columns %s : tensor<512x1xf32> -> tensor<512x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Column:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Gradients of norms, activations and softmax
//===----------------------------------------------------------------------===//

def Nyala_RmsNormGradientOp : Nyala_TrainingRowOp<"rms_norm_gradient",
    [AllTypesMatch<["gradient", "input", "result"]>]> {
  let summary = "gradient of rms_norm with respect to its input";
  let description = [{
    With n = 1 / sqrt(sum(input^2) / c + epsilon) and g = gradient * weight, in each of `groups` parts of
    c channels: `result = n * (g - input * n^2 * sum(g * input) / c)`.

    ```mlir
    %dx = nyala.rms_norm_gradient %dy, %x, %w {epsilon = 1.0e-5 : f32}
       : tensor<512x576xf32>, tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$input, Nyala_Vector:$weight,
                       F32Attr:$epsilon, DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $gradient `,` $input `,` $weight attr-dict `:` type($input) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def Nyala_RmsNormWeightGradientOp : Nyala_TrainingOp<"rms_norm_weight_gradient",
    [AllTypesMatch<["gradient", "input"]>]> {
  let summary = "gradient of rms_norm with respect to its weight";
  let description = [{
    `result[c] = sum over rows and groups of gradient * input * n`, n as in `nyala.rms_norm_gradient`.

    ```mlir
    %dw = nyala.rms_norm_weight_gradient %dy, %x {epsilon = 1.0e-5 : f32}
       : tensor<512x576xf32> -> tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$input, F32Attr:$epsilon,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Nyala_Vector:$result);
  let assemblyFormat = "$gradient `,` $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_LayerNormGradientOp : Nyala_TrainingRowOp<"layer_norm_gradient",
    [AllTypesMatch<["gradient", "input", "result"]>]> {
  let summary = "gradient of layer_norm with respect to its input";
  let description = [{
    With n = 1 / sqrt(variance + epsilon), z = (input - mean) * n and g = gradient * weight over a row:
    `result = n * (g - mean(g) - z * mean(g * z))`.

    ```mlir
    %dx = nyala.layer_norm_gradient %dy, %x, %w {epsilon = 1.0e-5 : f32}
       : tensor<512x576xf32>, tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$input, Nyala_Vector:$weight,
                       F32Attr:$epsilon);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $gradient `,` $input `,` $weight attr-dict `:` type($input) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def Nyala_LayerNormWeightGradientOp : Nyala_TrainingOp<"layer_norm_weight_gradient",
    [AllTypesMatch<["gradient", "input"]>]> {
  let summary = "gradient of layer_norm with respect to its weight";
  let description = [{
    `result[c] = sum over rows of gradient * z`, z as in `nyala.layer_norm_gradient`.

    ```mlir
    %dw = nyala.layer_norm_weight_gradient %dy, %x {epsilon = 1.0e-5 : f32}
       : tensor<512x576xf32> -> tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$input, F32Attr:$epsilon);
  let results = (outs Nyala_Vector:$result);
  let assemblyFormat = "$gradient `,` $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_ActivationGradientOp : Nyala_TrainingRowOp<"activation_gradient",
    [Nyala_Pointwise, SameOperandsAndResultType]> {
  let summary = "gradient of activation";
  let description = [{
    `result = gradient * activation'(input)`.

    ```mlir
    %dx = nyala.activation_gradient silu %dy, %x : tensor<512x1536xf32>
    ```
  }];
  let arguments = (ins Nyala_ActivationKindAttr:$kind, Nyala_Matrix:$gradient, Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "`` $kind $gradient `,` $input attr-dict `:` type($result)";
}

def Nyala_GatedActivationGradientOp : Nyala_TrainingRowOp<"gated_activation_gradient",
    [AllTypesMatch<["gradient", "gate", "input", "gate_gradient", "input_gradient"]>]> {
  let summary = "gradients of gated_activation";
  let description = [{
    `gate_gradient = gradient * input * activation'(gate)`, `input_gradient = gradient * activation(gate)`.

    ```mlir
    %dg, %du = nyala.gated_activation_gradient silu %dy, %gate, %up : tensor<512x1536xf32>
    ```
  }];
  let arguments = (ins Nyala_ActivationKindAttr:$kind, Nyala_Matrix:$gradient, Nyala_Matrix:$gate,
                       Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$gate_gradient, Nyala_Matrix:$input_gradient);
  let assemblyFormat = "`` $kind $gradient `,` $gate `,` $input attr-dict `:` type($gate)";
}

def Nyala_SoftmaxGradientOp : Nyala_TrainingRowOp<"softmax_gradient", [SameOperandsAndResultType]> {
  let summary = "gradient of softmax";
  let description = [{
    `result = output * (gradient - sum(gradient * output))` over each row, `output` being the softmax.

    ```mlir
    %dx = nyala.softmax_gradient %dy, %y : tensor<512x64xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$output);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$gradient `,` $output attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Attention among the rows of a batch
//===----------------------------------------------------------------------===//

def Nyala_SelfAttentionOp : Nyala_TrainingOp<"self_attention"> {
  let summary = "attention of sequences of equal length, without a cache";
  let description = [{
    `nyala.attention` where the keys and values are those of the same call: rows are sequences of
    `length` rows, one after the other, and row r has position `r mod length`. With p_rs the mask's
    softmax over s of `scale * query[r, h] · keys[s]`: `result[r, h] = sum_s p_rs * values[s]`, and
    `log_sum_exp[r, h]` is the logarithm of the softmax's denominator, so that
    `p_rs = exp(scale * query[r, h] · keys[s] - log_sum_exp[r, h])` (Dao 2023, FlashAttention-2,
    section 3.1).

    ```mlir
    %a, %l = nyala.self_attention %q, %k, %v
       {heads = 9, kv_heads = 3, scale = 0.125 : f32, length = 256, mask = #nyala.mask<causal>}
       : tensor<512x576xf32>, tensor<512x192xf32>, tensor<512x192xf32>
       -> tensor<512x576xf32>, tensor<512x9xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$query, Nyala_Matrix:$keys, Nyala_Matrix:$values,
                       I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale, I64Attr:$length,
                       Nyala_MaskAttr:$mask);
  let results = (outs Nyala_Matrix:$result, Nyala_Matrix:$log_sum_exp);
  let assemblyFormat = [{
    $query `,` $keys `,` $values attr-dict `:` type($query) `,` type($keys) `,` type($values) `->`
    type($result) `,` type($log_sum_exp)
  }];
  let hasVerifier = 1;
}

def Nyala_SelfAttentionGradientOp : Nyala_TrainingOp<"self_attention_gradient",
    [AllTypesMatch<["gradient", "result"]>, AllTypesMatch<["query", "query_gradient"]>,
     AllTypesMatch<["keys", "keys_gradient"]>, AllTypesMatch<["values", "values_gradient"]>]> {
  let summary = "gradients of self_attention";
  let description = [{
    Probabilities p_rs are computed again from `log_sum_exp`. With g = gradient[r, h],
    `d_rs = scale * p_rs * (g · values[s] - g · result[r, h])` (Dao 2023, section 3.1):
    `query_gradient[r, h] = sum_s d_rs * keys[s]`, `keys_gradient[s] = sum over rows and heads of d_rs *
    query[r, h]`, `values_gradient[s] = sum over rows and heads of p_rs * g`.

    ```mlir
    %dq, %dk, %dv = nyala.self_attention_gradient %da, %q, %k, %v, %a, %l
       {heads = 9, kv_heads = 3, scale = 0.125 : f32, length = 256, mask = #nyala.mask<causal>}
       : tensor<512x576xf32>, tensor<512x192xf32>, tensor<512x192xf32>, tensor<512x576xf32>,
         tensor<512x9xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$gradient, Nyala_Matrix:$query, Nyala_Matrix:$keys,
                       Nyala_Matrix:$values, Nyala_Matrix:$result, Nyala_Matrix:$log_sum_exp,
                       I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale, I64Attr:$length,
                       Nyala_MaskAttr:$mask);
  let results = (outs Nyala_Matrix:$query_gradient, Nyala_Matrix:$keys_gradient,
                      Nyala_Matrix:$values_gradient);
  let assemblyFormat = [{
    $gradient `,` $query `,` $keys `,` $values `,` $result `,` $log_sum_exp attr-dict `:`
    type($query) `,` type($keys) `,` type($values) `,` type($result) `,` type($log_sum_exp)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

def Nyala_CrossEntropyOp : Nyala_TrainingRowOp<"cross_entropy"> {
  let summary = "negative log-likelihood of tokens, with the head that predicts them";
  let description = [{
    With logits z = input · weightᵀ, which are never held at once for all rows
    (`nyala-expand-cross-entropy`): `log_sum_exp[r] = log sum_v exp(z[r, v])` and
    `loss[r] = log_sum_exp[r] - z[r, targets[r]]`.

    ```mlir
    %l, %s = nyala.cross_entropy %x, %w at %targets
       : tensor<512x576xf32>, tensor<49152x576xf32>, tensor<512xi32>
       -> tensor<512x1xf32>, tensor<512x1xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input, Nyala_Matrix:$weight, Nyala_Ids:$targets);
  let results = (outs Nyala_Column:$loss, Nyala_Column:$log_sum_exp);
  let assemblyFormat = [{
    $input `,` $weight `at` $targets attr-dict `:` type($input) `,` type($weight) `,` type($targets)
    `->` type($loss) `,` type($log_sum_exp)
  }];
  let hasVerifier = 1;
}

def Nyala_CrossEntropyGradientOp : Nyala_TrainingOp<"cross_entropy_gradient",
    [AllTypesMatch<["input", "input_gradient"]>, AllTypesMatch<["weight", "weight_gradient"]>,
     AllTypesMatch<["gradient", "log_sum_exp"]>]> {
  let summary = "gradients of cross_entropy";
  let description = [{
    With `d[r, v] = gradient[r] * (exp(z[r, v] - log_sum_exp[r]) - (v == targets[r]))`, z as in
    `nyala.cross_entropy` and computed again: `input_gradient = d · weight`,
    `weight_gradient = dᵀ · input`.

    ```mlir
    %dx, %dw = nyala.cross_entropy_gradient %dl, %x, %w, %s at %targets
       : tensor<512x1xf32>, tensor<512x576xf32>, tensor<49152x576xf32>, tensor<512xi32>
    ```
  }];
  let arguments = (ins Nyala_Column:$gradient, Nyala_Matrix:$input, Nyala_Matrix:$weight,
                       Nyala_Column:$log_sum_exp, Nyala_Ids:$targets);
  let results = (outs Nyala_Matrix:$input_gradient, Nyala_Matrix:$weight_gradient);
  let assemblyFormat = [{
    $gradient `,` $input `,` $weight `,` $log_sum_exp `at` $targets attr-dict `:` type($gradient) `,`
    type($input) `,` type($weight) `,` type($targets)
  }];
  let hasVerifier = 1;
}

def Nyala_LogSumExpOp : Nyala_TrainingRowOp<"log_sum_exp", [AttrSizedOperandSegments]> {
  let summary = "log-sum-exp and the target's logit, over one range of the vocabulary after the other";
  let description = [{
    `log_sum_exp[r] = log(exp(previous_sum[r]) + sum_v exp(logits[r, v]))`;
    `target_logit[r] = logits[r, targets[r]]` if there is such a channel, else `previous_logit[r]`.
    Without previous values their sum is minus infinity and their logit 0. `targets` count from the first
    channel of this range.

    ```mlir
    %s0, %t0 = nyala.log_sum_exp %z0 at %targets0
       : tensor<512x4096xf32>, tensor<512xi32> -> tensor<512x1xf32>, tensor<512x1xf32>
    %s1, %t1 = nyala.log_sum_exp %z1 at %targets1 after %s0, %t0
       : tensor<512x4096xf32>, tensor<512xi32>, tensor<512x1xf32>, tensor<512x1xf32>
       -> tensor<512x1xf32>, tensor<512x1xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$logits, Nyala_Ids:$targets, Optional<Nyala_Column>:$previous_sum,
                       Optional<Nyala_Column>:$previous_logit);
  let results = (outs Nyala_Column:$log_sum_exp, Nyala_Column:$target_logit);
  let assemblyFormat = [{
    $logits `at` $targets (`after` $previous_sum^ `,` $previous_logit)? attr-dict `:` type($logits) `,`
    type($targets) (`,` type($previous_sum)^ `,` type($previous_logit))? `->` type($log_sum_exp) `,`
    type($target_logit)
  }];
  let hasVerifier = 1;
}

def Nyala_LogitsGradientOp : Nyala_TrainingRowOp<"logits_gradient",
    [AllTypesMatch<["logits", "result"]>, AllTypesMatch<["gradient", "log_sum_exp"]>]> {
  let summary = "gradient of cross entropy with respect to a range of logits";
  let description = [{
    `result[r, v] = gradient[r] * (exp(logits[r, v] - log_sum_exp[r]) - (v == targets[r]))`; `targets`
    count from the first channel of this range.

    ```mlir
    %d = nyala.logits_gradient %dl, %z, %s at %targets
       : tensor<512x1xf32>, tensor<512x4096xf32>, tensor<512xi32>
    ```
  }];
  let arguments = (ins Nyala_Column:$gradient, Nyala_Matrix:$logits, Nyala_Column:$log_sum_exp,
                       Nyala_Ids:$targets);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $gradient `,` $logits `,` $log_sum_exp `at` $targets attr-dict `:` type($gradient) `,`
    type($logits) `,` type($targets)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

def Nyala_AdamWOp : Nyala_TrainingRowOp<"adamw", [
    AllTypesMatch<["weight", "mean", "variance", "gradient", "new_weight", "new_mean", "new_variance"]>,
    DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>]> {
  let summary = "one step of AdamW";
  let description = [{
    With g = scale * gradient (Loshchilov and Hutter 2019, algorithm 2):
    `new_mean = beta1 * mean + (1 - beta1) * g`, `new_variance = beta2 * variance + (1 - beta2) * g^2`,
    `new_weight = weight - rate * weight_decay * weight
                  - rate * (new_mean / correction1) / (sqrt(new_variance / correction2) + epsilon)`,
    where the corrections are `1 - beta^t` after t steps. A scale that is not finite leaves everything as it
    is.

    ```mlir
    %w1, %m1, %v1 = nyala.adamw %w, %m, %v, %g rate %rate scale %scale corrections %c1, %c2
       {beta1 = 0.9 : f32, beta2 = 0.95 : f32, epsilon = 1.0e-8 : f32, weight_decay = 0.1 : f32}
       : tensor<576x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$weight, Nyala_Matrix:$mean, Nyala_Matrix:$variance,
                       Nyala_Matrix:$gradient, Nyala_Scalar:$rate, Nyala_Scalar:$scale,
                       Nyala_Scalar:$correction1, Nyala_Scalar:$correction2, F32Attr:$beta1,
                       F32Attr:$beta2, F32Attr:$epsilon, F32Attr:$weight_decay);
  let results = (outs Nyala_Matrix:$new_weight, Nyala_Matrix:$new_mean, Nyala_Matrix:$new_variance);
  let assemblyFormat = [{
    $weight `,` $mean `,` $variance `,` $gradient `rate` $rate `scale` $scale `corrections` $correction1
    `,` $correction2 attr-dict `:` type($weight)
  }];
}

def Nyala_SgdOp : Nyala_TrainingRowOp<"sgd", [
    AllTypesMatch<["weight", "velocity", "gradient", "new_weight", "new_velocity"]>,
    DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>]> {
  let summary = "one step of stochastic gradient descent with momentum";
  let description = [{
    With g = scale * gradient + weight_decay * weight (Sutskever et al. 2013, section 2; without Nesterov's
    correction): `new_velocity = momentum * velocity + g`, `new_weight = weight - rate * new_velocity`. A
    scale that is not finite leaves everything as it is.

    ```mlir
    %w1, %v1 = nyala.sgd %w, %v, %g rate %rate scale %scale
       {momentum = 0.9 : f32, weight_decay = 0.0 : f32} : tensor<576x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$weight, Nyala_Matrix:$velocity, Nyala_Matrix:$gradient,
                       Nyala_Scalar:$rate, Nyala_Scalar:$scale, F32Attr:$momentum,
                       F32Attr:$weight_decay);
  let results = (outs Nyala_Matrix:$new_weight, Nyala_Matrix:$new_velocity);
  let assemblyFormat = [{
    $weight `,` $velocity `,` $gradient `rate` $rate `scale` $scale attr-dict `:` type($weight)
  }];
}

#endif // NYALA_IR_TRAININGOPS_TD
