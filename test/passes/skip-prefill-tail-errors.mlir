// RUN: nyala-opt %s --nyala-skip-prefill-tail --split-input-file --verify-diagnostics

// expected-error @below {{has no entry point @prefill; run nyala-specialize-entries first, or name one by option 'entry'}}
module {
}

// -----

// expected-error @below {{has no entry point @prefill}}
module {
func.func @prefill(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
}
